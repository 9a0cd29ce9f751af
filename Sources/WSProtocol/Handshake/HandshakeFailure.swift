/// What is wrong with a server's answer to the handshake (RFC 6455 section 4.1).
public enum HandshakeFailure: Error, Hashable, Sendable {
    /// Not a 101. The head tells more; content may follow.
    case status(ResponseHead)
    /// `Upgrade` does not list `websocket`.
    case upgrade(String?)
    /// `Connection` does not list `Upgrade`.
    case connection(String?)
    /// `Sec-WebSocket-Accept` is not the answer to our key.
    case accept(String?)
    /// A subprotocol that was not offered, or several.
    case subprotocol(String)
    /// An extension that was not offered or not so, or what is no list of extensions.
    case extensions(String)
}

extension HandshakeFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .status(let head):
            "status \(head.status) \(head.reasonPhrase.debugDescription); wanted 101 (RFC 6455 section 4.1)"
        case .upgrade(let value):
            "Upgrade \(Self.shown(value)); wanted websocket (RFC 6455 section 4.1)"
        case .connection(let value):
            "Connection \(Self.shown(value)); wanted Upgrade among it (RFC 6455 section 4.1)"
        case .accept(let value):
            "Sec-WebSocket-Accept \(Self.shown(value)) does not answer the key (RFC 6455 section 4.1)"
        case .subprotocol(let value):
            "Sec-WebSocket-Protocol \(value.debugDescription) was not offered (RFC 6455 section 4.1)"
        case .extensions(let value):
            "Sec-WebSocket-Extensions \(value.debugDescription) was not offered (RFC 6455 section 4.1)"
        }
    }

    private static func shown(_ value: String?) -> String { value?.debugDescription ?? "missing" }
}
