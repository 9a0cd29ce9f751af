internal import Actors
internal import Synchronization
public import WSConnection

/// Broadcast by topic, on one machine: what is published to a topic reaches every connection that has subscribed to it.
///
///     let topics = Topics()
///     let server = try await WebSocketServer.listen(port: 8080) { ws in
///         try topics.subscribe(ws, to: "news")
///         for try await message in ws { topics.publish(message, to: "news", except: ws) }
///     }
///
/// A topic exists while somebody has subscribed to it, and a connection that ends leaves all of its topics. Connections
/// of any server and any scheduler can share a `Topics`, a client's too.
///
/// A message is encoded once, and compressed once for all who agreed on the same window, however many get it. Each
/// scheduler on which subscribers live is told once, and hands the message to so many of them a turn that its other
/// connections need not wait for the last of ten thousand.
///
/// What one publisher publishes arrives in its order, on every topic. The messages of two publishers may arrive in
/// different orders at connections of different schedulers.
///
/// A reader that does not keep up costs nobody else anything: once as many bytes wait for it as its limit
/// `outboundHighWater` allows, it is dealt with as `SlowReaders` says.
public final class Topics: Sendable {
    /// What bounds these topics, and what becomes of slow readers by default; as given at the start.
    public let options: Options
    let directory = TopicDirectory()
    private let hubs: TopicHubs

    /// Makes a set of topics, to which nobody has subscribed yet. Topics of the same name in another `Topics` are
    /// others.
    ///
    /// - Parameter options: what bounds them; default: as the properties of `Options` say.
    public init(options: Options = Options()) {
        self.options = options
        hubs = TopicHubs(directory)
    }

    // MARK: Subscribing

    /// Subscribes a connection: it gets what is published to the topic from now on, until it unsubscribes or ends.
    ///
    /// For a handler; from elsewhere it needs `await`.
    ///
    /// - Parameters:
    ///   - connection: who is to get the messages.
    ///   - topic: any string, of at most `Options.nameBytes` bytes.
    /// - Returns: whether it was not subscribed to the topic before.
    /// - Throws: `TopicError`: `.tooManyTopics`, `.nameTooLong`, or `.closed` when the connection has ended.
    @discardableResult
    public func subscribe(_ connection: isolated WebSocket, to topic: String) throws(TopicError) -> Bool {
        guard topic.utf8.count <= options.nameBytes else {
            throw TopicError(
                .nameTooLong, "a topic's name of \(topic.utf8.count) bytes; \(options.nameBytes) are allowed")
        }
        guard !connection.isClosed else { throw TopicError(.closed, "the connection has ended") }
        let hub = hubs.hub(of: connection.core.scheduler)
        return try hub.subscribe(connection.core, to: topic, atMost: options.topicsPerConnection)
    }

    /// Ends a subscription: nothing that is published to the topic is handed to the connection any more.
    ///
    /// - Returns: whether it was subscribed.
    @discardableResult
    public func unsubscribe(_ connection: isolated WebSocket, from topic: String) -> Bool {
        hubs.hub(of: connection.core.scheduler).unsubscribe(connection.core, from: topic)
    }

    /// What a connection has subscribed to, in the order in which it did.
    public func topics(of connection: isolated WebSocket) -> [String] {
        hubs.hub(of: connection.core.scheduler).topics(of: connection.core)
    }

    // MARK: What is known

    /// How many connections have subscribed to a topic.
    public func memberCount(of topic: String) -> Int { directory.parts(of: topic).reduce(0) { $0 + $1.memberCount } }

    /// Who has subscribed to a topic, in no order: asks each scheduler.
    public func members(of topic: String) async -> [PID] {
        var members: [PID] = []
        for part in directory.parts(of: topic) {
            members += await part.hub.scheduler.ask { _ in part.roster.members.map(\.core.pid) }
        }
        return members
    }

    /// The numbers so far; to ask costs next to nothing.
    public var statistics: Statistics { directory.counters.statistics }
}

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
        /// How many bytes of messages may be on their way from publishers to connections, each counted with 1 KiB on
        /// top; default 16 MiB. What is published beyond is refused. One message always fits.
        public var pendingBytes = 16 << 20

        /// The defaults: slow readers miss messages, 100 topics a connection, names of 256 bytes, 16 MiB on their way.
        public init() {}
    }

    /// What becomes of a connection that has no room for a message that is published: one for which as many bytes wait
    /// as its limit `outboundHighWater` allows, or more.
    ///
    /// A publisher that would rather wait for room says for how long (`publish(_:to:except:slowReaders:waiting:)`);
    /// this is then for those that have none by the end.
    public enum SlowReaders: Sendable, Hashable {
        /// It does not get the message, and that is counted. For what the next message makes out of date: prices,
        /// positions, who is typing. (So do uWebSockets, and MQTT brokers at QoS 0.)
        case dropMessage
        /// It is closed with 1013, "try again later": for what must not have gaps. Its client reconnects and asks for
        /// what it missed. (So do NATS and Redis.) 1008 would say that the peer broke a rule, which it has not. The
        /// close frame stands behind what waits already; a peer that does not take that within `closeTimeout` is
        /// dropped.
        case dropConnection
    }
}

extension Topics {
    /// Publishes a message to all who have subscribed to the topic, and does not wait. From any thread.
    ///
    /// - Parameters:
    ///   - message: what they get. To publish one message to several topics costs one encoding each.
    ///   - topic: where to; nothing happens if nobody has subscribed.
    ///   - connection: who does not get it, though it may have subscribed: whoever the message came from.
    ///   - slowReaders: what becomes of those that have no room; default: as in the options.
    /// - Returns: whether it was taken. It is not when `Options.pendingBytes` are on their way: then nobody gets it.
    @discardableResult
    public func publish(
        _ message: WebSocket.Message, to topic: String, except connection: WebSocket? = nil,
        slowReaders: SlowReaders? = nil
    ) -> Bool {
        let counters = directory.counters
        let parts = directory.parts(of: topic)
        let cost = Publication.cost(of: message)
        guard parts.isEmpty || counters.reserve(cost, atMost: options.pendingBytes) else {
            counters.refused()
            return false
        }
        counters.published()
        guard !parts.isEmpty else { return true }
        let publication = Publication(
            message, cost: cost, except: connection?.core, slowReaders ?? options.slowReaders, counters)
        publication.begin(in: parts, whenDone: nil)
        return true
    }

    /// Publishes a copy of a message that is only shown, as the other does a message. It is copied once, and not at all
    /// if nobody has subscribed.
    @discardableResult
    public func publish(
        _ message: WebSocket.MessageView, to topic: String, except connection: WebSocket? = nil,
        slowReaders: SlowReaders? = nil
    ) -> Bool {
        guard !directory.parts(of: topic).isEmpty else {
            directory.counters.published()
            return true
        }
        return publish(
            WebSocket.Message(copying: message), to: topic, except: connection, slowReaders: slowReaders)
    }

    /// Publishes a message to all who have subscribed to the topic, waits for those that have no room, and says how
    /// many got it.
    ///
    /// Only the publisher waits: members that have room get the message at once, and what others publish meanwhile too.
    /// At a member that has none the message waits in line, so that it comes before what is sent later. Cancelling the
    /// task ends the waiting: who has no room then does not get the message, and is not closed for it.
    ///
    /// - Parameters:
    ///   - message, topic, connection: as of the other.
    ///   - slowReaders: what becomes of those that still have no room when the time is over; default: as in the
    ///     options.
    ///   - patience: how long to wait for room; with `.zero` it only counts.
    /// - Returns: how many got it. A connection that is being closed counts as none of them.
    @discardableResult
    public func publish(
        _ message: WebSocket.Message, to topic: String, except connection: WebSocket? = nil,
        slowReaders: SlowReaders? = nil, waiting patience: Duration
    ) async -> Delivery {
        let counters = directory.counters
        let parts = directory.parts(of: topic)
        counters.published()
        guard !parts.isEmpty else { return Delivery() }
        // Never refused: as much as there are suspended publishers is on its way, and the caller bounds those.
        let cost = Publication.cost(of: message)
        counters.reserve(cost)
        let publication = Publication(
            message, cost: cost, except: connection?.core, slowReaders ?? options.slowReaders, waiting: patience,
            counters)
        return await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                publication.begin(in: parts) { unsafe continuation.resume(returning: $0) }
            }
        } onCancel: {
            publication.cancel(in: parts)
        }
    }
}

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

        /// Nothing has been counted yet: all are 0.
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

        /// A delivery by its numbers; default: nobody got the message.
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

/// Why a connection could not subscribe.
public struct TopicError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. More may be added.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// The code in words, with which a printed error begins: `too many topics`.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// It has subscribed to as many topics as it may.
        public static let tooManyTopics = Code("too many topics")
        /// The topic's name has more bytes than are allowed.
        public static let nameTooLong = Code("name too long")
        /// The connection has ended.
        public static let closed = Code("closed")
    }

    /// What went wrong: what a program decides by.
    public let code: Code
    /// What happened, for a person.
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code): \(message)" }
}

/// What all topics of one `Topics` count, from any thread: once for a message and scheduler, never for a member.
final class TopicCounters: Sendable {
    private let topics = Atomic<Int>(0)
    private let members = Atomic<Int>(0)
    private let publishedCount = Atomic<Int>(0)
    private let refusedCount = Atomic<Int>(0)
    private let delivered = Atomic<Int>(0)
    private let dropped = Atomic<Int>(0)
    private let connectionsDropped = Atomic<Int>(0)
    private let encodings = Atomic<Int>(0)
    /// What is on its way from publishers to connections.
    private let pendingBytes = Atomic<Int>(0)

    func topicsChanged(by count: Int) { topics.wrappingAdd(count, ordering: .relaxed) }
    func membersChanged(by count: Int) { members.wrappingAdd(count, ordering: .relaxed) }
    func published() { publishedCount.wrappingAdd(1, ordering: .relaxed) }
    func refused() { refusedCount.wrappingAdd(1, ordering: .relaxed) }
    func encoded() { encodings.wrappingAdd(1, ordering: .relaxed) }

    func count(_ delivery: Topics.Delivery) {
        if delivery.delivered > 0 { delivered.wrappingAdd(delivery.delivered, ordering: .relaxed) }
        if delivery.dropped > 0 { dropped.wrappingAdd(delivery.dropped, ordering: .relaxed) }
        if delivery.connectionsDropped > 0 {
            connectionsDropped.wrappingAdd(delivery.connectionsDropped, ordering: .relaxed)
        }
    }

    func reserve(_ bytes: Int) { pendingBytes.wrappingAdd(bytes, ordering: .relaxed) }

    /// Takes room for a message that is to be on its way. Whether there was any; alone on its way, every message has.
    func reserve(_ bytes: Int, atMost limit: Int) -> Bool {
        let before = pendingBytes.wrappingAdd(bytes, ordering: .relaxed).oldValue
        // Compared so that no limit can overflow.
        if before == 0 || bytes <= limit && before <= limit - bytes { return true }
        release(bytes)
        return false
    }

    func release(_ bytes: Int) { pendingBytes.wrappingSubtract(bytes, ordering: .relaxed) }

    /// Bytes on their way.
    var pending: Int { pendingBytes.load(ordering: .relaxed) }

    var statistics: Topics.Statistics {
        var statistics = Topics.Statistics()
        statistics.topics = topics.load(ordering: .relaxed)
        statistics.members = members.load(ordering: .relaxed)
        statistics.published = publishedCount.load(ordering: .relaxed)
        statistics.refused = refusedCount.load(ordering: .relaxed)
        statistics.delivered = delivered.load(ordering: .relaxed)
        statistics.dropped = dropped.load(ordering: .relaxed)
        statistics.connectionsDropped = connectionsDropped.load(ordering: .relaxed)
        statistics.encodings = encodings.load(ordering: .relaxed)
        return statistics
    }
}

extension Topics: CustomReflectable {
    /// Nothing of who is in it.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .class) }
}
