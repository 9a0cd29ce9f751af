public import WSConnection

/// Broadcast by topic, on one machine: what is published to a topic reaches every connection that has subscribed to it.
///
///     let topics = Topics()
///     let server = try await WebSocketServer.listen(port: 8080) { ws in
///         try topics.subscribe(ws, to: "news")
///         for try await message in ws { topics.publish(message, to: "news", except: ws) }
///     }
///
/// A topic exists while somebody has subscribed to it, and a connection that ends leaves all of its topics. Connections of
/// any server and any scheduler can share a `Topics`, a client's too.
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
    public let options: Options
    let directory = TopicDirectory()
    private let hubs: TopicHubs

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
