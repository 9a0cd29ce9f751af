/// A stage that runs: what others subscribe to, ask and watch.
public struct RunningStage<S: Stage>: Supervisable, Hashable {
    let server: ServerProcess<StageServer<S>>

    /// The process of the stage: to link, monitor or end it.
    public var pid: PID { server.pid }

    /// The process itself, as a server has one.
    public var process: Process<ServerMessage<StageServer<S>>> { server.process }

    /// Sends what is no event, for `handle(info:_:)`.
    public func send(_ message: S.Info) { server.send(.info(message)) }

    /// Sends what is no event and waits for the answer, as `Process.call(timeout:_:)` does.
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ message: (Reply<Value>) -> S.Info
    ) async throws -> Value {
        try await process.call(timeout: timeout) { .request(.info(.info(message($0))), by: $0) }
    }

    /// Hands a stage events that nobody need have asked for, as if it had emitted them itself: see ``EventBuffer``. Until it
    /// comes to them they wait in its mailbox, as any message does.
    public func emit(_ events: [S.Output]) { server.send(StageMessage(.emit(events))) }

    /// Subscribes it to a producer, beside those that it has.
    public func subscribe(to subscription: Subscription<S.Input>) {
        server.send(StageMessage(.subscribe(subscription)))
    }

    /// Takes its subscriptions to a producer back. What it was handed by then it still handles; what is on its way is
    /// lost.
    public func unsubscribe(from producer: some Supervisable) {
        server.send(StageMessage(.unsubscribe(producer.pid)))
    }

    /// How it fares, taken between two messages.
    ///
    /// - Throws: `CallError`: `.timeout`, `.noProcess`, `.exited`, `.cancelled`, or `.calledSelf`.
    public func statistics(timeout: Duration? = .seconds(5)) async throws -> StageStatistics {
        try await process.call(timeout: timeout) { .info(StageMessage(.statistics($0))) }
    }

    /// Asks it to end and waits until it has; why it did. What waits in it is lost.
    @discardableResult
    public func stop(_ reason: ExitReason = .shutdown) async -> ExitReason { await server.stop(reason) }

    /// Its state as text, taken between two messages; `nil` if it has ended.
    public func state(timeout: Duration? = .seconds(5)) async throws -> String? {
        try await server.state(timeout: timeout)
    }
}

/// How a stage fares at a moment.
public struct StageStatistics: Sendable, Hashable {
    /// How many subscribe to it.
    public let consumers: Int
    /// How many events they have asked for and it has not handed out. Of a broadcast: the slowest of them.
    public let demand: Int
    /// How many events wait for somebody to ask for them.
    public let held: Int
    /// How many events it has handed out; one that all get counts once.
    public let handedOut: UInt64
    /// How many events it has emitted and dropped, since its buffer was full.
    public let dropped: UInt64
    /// To how many producers it subscribes.
    public let producers: Int
    /// How many events it has asked for and not handled: those under way, those that it was handed, and those that do
    /// not exist yet.
    public let asked: Int
    /// How many of them it was handed.
    public let unhandled: Int
}

/// What a consumer does when a producer that it subscribes to has ended, as a child's `restart` says it of a supervisor.
public enum SubscriptionKind: Sendable, Hashable, CaseIterable {
    /// It lives for it: the consumer ends for the same reason. After `.normal`, by which a producer ends that has
    /// finished, it handles what it was handed, and finishes with the last that it lives for.
    case permanent
    /// It ends only with a producer that has failed: it goes on after `.normal` or `.shutdown`.
    case transient
    /// It goes on, with one producer less. `RunningStage.subscribe(to:)` gives it another.
    case temporary
}

/// From whom a consumer takes events, and how many at a time.
///
///     let parser = try await Parser().started(from: .producer(lines, max: 20))
///     let counter = try await Counter().started(from: .producer(named: "parser", Parser.self))
public struct Subscription<Input: Sendable>: Sendable {
    let terms: Inflow<Input>.Terms
    let partition: Int?
    /// Who it is now, and how to speak to it; one that has ended if nobody has the name.
    let find: @Sendable () -> Upstream<Input>
    let name: String?

    /// From a stage that runs.
    ///
    /// - Parameters:
    ///   - stage: which makes the events.
    ///   - max: how many may be asked for and not handled, at least 1. Default 100: so many, at two messages for each 50,
    ///     cost next to nothing beside what is done with an event, and more would only wait in memory. (GenStage: 1,000.)
    ///     Fewer, down to 1, for those that are large or take long.
    ///   - min: how few are left of them when it asks for more; default: half.
    ///   - kind: what it does when the producer ends; default `.permanent`.
    ///   - partition: which one it takes, of a producer that has partitions.
    public static func producer<S: Stage>(
        _ stage: RunningStage<S>, max: Int = 100, min: Int? = nil, _ kind: SubscriptionKind = .permanent,
        partition: Int? = nil
    ) -> Subscription where S.Output == Input {
        let address = ServerAddress(stage.server)
        return Subscription(terms: .init(max: max, min: min, kind), partition: partition, address)
    }

    /// From the stage that has a name when the consumer subscribes: in a tree, where each is started again by itself.
    ///
    /// - Parameters:
    ///   - name: the producer's.
    ///   - type: what stage it is.
    ///   - max: how many may be asked for and not handled; default 100.
    ///   - min: how few are left of them when it asks for more; default: half.
    ///   - kind: what it does when the producer ends; default `.permanent`.
    ///   - partition: which one it takes, of a producer that has partitions.
    public static func producer<S: Stage>(
        named name: String, _ type: S.Type, max: Int = 100, min: Int? = nil, _ kind: SubscriptionKind = .permanent,
        partition: Int? = nil
    ) -> Subscription where S.Output == Input {
        let address = ServerAddress<StageServer<S>>(named: name)
        return Subscription(terms: .init(max: max, min: min, kind), partition: partition, address)
    }

    private init<S: Stage>(
        terms: Inflow<Input>.Terms, partition: Int?, _ address: ServerAddress<StageServer<S>>
    ) where S.Output == Input {
        self.terms = terms
        self.partition = partition
        name = address.name
        find = {
            guard let callee = try? address.callee() else { return Upstream(pid: ProcessCore.nobody().pid) { _ in } }
            return Upstream(pid: callee.pid) { callee.send(.info(StageMessage(.request($0)))) }
        }
    }
}

/// Why a consumer could not subscribe.
public struct PipelineError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What went wrong. More may be added: keep a default where you switch.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// Its name, as in `partitionTaken`.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The subscription names no partition of the producer's, or one where there are none.
        public static let noSuchPartition = Code("noSuchPartition")
        /// The partition has a consumer.
        public static let partitionTaken = Code("partitionTaken")
    }

    /// What went wrong.
    public let code: Code
    /// The producer.
    public let producer: PID
    public let description: String

    init(_ code: Code, _ producer: PID, _ description: String) {
        self.code = code
        self.producer = producer
        self.description = description
    }
}

extension Stage where Self: Sendable {
    /// Starts a stage with this value for its state, subscribed to a producer.
    ///
    /// - Parameters:
    ///   - subscription: where its events come from.
    ///   - dispatch: to which of its consumers an event goes; default: to the one that has asked for most.
    ///   - buffer: how many of the events that it emits wait for demand; default: the last 10,000.
    ///   - parent: a process to link it to from its first moment, usually `me.pid`; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in turn.
    ///   - label: what introspection and reports call it; default: the name of its type.
    /// - Throws: as `started(from:dispatch:buffer:linkedTo:name:on:label:)` with a list of subscriptions.
    public func started(
        from subscription: Subscription<Input>, dispatch: EventDispatch<Output> = .demand,
        buffer: EventBuffer = .keepLast(10_000), linkedTo parent: PID? = nil, name: String? = nil,
        on scheduler: Scheduler? = nil, label: String? = nil
    ) async throws -> RunningStage<Self> {
        try await started(
            from: [subscription], dispatch: dispatch, buffer: buffer, linkedTo: parent, name: name, on: scheduler,
            label: label)
    }

    /// Starts a stage with this value for its state, and returns when its `start` has returned.
    ///
    /// - Parameters:
    ///   - subscriptions: where its events come from; default: nowhere yet.
    ///   - dispatch: to which of its consumers an event goes; default: to the one that has asked for most.
    ///   - buffer: how many of the events that it emits wait for demand; default: the last 10,000.
    ///   - parent: a process to link it to from its first moment, usually `me.pid`; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in turn.
    ///   - label: what introspection and reports call it; default: the name of its type.
    /// - Throws: what its `start` threw; `RegistryError` if the name is taken; `CallError`: `.noProcess` if nobody has
    ///   a producer's name, or it has ended otherwise than by `.normal`, unless the subscription is temporary; `.exited` if the stage was ended before
    ///   its `start` returned; `.cancelled` if the calling task was cancelled, and then the stage is ended too.
    public func started(
        from subscriptions: [Subscription<Input>] = [], dispatch: EventDispatch<Output> = .demand,
        buffer: EventBuffer = .keepLast(10_000), linkedTo parent: PID? = nil, name: String? = nil,
        on scheduler: Scheduler? = nil, label: String? = nil
    ) async throws -> RunningStage<Self> {
        let server = StageServer(self, subscriptions, dispatch, buffer)
        return RunningStage(
            server: try await server.started(
                linkedTo: parent, name: name, on: scheduler, label: label ?? "\(Self.self)"))
    }
}

extension Stage {
    /// Starts a stage whose state is made on its process: for state that is not `Sendable`.
    ///
    /// - Parameters:
    ///   - subscriptions: where its events come from; default: nowhere yet.
    ///   - dispatch: to which of its consumers an event goes; default: to the one that has asked for most.
    ///   - buffer: how many of the events that it emits wait for demand; default: the last 10,000.
    ///   - parent: a process to link it to from its first moment; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in turn.
    ///   - label: what introspection and reports call it; default: the name of its type.
    ///   - make: makes the state. It runs as the process; what it throws is a failed start.
    /// - Throws: what `make` threw; otherwise as the other ways to start one.
    public static func started(
        from subscriptions: [Subscription<Input>] = [], dispatch: EventDispatch<Output> = .demand,
        buffer: EventBuffer = .keepLast(10_000), linkedTo parent: PID? = nil, name: String? = nil,
        on scheduler: Scheduler? = nil, label: String? = nil,
        _ make: @escaping @Sendable () async throws -> sending Self
    ) async throws -> RunningStage<Self> {
        RunningStage(
            server: try await StageServer<Self>.started(
                linkedTo: parent, name: name, on: scheduler, label: label ?? "\(Self.self)"
            ) {
                StageServer(try await make(), subscriptions, dispatch, buffer)
            })
    }
}
