/// What a TLS handshake agreed on.
public struct TLSDetails: Sendable, Hashable {
    /// The protocol version.
    public let version: TLSVersion

    /// The cipher suite, by its name in the standard: `TLS_AES_256_GCM_SHA384`.
    public let cipher: String

    /// The application protocol (ALPN), where one was agreed on.
    public let alpn: String?

    /// The name that the client asked for (SNI), where it named one.
    public let serverName: String?

    /// The peer's own certificate in DER form, where it showed one.
    public let peerCertificate: [UInt8]?

    /// The subject of the peer's certificate (RFC 2253 form), where it showed one.
    public let peerSubject: String?

    /// Whether an earlier session was taken up again, without a new exchange of certificates.
    public let isResumed: Bool
}
