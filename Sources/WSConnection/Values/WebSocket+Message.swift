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
        case binary([UInt8])

        /// A text message, of a part of a string for one.
        @inlinable
        public init(_ text: some StringProtocol) { self = .text(String(text)) }

        /// A binary message of any sequence of bytes: a slice, `Data`, what a `map` gives.
        @inlinable
        public init(_ bytes: some Sequence<UInt8>) { self = .binary([UInt8](bytes)) }

        /// The same as `Message(_:)`.
        // Without the attribute `.binary(Array(…))` might mean either, and would not compile.
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
