public import HTTPTypes

/// A request without its content (RFC 9112 section 3).
public struct RequestHead: Hashable, Sendable {
    public var method: HTTPRequest.Method
    /// The request target as it came: path and query, as a rule.
    public var target: String
    public var fields: HTTPFields
    /// Whether it came as HTTP/1.0, whose senders know neither `Upgrade` nor chunks, and need not say `Host`.
    public var isHTTP10: Bool

    public init(method: HTTPRequest.Method = .get, target: String, fields: HTTPFields, isHTTP10: Bool = false) {
        self.method = method
        self.target = target
        self.fields = fields
        self.isHTTP10 = isHTTP10
    }

    /// Whether this asks for a WebSocket as it must (RFC 6455 section 4.1): a GET whose `Connection` lists `upgrade` and whose
    /// `Upgrade` lists `websocket`, with a `Sec-WebSocket-Key` of 16 bytes and version 13.
    public var isUpgrade: Bool {
        asksForWebSocket && fields[.secWebSocketVersion] == "13"
            && fields[.secWebSocketKey].map { HandshakeKey.isValid($0) } ?? false
    }

    /// Whether this wants to be a WebSocket, though perhaps one that is refused: of another version, or without a key.
    package var asksForWebSocket: Bool { method == .get && fields.listsWebSocketUpgrade }
}
