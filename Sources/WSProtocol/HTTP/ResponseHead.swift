public import HTTPTypes

/// A response without its content (RFC 9112 section 4).
public struct ResponseHead: Hashable, Sendable {
    public var status: Int
    public var reasonPhrase: String
    public var fields: HTTPFields
    /// What was wrong with the head, where a parser was told to forgive that (`ResponseHeadParser`); else `nil`.
    public internal(set) var fault: HeadError?
    /// Whether it was given up at its limit, so that nobody knows where its content begins.
    package internal(set) var isCut = false

    /// - Parameter reasonPhrase: `nil` for the one that is registered for the status, if any.
    public init(status: Int, reasonPhrase: String? = nil, fields: HTTPFields) {
        self.status = status
        self.reasonPhrase = reasonPhrase ?? StatusPhrases.registered[status] ?? ""
        self.fields = fields
    }

    /// Whether this grants a WebSocket: a 101 whose `Connection` lists `upgrade` and whose `Upgrade` lists `websocket`
    /// (RFC 6455 section 4.2.2).
    public var isUpgrade: Bool { status == 101 && fields.listsWebSocketUpgrade }
}
