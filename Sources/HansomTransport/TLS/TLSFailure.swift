import Actors
import CTLS

/// Puts what OpenSSL reports into words.
struct TLSFailure {
    /// What broke, for the owner of the stream.
    let error: StreamError

    /// Whether the peer spoke plain HTTP, and may be told so in its own language.
    let isPlainHTTP: Bool

    /// - Parameters:
    ///   - entries: what OpenSSL left in its queue.
    ///   - link: what the callbacks found out.
    ///   - phase: what was going on, for the message.
    init(_ entries: [TLSErrorQueue.Entry], _ link: TLSLink, phase: String) {
        isPlainHTTP = entries.contains {
            $0.library == ERR_LIB_SSL && ($0.reason == SSL_R_HTTP_REQUEST || $0.reason == SSL_R_HTTPS_PROXY_REQUEST)
        }
        error = .tls("\(phase): \(Self.reason(entries, link))")
    }

    /// - Parameter violation: what the peer does that it must not.
    init(_ violation: String, of link: TLSLink, phase: String) {
        isPlainHTTP = false
        error = .tls("\(phase): the \(link.context.role == .client ? "server" : "client") \(violation)")
    }

    private static func reason(_ entries: [TLSErrorQueue.Entry], _ link: TLSLink) -> String {
        let peer = link.context.role == .client ? "server" : "client"
        if let complaint = link.refusedCertificate { return "the \(peer)'s certificate is refused: \(complaint)" }
        if let offered = link.refusedProtocols {
            let own = link.context.protocols.names.joined(separator: ", ")
            return "the client offers the application protocols (ALPN) \(offered); this side speaks \(own)"
        }
        guard let first = entries.first else { return "no reason given" }
        if let alert = entries.lazy.compactMap(\.alert).first { return "the \(peer) sent \(alert)" }
        guard first.library == ERR_LIB_SSL else { return entries.map(\.text).joined(separator: "; ") }
        switch first.reason {
        case SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST, SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG:
            guard let bytes = link.firstBytes, !looksLikeTLS(bytes) else { return first.text }
            return "the \(peer) does not speak TLS: its first bytes are '\(LogText.escaped(bytes))'"
        case SSL_R_UNSUPPORTED_PROTOCOL, SSL_R_VERSION_TOO_LOW, SSL_R_NO_PROTOCOLS_AVAILABLE:
            return
                "protocol version: the \(peer) does not speak \(link.context.minimumVersion) or later (\(first.text))"
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
            return "the client shows no certificate, and this server requires one"
        case SSL_R_NO_SHARED_CIPHER:
            return "no cipher suite in common"
        default:
            return entries.map(\.text).joined(separator: "; ")
        }
    }

    /// A TLS record begins with its kind (20 to 24) and the major version 3.
    private static func looksLikeTLS(_ bytes: [UInt8]) -> Bool {
        bytes.count >= 2 && (20...24).contains(bytes[0]) && bytes[1] == 3
    }
}

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
        case 40:
            "it found no cipher suite, group or signature in common; `cipherSuites` says more than the default ones"
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

/// OpenSSL's error queue, which belongs to the thread.
enum TLSErrorQueue {
    /// One entry of the queue.
    struct Entry {
        let code: UInt

        /// The part of OpenSSL that it comes from (`ERR_LIB_SSL` and so on).
        var library: Int32 { CTLS_error_library(code) }

        /// What went wrong, a number of that part's own (`SSL_R_...`).
        var reason: Int32 { CTLS_error_reason(code) }

        /// The alert that the peer sent, if that is what it tells of.
        var alert: TLSAlert? {
            guard library == ERR_LIB_SSL, reason >= SSL_AD_REASON_OFFSET else { return nil }
            return UInt8(exactly: reason - SSL_AD_REASON_OFFSET).map(TLSAlert.init(rawValue:))
        }

        /// OpenSSL's words for it.
        var text: String {
            // Safety: the result is a constant of the library, or `nil`.
            guard let words = unsafe ERR_reason_error_string(code) else { return "TLS library error \(code)" }
            return unsafe String(cString: words)
        }
    }

    /// Forgets what earlier calls left behind: OpenSSL's verdict on a call looks at the queue.
    static func clear() { ERR_clear_error() }

    /// Takes everything out, oldest first: the oldest is usually the cause.
    static func drain() -> [Entry] {
        var entries: [Entry] = []
        while case let code = ERR_get_error(), code != 0 { entries.append(Entry(code: code)) }
        return entries
    }

    /// Everything in the queue in one line.
    static func drainText() -> String {
        let entries = drain()
        return entries.isEmpty ? "no reason given" : entries.map(\.text).joined(separator: "; ")
    }
}
