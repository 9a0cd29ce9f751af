extension Topics {
    /// What bounds topics, and what becomes of readers that do not keep up.
    public struct Options: Sendable, Hashable {
        /// What becomes of a connection that has no room for a message, unless the publisher says otherwise; default:
        /// it does not get the message.
        public var slowReaders = SlowReaders.dropMessage
        /// To how many topics one connection may subscribe; default 100.
        public var topicsPerConnection = 100
        /// The most bytes of a topic's name; default 256. Names often come from peers.
        public var nameBytes = 256
        /// How many bytes of messages may be on their way from publishers to connections, each counted with 1 KiB on top;
        /// default 16 MiB. What is published beyond is refused. One message always fits.
        public var pendingBytes = 16 << 20

        public init() {}
    }

    /// What becomes of a connection that has no room for a message that is published: one for which as many bytes wait as its
    /// limit `outboundHighWater` allows, or more.
    ///
    /// A publisher that would rather wait for room says for how long (`publish(_:to:except:slowReaders:waiting:)`); this
    /// is then for those that have none by the end.
    public enum SlowReaders: Sendable, Hashable {
        /// It does not get the message, and that is counted. For what the next message makes out of date: prices, positions,
        /// who is typing. (So do uWebSockets, and MQTT brokers at QoS 0.)
        case dropMessage
        /// It is closed with 1013, "try again later": for what must not have gaps. Its client reconnects and asks for
        /// what it missed. (So do NATS and Redis.) 1008 would say that the peer broke a rule, which it has not. The
        /// close frame stands behind what waits already; a peer that does not take that within `closeTimeout` is dropped.
        case dropConnection
    }
}
