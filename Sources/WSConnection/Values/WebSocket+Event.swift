extension WebSocket {
    /// What a connection in active mode tells its subscriber. Every event carries the connection that it is about, so
    /// that one mailbox can serve many.
    public enum Event: Sendable {
        /// A message, ping or pong arrived.
        case frame(WebSocket, Frame)
        /// The connection was closed with a closing handshake, by either side. The last event, once.
        case closed(WebSocket, Close)
        /// The connection ended otherwise: lost, or broken by a violation. The last event, once.
        case failed(WebSocket, WebSocketError)

        /// The connection that the event is about.
        public var connection: WebSocket {
            switch self {
            case .frame(let connection, _), .closed(let connection, _), .failed(let connection, _): connection
            }
        }
    }

    /// How a connection ended (RFC 6455 section 7.1.5 and 7.1.6).
    public struct Close: Sendable, Hashable, CustomStringConvertible {
        public let code: CloseCode
        /// The reason given, empty if none.
        public let reason: String

        public init(code: CloseCode, reason: String = "") {
            self.code = code
            self.reason = reason
        }

        public var description: String { reason.isEmpty ? "\(code.rawValue)" : "\(code.rawValue) \"\(reason)\"" }

        /// Whether it is an end as both sides wish for: 1000, 1001, or a close without a code.
        public var isOrderly: Bool { code == .normal || code == .goingAway || code == .noStatus }
    }

    /// How frames reach the application.
    ///
    /// (OTP: the `active` option of `inet:setopts/2`.)
    public enum ActiveMode: Sendable, Hashable {
        /// Passive: frames wait until they are received.
        case off
        /// Every frame becomes an event.
        case on
        /// One frame becomes an event; then passive.
        case once
        /// So many frames become events; then passive.
        case count(Int)

        var credits: Int {
            switch self {
            case .off: 0
            case .on: .max
            case .once: 1
            case .count(let count): Swift.max(count, 0)
            }
        }
    }

    /// Where a connection stands.
    public enum State: UInt8, Sendable {
        /// Messages flow.
        case open
        /// A close was sent or received; what remains is to end well.
        case closing
        /// Ended; nothing is left of it.
        case closed
    }

    /// What has gone through a connection so far.
    public struct Counters: Sendable, Hashable {
        public var framesReceived: UInt64 = 0
        public var framesSent: UInt64 = 0
        /// Payload bytes.
        public var bytesReceived: UInt64 = 0
        /// Payload bytes.
        public var bytesSent: UInt64 = 0

        package init(
            framesReceived: UInt64 = 0, framesSent: UInt64 = 0, bytesReceived: UInt64 = 0, bytesSent: UInt64 = 0
        ) {
            self.framesReceived = framesReceived
            self.framesSent = framesSent
            self.bytesReceived = bytesReceived
            self.bytesSent = bytesSent
        }
    }
}
