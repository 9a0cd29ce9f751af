public import HTTPTypes

/// What went wrong with a connection, or on the way to one.
///
/// Match on `code`; print it for a person, who then reads what happened, to whom, and what to do.
public struct WebSocketError: Error, Sendable, CustomStringConvertible {
    /// What sort of error it is. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code in words, lower case, with which a printed error begins: `invalid configuration`.
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
        /// A client that reconnects has no connection just then.
        public static let notConnected = Code("not connected")
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
        /// A proxy would not make the way there, or does not speak as a proxy does; `response` has its HTTP answer, if
        /// it gave one.
        public static let proxy = Code("proxy")
        /// The server's answer is not a WebSocket handshake.
        public static let badHandshake = Code("bad handshake")
        /// The server sends the client on to where it does not go; `response` has the answer.
        public static let badRedirect = Code("bad redirect")
        /// One server after the other sent the client on; `response` has the last answer.
        public static let tooManyRedirects = Code("too many redirects")
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
        /// The host's name was looked up.
        case resolution
        /// A TCP connection was opened.
        case connect
        /// A proxy was asked to lead on.
        case proxy
        /// The TLS handshake.
        case tls
        /// The opening handshake (RFC 6455 section 4).
        case handshake
        /// A message was waited for.
        case receive
        /// The closing handshake (RFC 6455 section 7).
        case close
        /// The peer answered no ping.
        case keepalive
        /// Nothing arrived.
        case idle
        /// The peer took nothing.
        case write
        /// A message was not completed.
        case message
    }

    /// A server's answer that refused the handshake.
    public struct Response: Sendable {
        /// The status of the answer, in three digits (RFC 9110 section 15): 401, for one.
        public let status: Int
        /// The header fields of the answer, as far as they could be read: `WWW-Authenticate`, for one.
        public let headers: HTTPFields
        /// The body, at most 64 KiB of it.
        public let body: [UInt8]

        package init(status: Int, headers: HTTPFields, body: [UInt8]) {
            self.status = status
            self.headers = headers
            self.body = body
        }
    }

    /// Who is dialled: what errors carry, and print as one writes it in a URL.
    package struct Place: Sendable, Hashable, CustomStringConvertible {
        package let host: String
        /// `nil`: `host` is the path of a Unix-domain socket.
        package let port: Int?

        package init(host: String, port: Int?) {
            self.host = host
            self.port = port
        }

        package var description: String {
            guard let port else { return host }
            return host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]:\(port)" : "\(host):\(port)"
        }
    }

    private final class Storage: Sendable {
        let code: Code
        let message: String
        let close: WebSocket.Close?
        let phase: Phase?
        let response: Response?
        let place: Place?
        let endOf: UInt64?

        init(
            _ code: Code, _ message: String, _ close: WebSocket.Close?, _ phase: Phase?, _ response: Response?,
            _ place: Place?, _ endOf: UInt64?
        ) {
            self.code = code
            self.message = message
            self.close = close
            self.phase = phase
            self.response = response
            self.place = place
            self.endOf = endOf
        }
    }

    private let storage: Storage

    package init(
        _ code: Code, _ message: String, close: WebSocket.Close? = nil, phase: Phase? = nil, response: Response? = nil,
        place: Place? = nil, endOf: UInt64? = nil
    ) {
        storage = Storage(code, message, close, phase, response, place, endOf)
    }

    /// The number of the connection whose end it tells of; `nil` when it tells of none.
    ///
    /// What a handler throws is no crash if its own connection's end is the cause. Code and close say nothing of that:
    /// another connection that the handler has may have ended in the same way.
    var endOf: UInt64? { storage.endOf }

    /// The same, as the end of a connection.
    func asEnd(of connection: UInt64) -> WebSocketError {
        WebSocketError(
            code, message, close: close, phase: phase, response: response, place: storage.place, endOf: connection)
    }

    /// What sort of error it is: what a program decides by.
    public var code: Code { storage.code }
    /// What happened, in words.
    public var message: String { storage.message }
    /// How the connection ended, if that is what the error tells of.
    public var close: WebSocket.Close? { storage.close }
    /// Which step it was, while connecting or when a time was over.
    public var phase: Phase? { storage.phase }
    /// The server's answer to a refused handshake, or the proxy's to a refused tunnel.
    public var response: Response? { storage.response }
    /// Whom it was about while connecting: the server's host, or the proxy's; the path of a Unix-domain socket.
    public var host: String? { storage.place?.host }
    /// The port that belongs to `host`; `nil` for a Unix-domain socket.
    public var port: Int? { storage.place?.port }

    public var description: String { "\(code.description): \(message)" }
}
