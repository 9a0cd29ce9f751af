/// Why a connection could not subscribe.
public struct TopicError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        private init(_ description: String) { self.description = description }

        /// It has subscribed to as many topics as it may.
        public static let tooManyTopics = Code("too many topics")
        /// The topic's name has more bytes than are allowed.
        public static let nameTooLong = Code("name too long")
        /// The connection has ended.
        public static let closed = Code("closed")
    }

    public let code: Code
    /// What happened, for a person.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code): \(message)" }
}
