/// How a client speaks TLS. The defaults are right for the public web.
public struct TLSClientOptions: Sendable, Hashable {
    /// Whether the server must prove who it is.
    public enum Verification: Sendable, Hashable {
        /// Its certificate must lead to a trusted root, be valid today, be strong enough, name the host, and not be revoked as
        /// far as the server sends its authority's word along; one that demands that word ("must-staple") must come with it.
        case full
        /// Nothing is checked but `pinnedPublicKeys`: without pins, anyone on the path can read and change everything.
        case none
    }

    /// Whether the server must prove who it is. Default: it must.
    public var verification: Verification = .full

    /// Which authorities may vouch for the server. Default: those of the operating system.
    public var trustRoots: TLSTrustRoots = .system

    /// The name to ask for (SNI) and to find in the certificate, instead of the host that is dialled.
    public var serverName: String? = nil

    /// The oldest version that is accepted. Default: TLS 1.2.
    public var minimumVersion: TLSVersion = .tls12

    /// The cipher suites to offer, in OpenSSL's notation, separated by colons; `nil`: those of TLS 1.3, and for TLS 1.2 those
    /// that keep past traffic secret when a key is lost later (ECDHE) and authenticate what they encrypt (AES-GCM,
    /// ChaCha20-Poly1305), as RFC 9325 wants it. A peer too old for these needs to be named: `"DEFAULT"` is OpenSSL's choice,
    /// `"ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES"` adds CBC.
    ///
    /// Names that begin with `TLS_` are TLS 1.3 suites, all others speak for TLS 1.2; with the former alone, TLS 1.2 is
    /// off. `@SECLEVEL=1` among them admits weaker keys and signatures; without it the level is 2 (RSA of 2048 bits or
    /// more, no SHA-1).
    public var cipherSuites: String? = nil

    /// The application protocols to offer (ALPN, RFC 7301), best first. Empty: the extension is not sent.
    public var alpn: [String] = ["http/1.1"]

    /// What to show a server that asks for a client certificate.
    public var identity: TLSIdentity? = nil

    /// SHA-256 digests (32 bytes each) of the public keys (`SubjectPublicKeyInfo` in DER) that the server's own
    /// certificate may have. Empty: any. A pin is checked *on top of* `verification`, never instead of it.
    public var pinnedPublicKeys: [[UInt8]] = []

    /// Whether the session keys are appended to the file that the environment variable `SSLKEYLOGFILE` names, so that
    /// a packet analyser can read the traffic. Default: no, whatever the environment says.
    public var keyLog = false

    /// The defaults: full verification against the system's roots, TLS 1.2 or later, `http/1.1`.
    public init() {}
}
