/// What a handshake agreed on (RFC 6455 section 4.1).
public struct Negotiated: Hashable, Sendable {
    /// The subprotocol that the server picked from those offered, if any.
    public let subprotocol: String?
    /// The extensions in use, with the server's parameters.
    public let extensions: [ExtensionOffer]
    /// What was agreed on about compression; `nil`: there is none.
    public let compression: CompressionAgreement?
}
