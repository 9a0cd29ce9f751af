public import HTTPTypes

/// What went wrong with a connection, or on the way to one.
///
/// Match on `code`; print it for a person, who then reads what happened, to whom, and what to do.
public struct WebSocketError: Error, Sendable, CustomStringConvertible {
    /// What sort of error it is. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        private init(_ description: String) { self.description = description }

        // Receiving and sending.

        /// Nothing arrived in the time given. Nothing is lost, and the connection is as it was.
        public static let timeout = Code("timeout")
        /// The waiting task was cancelled. Nothing is lost.
        public static let cancelled = Code("cancelled")
        /// The connection was closed; `close` has code and reason.
        public static let closed = Code("closed")
        /// The connection was lost without a close.
        public static let connectionLost = Code("connection lost")
        /// The peer broke the protocol, or a limit; the connection was closed with the code in `close`.
        public static let protocolViolation = Code("protocol violation")
        /// `recv` in an active mode: frames go to the subscriber.
        public static let activeMode = Code("active mode")
        /// The connection has a subscriber already.
        public static let alreadySubscribed = Code("already subscribed")
        /// An active mode needs a subscriber.
        public static let noSubscriber = Code("no subscriber")
        /// What was to be sent may not be: a close code or reason, a control payload.
        public static let misuse = Code("misuse")
        /// The process that was to own the connection has ended.
        public static let ownerEnded = Code("owner ended")

        // Connecting and listening.

        /// The URL or an option cannot be used.
        public static let invalidConfiguration = Code("invalid configuration")
        /// The server answered the handshake with another status; `response` has it.
        public static let http = Code("http")
        /// Nobody listens there.
        public static let refused = Code("refused")
        /// There is no way there.
        public static let unreachable = Code("unreachable")
        /// The host's name could not be resolved.
        public static let resolution = Code("resolution")
        /// TLS could not be set up.
        public static let tls = Code("tls")
        /// The server's answer is not a WebSocket handshake.
        public static let badHandshake = Code("bad handshake")
        /// The address is in use.
        public static let addressInUse = Code("address in use")
        /// The system denied it.
        public static let accessDenied = Code("access denied")
        /// The system failed otherwise.
        public static let system = Code("system")

        public static func == (a: Code, b: Code) -> Bool { a.description == b.description }

        public func hash(into hasher: inout Hasher) { hasher.combine(description) }
    }

    /// Which step of connecting it was.
    public enum Phase: String, Sendable {
        case resolution, connect, tls, handshake, receive, close
        /// The peer answered no ping; nothing arrived; the peer took nothing; a message was not completed.
        case keepalive, idle, write, message
    }

    /// A server's answer that refused the handshake.
    public struct Response: Sendable {
        public let status: Int
        public let headers: HTTPFields
        /// The body, at most 64 KiB of it.
        public let body: [UInt8]

        package init(status: Int, headers: HTTPFields, body: [UInt8]) {
            self.status = status
            self.headers = headers
            self.body = body
        }
    }

    private final class Storage: Sendable {
        let code: Code
        let message: String
        let close: WebSocket.Close?
        let phase: Phase?
        let response: Response?

        init(_ code: Code, _ message: String, _ close: WebSocket.Close?, _ phase: Phase?, _ response: Response?) {
            self.code = code
            self.message = message
            self.close = close
            self.phase = phase
            self.response = response
        }
    }

    private let storage: Storage

    package init(
        _ code: Code, _ message: String, close: WebSocket.Close? = nil, phase: Phase? = nil, response: Response? = nil
    ) {
        storage = Storage(code, message, close, phase, response)
    }

    public var code: Code { storage.code }
    /// What happened, in words.
    public var message: String { storage.message }
    /// How the connection ended, if that is what the error tells of.
    public var close: WebSocket.Close? { storage.close }
    /// Which step it was, while connecting or when a time was over.
    public var phase: Phase? { storage.phase }
    /// The server's answer to a refused handshake.
    public var response: Response? { storage.response }

    public var description: String { "\(code.description): \(message)" }
}
