/// How a server speaks TLS.
public struct TLSServerOptions: Sendable, Hashable {
    /// Whether clients must prove who they are.
    public enum ClientCertificates: Sendable, Hashable {
        /// They are not asked.
        case none
        /// They are asked; one that comes must be good, none is fine.
        case optional(TLSTrustRoots)
        /// No connection without a certificate that leads to one of these roots.
        case required(TLSTrustRoots)
    }

    /// What the server proves itself with.
    public var identity: TLSIdentity

    /// Other identities by the name that the client asks for (SNI, RFC 6066): `"example.com"`, or `"*.example.com"` for
    /// every name one label below. A client that names none of them gets `identity`.
    public var identitiesByServerName: [String: TLSIdentity] = [:]

    /// The oldest version that is accepted. Default: TLS 1.2.
    public var minimumVersion: TLSVersion = .tls12

    /// The cipher suites to accept, in OpenSSL's notation, separated by colons; `nil`: those of TLS 1.3, and for TLS 1.2 those
    /// that keep past traffic secret when a key is lost later (ECDHE) and authenticate what they encrypt (AES-GCM,
    /// ChaCha20-Poly1305), as RFC 9325 wants it. A peer too old for these needs to be named: `"DEFAULT"` is OpenSSL's choice,
    /// `"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"` adds CBC.
    ///
    /// Names that begin with `TLS_` are TLS 1.3 suites, all others speak for TLS 1.2; with the former alone, TLS 1.2 is
    /// off. `@SECLEVEL=1` among them admits weaker keys and signatures; without it the level is 2 (RSA of 2048 bits or
    /// more, no SHA-1).
    public var cipherSuites: String? = nil

    /// The application protocols that are spoken (ALPN, RFC 7301), best first. A client that offers only others is
    /// refused; one that offers none is welcome. Empty: the extension is ignored.
    public var alpn: [String] = ["http/1.1"]

    /// Whether clients must prove who they are. Default: they are not asked.
    public var clientCertificates: ClientCertificates = .none

    /// 80 secret random bytes from which the keys of session tickets are made, so that several processes can take up each
    /// other's sessions; `nil`: each context makes its own.
    ///
    /// The keys change by themselves at midnight (UTC), those of the day before are still accepted, and processes that were
    /// given the same bytes agree whatever day they begin. Whoever knows the bytes themselves can read recorded TLS 1.2
    /// traffic: keep them out of files, and renew them now and then.
    public var sessionTicketKey: [UInt8]? = nil

    /// The same with the day that it is for, in place of `sessionTicketKey`.
    package var ticketSecret: TLSTicketSecret? = nil

    /// The defaults around an identity: TLS 1.2 or later, `http/1.1`, no client certificates.
    public init(identity: TLSIdentity) {
        self.identity = identity
    }
}
