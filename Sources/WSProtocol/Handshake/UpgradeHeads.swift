internal import HTTPTypes
public import HansomHTTP

// What makes a head of HTTP one of a WebSocket handshake.

extension RequestHead {
    /// Whether this asks for a WebSocket as it must (RFC 6455 section 4.1): a GET whose `Connection` lists `upgrade`
    /// and whose `Upgrade` lists `websocket`, with a `Sec-WebSocket-Key` of 16 bytes and version 13.
    public var isUpgrade: Bool {
        asksForWebSocket && lines.value(of: .secWebSocketVersion)?.elementsEqual("13".utf8) == true
            && lines.value(of: .secWebSocketKey).map { HandshakeKey.isValid($0) } ?? false
    }

    /// Whether this wants to be a WebSocket, though perhaps one that is refused: of another version, or without a key.
    package var asksForWebSocket: Bool {
        method == .get && lines.lists("upgrade", in: .connection) && lines.lists("websocket", in: .upgrade)
    }
}

extension ResponseHead {
    /// Whether this grants a WebSocket: a 101 whose `Connection` lists `upgrade` and whose `Upgrade` lists `websocket`
    /// (RFC 6455 section 4.2.2).
    public var isUpgrade: Bool {
        status == 101 && fields.lists("upgrade", in: .connection) && fields.lists("websocket", in: .upgrade)
    }
}
