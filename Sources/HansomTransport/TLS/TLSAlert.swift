/// An alert of the TLS protocol (RFC 8446 section 6), by its number.
struct TLSAlert: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    let rawValue: UInt8

    /// The name that the standard gives it, in words.
    var name: String {
        switch rawValue {
        case 0: "close notify"
        case 10: "unexpected message"
        case 20: "bad record mac"
        case 22: "record overflow"
        case 40: "handshake failure"
        case 42: "bad certificate"
        case 43: "unsupported certificate"
        case 44: "certificate revoked"
        case 45: "certificate expired"
        case 46: "certificate unknown"
        case 47: "illegal parameter"
        case 48: "unknown ca"
        case 49: "access denied"
        case 50: "decode error"
        case 51: "decrypt error"
        case 70: "protocol version"
        case 71: "insufficient security"
        case 80: "internal error"
        case 86: "inappropriate fallback"
        case 90: "user canceled"
        case 100: "no renegotiation"
        case 109: "missing extension"
        case 110: "unsupported extension"
        case 112: "unrecognized name"
        case 113: "bad certificate status response"
        case 115: "unknown psk identity"
        case 116: "certificate required"
        case 120: "no application protocol"
        default: "unknown"
        }
    }

    /// What it most likely means for whoever receives it, where the name alone does not say.
    var advice: String? {
        switch rawValue {
        case 40: "it found no cipher suite, group or signature in common; `cipherSuites` says more than the default ones"
        case 42, 43, 44, 45, 46: "it refuses the certificate that this side showed"
        case 48: "it does not know the authority behind the certificate that this side showed"
        case 49: "it knows who this side is, and does not want it"
        case 70: "it speaks none of the TLS versions that this side allows"
        case 71: "it wants stronger keys or ciphers than this side offers"
        case 112: "it serves no host of that name"
        case 116: "it wants a client certificate, and none was shown"
        case 120: "it speaks none of the application protocols (ALPN) that this side offered"
        default: nil
        }
    }

    var description: String {
        let base = "alert '\(name)' (\(rawValue))"
        return advice.map { "\(base): \($0)" } ?? base
    }
}
