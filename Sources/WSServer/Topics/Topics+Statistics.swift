extension Topics {
    /// Counted since the `Topics` was made, but for `topics` and `members`, which are how many there are.
    public struct Statistics: Sendable, Hashable {
        /// Topics to which somebody has subscribed.
        public var topics = 0
        /// Subscriptions.
        public var members = 0
        /// Messages published, those to topics that nobody has subscribed to included, those refused not.
        public var published = 0
        /// Messages not taken, because `Options.pendingBytes` were on their way.
        public var refused = 0
        /// Messages handed to a connection: one published to ten members is ten.
        public var delivered = 0
        /// Messages not handed to a connection, because it had no room.
        public var dropped = 0
        /// Connections closed because they had no room.
        public var connectionsDropped = 0
        /// How often a message was encoded or compressed: at most once for each published one, and once more for each
        /// window that some of its members have agreed to compress with.
        public var encodings = 0

        public init() {}
    }

    /// What became of one message.
    public struct Delivery: Sendable, Hashable {
        /// Connections that it was handed to: it is in their output. Whether a peer has read it nobody knows.
        public var delivered = 0
        /// Connections that did not get it, because they had no room.
        public var dropped = 0
        /// Connections that were closed because they had no room.
        public var connectionsDropped = 0

        public init(delivered: Int = 0, dropped: Int = 0, connectionsDropped: Int = 0) {
            self.delivered = delivered
            self.dropped = dropped
            self.connectionsDropped = connectionsDropped
        }

        static func += (sum: inout Delivery, part: Delivery) {
            sum.delivered += part.delivered
            sum.dropped += part.dropped
            sum.connectionsDropped += part.connectionsDropped
        }
    }
}
