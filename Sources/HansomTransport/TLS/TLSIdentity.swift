/// What one side proves itself with: a certificate, those that lead from it to an authority, and its private key.
public struct TLSIdentity: Sendable, Hashable {
    /// The own certificate first, then the intermediates in order; the authority's own certificate may be left out.
    public var certificateChain: TLSPEM

    /// The private key of the first certificate, not encrypted. It may be in the same file.
    public var privateKey: TLSPEM

    /// What a server sends along to show that the certificate is not revoked; default `nil`: nothing. A certificate that
    /// demands it ("must-staple", RFC 7633) is refused by clients without it. Clients send none.
    public var ocspResponse: TLSOCSPResponse?

    /// An identity from two sources, which may be the same one.
    public init(certificateChain: TLSPEM, privateKey: TLSPEM) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
    }

    /// An identity from two PEM files.
    public static func files(certificateChain: String, privateKey: String) -> Self {
        Self(certificateChain: .file(certificateChain), privateKey: .file(privateKey))
    }

    /// An identity from PEM text in memory.
    public static func pem(certificateChain: [UInt8], privateKey: [UInt8]) -> Self {
        Self(certificateChain: .bytes(certificateChain), privateKey: .bytes(privateKey))
    }
}
