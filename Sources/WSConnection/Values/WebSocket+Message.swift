extension WebSocket {
    /// A whole message (RFC 6455 section 5.6).
    public enum Message: Sendable, Hashable {
        /// Text; valid UTF-8 by construction.
        case text(String)
        case binary([UInt8])

        /// The bytes of its payload.
        public var byteCount: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .binary(let bytes): bytes.count
            }
        }
    }

    /// What arrives on a connection: a whole message, or a ping or pong (already answered where an answer is due).
    public enum Frame: Sendable, Hashable {
        case text(String)
        case binary([UInt8])
        case ping([UInt8])
        case pong([UInt8])

        package init(_ message: Message) {
            switch message {
            case .text(let text): self = .text(text)
            case .binary(let bytes): self = .binary(bytes)
            }
        }

        /// The message, unless it is a ping or pong.
        public var message: Message? {
            switch self {
            case .text(let text): .text(text)
            case .binary(let bytes): .binary(bytes)
            case .ping, .pong: nil
            }
        }

        var isControl: Bool {
            switch self {
            case .text, .binary: false
            case .ping, .pong: true
            }
        }

        var byteCount: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .binary(let bytes), .ping(let bytes), .pong(let bytes): bytes.count
            }
        }
    }
}
