import Actors
import CTLS

/// Judges the certificate that a peer shows, and says in words what is wrong with it.
enum TLSVerifier {
    /// The judgement, as OpenSSL asks for it in the middle of the handshake.
    static func accepts(_ verification: OpaquePointer, for link: TLSLink) -> Bool {
        // Safety: `verification` lives during the callback, and so do the certificates that it holds.
        if link.context.verifiesPeer, unsafe X509_verify_cert(verification) != 1 {
            unsafe link.refusedCertificate = complaint(verification, host: link.host)
            return false
        }
        let pins = link.context.pinnedPublicKeys
        guard !pins.isEmpty else { return true }
        guard let leaf = unsafe X509_STORE_CTX_get0_cert(verification) else { return false }
        let digest = unsafe TLSCertificate(x509: leaf).publicKeyDigest
        if pins.contains(digest) { return true }
        link.refusedCertificate =
            "its public key has the SHA-256 digest \(hex(digest)), which is none of the \(pins.count) pinned"
        unsafe X509_STORE_CTX_set_error(verification, X509_V_ERR_APPLICATION_VERIFICATION)
        return false
    }

    private static func complaint(_ verification: OpaquePointer, host: String?) -> String {
        // Safety: see `accepts`.
        let code = unsafe X509_STORE_CTX_get_error(verification)
        let depth = unsafe X509_STORE_CTX_get_error_depth(verification)
        guard
            let current = unsafe X509_STORE_CTX_get_current_cert(verification)
                ?? X509_STORE_CTX_get0_cert(verification)
        else { return words(code) }
        let certificate = unsafe TLSCertificate(x509: current)
        let complaint = complaint(code, about: certificate, host: host)
        let who = LogText.escaped(certificate.subject, .bytes, atMost: 256)
        return depth > 0 ? "\(complaint) [authority '\(who)', \(depth) above the peer's own]" : complaint
    }

    private static func complaint(_ code: Int32, about certificate: TLSCertificate, host: String?) -> String {
        switch code {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            "it is not valid for host '\(host ?? "")' (it names: \(names(of: certificate)))"
                + (TLSNameAdvice.text(for: host ?? "", certificate.names).map { "; \($0)" } ?? "")
        case X509_V_ERR_CERT_HAS_EXPIRED:
            "it expired on \(certificate.notAfter)"
        case X509_V_ERR_CERT_NOT_YET_VALID:
            "it is not yet valid: its time begins on \(certificate.notBefore)"
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            "it is self-signed, and not among the trusted roots"
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
            "unknown authority: its chain ends in a self-signed certificate that is not among the trusted roots"
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
            "unknown authority: \(words(code)) (its issuer: '\(LogText.escaped(certificate.issuer, .bytes, atMost: 256))'); "
                + "either the peer leaves out an intermediate certificate, or its root is not trusted"
        case X509_V_ERR_EE_KEY_TOO_SMALL, X509_V_ERR_CA_KEY_TOO_SMALL:
            "weak key: \(certificate.keyStrength); expected RSA of at least 2048 bits or an elliptic curve of at least 224"
        case X509_V_ERR_CA_MD_TOO_WEAK:
            "weak signature: \(words(code)); expected SHA-2"
        default:
            words(code)
        }
    }

    private static func names(of certificate: TLSCertificate) -> String {
        let names = certificate.names
        if names.isEmpty { return "nothing; a subject's common name does not count (RFC 9525)" }
        let more = names.count > 8 ? " and \(names.count - 8) more" : ""
        return names.prefix(8).map(\.description).joined(separator: ", ") + more
    }

    private static func words(_ code: Int32) -> String {
        // Safety: the result is a constant of the library.
        unsafe X509_verify_cert_error_string(Int(code)).map { unsafe String(cString: $0) } ?? "error \(code)"
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}

/// Why a name that looks right is none, for people.
enum TLSNameAdvice {
    /// - Returns: `nil` where the names themselves say enough.
    static func text(for host: String, _ names: [TLSCertificate.Name]) -> String? {
        switch TLSServerName(host) {
        case .address(let bytes): text(forAddress: SocketAddress.text(ofIP: bytes), names)
        case .host(let name): names.lazy.compactMap { text(forHost: name.lowercased(), $0) }.first
        case nil: nil
        }
    }

    private static func text(forAddress address: String, _ names: [TLSCertificate.Name]) -> String? {
        if names.contains(.host(address)) {
            return
                "'\(address)' stands there as a DNS name, and an address counts only as one: subjectAltName must say "
                + "IP:\(address), not DNS:\(address) (RFC 9525 section 6.4)"
        }
        let hasAddress = names.contains { if case .address = $0 { true } else { false } }
        return hasAddress || names.isEmpty
            ? nil : "it names no address, and this host is one; dial it by a name that it has"
    }

    /// What is wrong with a wildcard that was perhaps meant (RFC 9525 section 6.3).
    private static func text(forHost host: String, _ name: TLSCertificate.Name) -> String? {
        guard case .host(let pattern) = name, pattern.contains("*") else { return nil }
        guard pattern.hasPrefix("*."), !pattern.dropFirst().contains("*") else {
            return "in '\(pattern)' the wildcard is not the whole of the first label, and counts for nothing"
        }
        let rest = pattern.dropFirst().lowercased()
        if host == rest.dropFirst() {
            return "'\(pattern)' does not stand for '\(host)' itself, only for what is below it"
        }
        guard host.hasSuffix(rest) else { return nil }
        if host.dropLast(rest.count).contains(".") { return "the wildcard of '\(pattern)' stands for one label alone" }
        return rest.dropFirst().contains(".") ? nil : "a wildcard as wide as '\(pattern)' counts for nothing"
    }
}

/// The host that a client wants to reach, in the form that TLS knows it.
enum TLSServerName: Sendable, Hashable {
    /// A host name: asked for (SNI) and looked for in the certificate, without a final dot.
    case host(String)
    /// An address: looked for in the certificate, and never asked for (RFC 6066 section 3).
    case address([UInt8])

    /// `nil` if the text is neither; in particular if a NUL or a space hides in it.
    init?(_ text: String) {
        if let bytes = SocketAddress.ipBytes(ofLiteral: text) {
            self = .address(bytes)
            return
        }
        let name = text.hasSuffix(".") ? String(text.dropLast()) : text
        let isClean = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"):
                true
            default: false
            }
        }
        guard isClean, (1...253).contains(name.utf8.count), !name.hasPrefix(".") else { return nil }
        self = .host(name)
    }
}
