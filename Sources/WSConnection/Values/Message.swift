internal import Glibc

extension WebSocket {
    /// A whole message (RFC 6455 section 5.6).
    ///
    ///     try await ws.send("Hello")
    ///     try await ws.send(.binary(bytes[4...]))
    ///     if try await ws.recv() == "quit" { ... }
    ///
    /// Printed it is its text, or its bytes as an array of them.
    public enum Message: Sendable, Hashable {
        /// Text; valid UTF-8 by construction.
        case text(String)
        /// Bytes of any sort.
        case binary([UInt8])

        /// A text message, of a part of a string for one.
        @inlinable
        public init(_ text: some StringProtocol) { self = .text(String(text)) }

        /// A binary message of any sequence of bytes: a slice, `Data`, what a `map` gives.
        @inlinable
        public init(_ bytes: some Sequence<UInt8>) { self = .binary([UInt8](bytes)) }

        // Without the attribute `.binary(Array(…))` might mean either, and would not compile.
        /// A binary message of any sequence of bytes, as `Message(_:)` makes it.
        @_disfavoredOverload
        @inlinable
        public static func binary(_ bytes: some Sequence<UInt8>) -> Message { Message(bytes) }

        /// The bytes of its payload.
        public var byteCount: Int {
            switch self {
            case .text(let text): text.utf8.count
            case .binary(let bytes): bytes.count
            }
        }

        /// Whether both are text, or both binary, with the same content.
        public static func == (one: Message, other: Message) -> Bool {
            switch (one, other) {
            case (.text(let one), .text(let other)): one == other
            case (.binary(let one), .binary(let other)): one.hasSameBytes(as: other)
            case (.text, .binary), (.binary, .text): false
            }
        }
    }

    /// What arrives on a connection: a whole message, or a ping or pong (already answered where an answer is due).
    public enum Frame: Sendable, Hashable {
        /// A text message.
        case text(String)
        /// A binary message.
        case binary([UInt8])
        /// A ping, with 0 to 125 bytes; its pong is on its way.
        case ping([UInt8])
        /// A pong that no `ping()` of ours waits for, with 0 to 125 bytes.
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

extension WebSocket.Message: ExpressibleByStringInterpolation {
    /// A text message.
    @inlinable
    public init(stringLiteral text: String) { self = .text(text) }
}

extension WebSocket.Message: CustomStringConvertible, CustomDebugStringConvertible {
    /// The text, or the bytes as an array of them.
    public var description: String {
        switch self {
        case .text(let text): text
        case .binary(let bytes): "\(bytes)"
        }
    }

    /// With its kind.
    public var debugDescription: String {
        switch self {
        case .text(let text): "text(\(String(reflecting: text)))"
        case .binary(let bytes): "binary(\(bytes))"
        }
    }
}

extension [UInt8] {
    /// What `==` says, many bytes a step; an array of the standard library compares one by one.
    fileprivate func hasSameBytes(as other: [UInt8]) -> Bool {
        guard count == other.count else { return false }
        return unsafe withUnsafeBytes { one in
            unsafe other.withUnsafeBytes { two in
                guard let one = one.baseAddress, let two = two.baseAddress else { return true }
                // Safety: both have `count` bytes, and live during the call.
                return unsafe memcmp(one, two, count) == 0
            }
        }
    }
}

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
        /// The code that says why; `.noStatus` (1005) when the close frame had none, `.abnormal` (1006) when the
        /// connection was lost without one.
        public let code: CloseCode
        /// The reason given, empty if none.
        public let reason: String

        /// A close by its parts, to compare with; whether it could be sent is not checked.
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
        /// Frames received whole, control frames included.
        public var framesReceived: UInt64 = 0
        /// Frames queued for sending, control frames included; the last of them may still wait to be written.
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
