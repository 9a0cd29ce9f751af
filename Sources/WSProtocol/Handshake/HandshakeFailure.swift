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
            "Sec-WebSocket-Extensions \(value.debugDescription): \(Self.flaw(inExtensions: value))"
        }
    }

    /// What is wrong with a list of extensions that was refused.
    private static func flaw(inExtensions text: String) -> String {
        var parser = FieldListParser(text.utf8.makeIterator())
        guard let extensions = parser.extensions() else { return "it is no list of extensions that were offered (RFC 6455 section 4.1)" }
        guard extensions.count == 1, let answer = extensions.first, answer.name == CompressionParameters.extensionName
        else { return "it was not offered (RFC 6455 section 4.1)" }
        if let flaw = CompressionParameters.flaw(inAnswer: answer) { return flaw }
        return "it was not offered, or not with these parameters (RFC 7692 section 7.1)"
    }

    private static func shown(_ value: String?) -> String { value?.debugDescription ?? "missing" }
}
