public import HTTPTypes

/// A granted upgrade (RFC 6455 section 4.2.2).
public struct Acceptance: Hashable, Sendable {
    /// The value of `Sec-WebSocket-Accept`.
    public let acceptKey: String
    /// The subprotocol picked, if any.
    public let subprotocol: String?
    /// The extensions that the client offered, in its order of preference.
    public let offers: [ExtensionOffer]
    /// What was agreed on about compression; `nil`: there is none.
    public let compression: CompressionAgreement?
    /// All fields of the 101.
    public let fields: HTTPFields

    init(
        acceptKey: String, subprotocol: String?, offers: [ExtensionOffer], compression: CompressionAgreement?,
        fields extra: HTTPFields
    ) {
        self.acceptKey = acceptKey
        self.subprotocol = subprotocol
        self.offers = offers
        self.compression = compression
        var fields: HTTPFields = [.upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: acceptKey]
        fields[.secWebSocketProtocol] = subprotocol
        fields[.secWebSocketExtensions] = compression?.answer.description
        fields.append(contentsOf: extra.filter { !Self.ownNames.contains($0.name) })
        self.fields = fields
    }

    /// The extensions agreed on, as the answer has them.
    public var extensions: [ExtensionOffer] { compression.map { [$0.answer] } ?? [] }

    /// The bytes of the 101. Frames may follow at once.
    public var responseBytes: [UInt8] {
        ResponseHead(status: 101, reasonPhrase: "Switching Protocols", fields: fields).bytes
    }

    /// What the handshake sets itself, and what a 101 must not have (RFC 9110 section 8.6).
    private static let ownNames: Set<HTTPField.Name> = [
        .upgrade, .connection, .secWebSocketAccept, .secWebSocketProtocol, .secWebSocketExtensions, .contentLength,
        .transferEncoding,
    ]
}
