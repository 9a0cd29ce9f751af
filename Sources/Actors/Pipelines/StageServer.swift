/// What a consumer asks of a producer.
enum StageRequest<Event: Sendable>: Sendable {
    case subscribe(Downstream<Event>)
    case ask(UInt64, Int)
    case cancel(UInt64)
}

/// What a producer gives a consumer.
enum StageDelivery<Event: Sendable>: Sendable {
    case events([Event])
    case refused(PipelineError)
}

/// A producer, as its consumers know it.
struct Upstream<Event: Sendable>: Sendable {
    let pid: PID
    let send: @Sendable (StageRequest<Event>) -> Void

    /// Whether it has come to its end by itself.
    var hasFinished: Bool { pid.core.lastReason?.kind == .normal }
}

/// A consumer, as its producers know it: one of its subscriptions.
struct Downstream<Event: Sendable>: Sendable {
    let id: UInt64
    let pid: PID
    let partition: Int?
    /// How many it asks for to begin with.
    let demand: Int
    let send: @Sendable (StageDelivery<Event>) -> Void
}

/// What the process of a stage is sent.
///
/// Of your own there is one kind: `me.monitor(worker) { .info(.info(.down($0))) }`.
public struct StageMessage<S: Stage>: Sendable {
    enum Kind: Sendable {
        case info(S.Info)
        /// From a producer: which subscription, and what it gives.
        case delivery(UInt64, StageDelivery<S.Input>)
        /// From a consumer.
        case request(StageRequest<S.Output>)
        /// A producer or a consumer has ended.
        case down(Down)
        case emit([S.Output])
        case produce
        case subscribe(Subscription<S.Input>)
        case unsubscribe(PID)
        case statistics(Reply<StageStatistics>)
    }

    let kind: Kind

    init(_ kind: Kind) { self.kind = kind }

    /// What is no event, for the stage's `handle(info:_:)`.
    public static func info(_ info: S.Info) -> StageMessage { StageMessage(.info(info)) }
}

extension StageMessage: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// What has come: `info(…)` as the stage describes it, and of events their number.
    public var description: String {
        switch kind {
        case .info(let info): "info(\(S.description(ofInfo: info)))"
        case .delivery(_, .events(let events)): "\(events.count) events"
        case .delivery(_, .refused(let error)): "refused(\(error))"
        case .request(.subscribe(let consumer)): "subscribe(\(consumer.pid), \(consumer.demand))"
        case .request(.ask(_, let count)): "ask(\(count))"
        case .request(.cancel): "cancel"
        case .down(let down): "down(\(down.pid), \(down.reason))"
        case .emit(let events): "emit(\(events.count) events)"
        case .produce: "produce again"
        case .subscribe: "subscribe to a producer"
        case .unsubscribe(let pid): "unsubscribe(\(pid))"
        case .statistics: "statistics"
        }
    }

    /// The same as `description`.
    public var debugDescription: String { description }

    /// Its description, and no events.
    public var customMirror: Mirror { Mirror(self, children: ["message": description], displayStyle: .struct) }
}

extension StageMessage: SupervisorInfo {
    static func down(_ down: Down) -> StageMessage { StageMessage(.down(down)) }

    var end: Down? { if case .down(let down) = kind { down } else { nil } }
}

/// What a stage has to do with those before and behind it. Its process alone has it.
final class StageFlow<S: Stage> {
    /// What was emitted, and is to be handed out when the handler has returned.
    var emitted: [S.Output] = []
    /// Whether there will be no more events than those that wait.
    var isFinishing = false
    /// Whether a message says that the producer is to be asked again.
    var isProduceDue = false
    /// Whether events count as handled when the stage says so, and not when its handler returns.
    var acknowledgesLater = false
    /// Of which subscription the events are that are being handled.
    var handling: UInt64 = 0

    fileprivate(set) var outflow = DispatchMachine<S.Output>(.demand)
    fileprivate var inflow = Inflow<S.Input>()
    fileprivate var upstreams: [UInt64: Upstream<S.Input>] = [:]
    fileprivate var downstreams: [UInt64: Downstream<S.Output>] = [:]
    /// The two sides of each subscription, by the monitors on the other one.
    fileprivate var producers: [MonitorReference: UInt64] = [:]
    fileprivate var consumers: [MonitorReference: UInt64] = [:]
    fileprivate var monitors: [UInt64: MonitorReference] = [:]
    /// Whether the producer may have something: it has, since it was last asked in vain.
    fileprivate var mayProduce = true
    fileprivate var isFinished = false
    fileprivate var handedOut: UInt64 = 0
    fileprivate var dropped: UInt64 = 0

    /// Events were handled: more are asked for if that is due.
    func acknowledge(_ id: UInt64, _ count: Int) {
        guard let more = inflow.handled(id, count) else { return }
        upstreams[id]?.send(.ask(id, more))
    }

    fileprivate func send(_ deliveries: [DispatchMachine<S.Output>.Delivery], isForAll: Bool) {
        for (id, events) in deliveries {
            if !isForAll { handedOut &+= UInt64(events.count) }
            downstreams[id]?.send(.events(events))
        }
        if isForAll, let first = deliveries.first { handedOut &+= UInt64(first.events.count) }
    }

    fileprivate var statistics: StageStatistics {
        StageStatistics(
            consumers: downstreams.count, demand: outflow.demand, held: outflow.held, handedOut: handedOut,
            dropped: dropped, producers: upstreams.count, asked: inflow.pending, unhandled: inflow.unhandled)
    }
}

extension Process {
    /// What the stage that runs here has to do with others.
    func flow<S: Stage>(of type: S.Type) -> StageFlow<S> where Message == ServerMessage<StageServer<S>> {
        let special = makeSpecial()
        // Safety: nobody else keeps any, and a process of such messages runs no other stage.
        if let wishes = special.wishes { return unsafe unsafeDowncast(wishes, to: StageFlow<S>.self) }
        let made = StageFlow<S>()
        special.wishes = made
        return made
    }
}

/// The server that a stage is.
public struct StageServer<S: Stage>: Server, CustomStringConvertible {
    public typealias Info = StageMessage<S>

    private var stage: S
    private let subscriptions: [Subscription<S.Input>]
    private let dispatch: EventDispatch<S.Output>
    private let buffer: EventBuffer

    init(
        _ stage: sending S, _ subscriptions: [Subscription<S.Input>], _ dispatch: EventDispatch<S.Output>,
        _ buffer: EventBuffer
    ) {
        self.stage = stage
        self.subscriptions = subscriptions
        self.dispatch = dispatch
        self.buffer = buffer
    }

    /// The stage's state, as it describes it.
    public var description: String { stage.stateDescription }

    private var isBroadcast: Bool { if case .broadcast = dispatch.rule { true } else { false } }

    /// Starts the stage, and subscribes it.
    ///
    /// - Throws: what the stage's `start` threw; `CallError` with `.noProcess` if there is no such producer.
    public mutating func start(_ me: isolated Me) async throws -> Next {
        let flow = me.flow(of: S.self)
        flow.outflow = DispatchMachine(dispatch)
        flow.inflow = Inflow(isAwake: S.isLast)
        try await stage.start(me)
        for subscription in subscriptions {
            let upstream = subscription.find()
            guard upstream.pid.isAlive || upstream.hasFinished || subscription.terms.kind == .temporary else {
                throw CallError(.noProcess, upstream.pid, name: subscription.name)
            }
            subscribe(to: upstream, subscription, flow, me)
        }
        return try await goOn(flow, me)
    }

    /// Heeds one message, and then does what there is to do.
    ///
    /// - Throws: what the stage's handlers threw, which ends the process.
    public mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        let flow = me.flow(of: S.self)
        switch info.kind {
        case .info(let info): try await stage.handle(info: info, me)
        case .delivery(let id, let delivery):
            try take(delivery, of: id, flow, me)
        case .request(let request): heed(request, flow, me)
        case .down(let down): if let reason = heed(down, flow) { return end(reason, me) }
        case .emit(let events): flow.emitted.append(contentsOf: events)
        case .produce:
            flow.isProduceDue = false
            flow.mayProduce = true
        case .subscribe(let subscription): subscribe(to: subscription.find(), subscription, flow, me)
        case .unsubscribe(let pid):
            for (id, upstream) in flow.upstreams where upstream.pid == pid { cancel(id, flow, me) }
        case .statistics(let reply): reply(flow.statistics)
        }
        return try await goOn(flow, me)
    }

    /// Calls the stage's `terminate`.
    public mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {
        await stage.terminate(reason, me)
    }

    // MARK: The work

    /// Hands out, handles and makes events as long as there is demand and there are some, and gives way between.
    private mutating func goOn(_ flow: StageFlow<S>, _ me: isolated Me) async throws -> Next {
        if !flow.inflow.isAwake, flow.outflow.wanted > 0 {
            for (id, count) in flow.inflow.wake() { flow.upstreams[id]?.send(.ask(id, count)) }
        }
        while true {
            try await handOutEmitted(flow, me)
            if try await !handleSome(flow, me), try await !produceSome(flow, me), try await !finishInput(flow, me) {
                if flow.emitted.isEmpty { break }
            }
            await me.core.scheduler.giveWayIfSpent(me.core)
            guard me.isOpen else { return .stop(me.core.exitReason ?? .normal) }
        }
        // Its end tells its consumers, behind the last events.
        return flow.isFinishing && flow.outflow.held == 0 ? .stop(.normal) : .receive
    }

    private mutating func handOutEmitted(_ flow: StageFlow<S>, _ me: isolated Me) async throws {
        while !flow.emitted.isEmpty {
            let events = flow.emitted
            flow.emitted = []
            let (deliveries, dropped) = flow.outflow.emit(events, buffer)
            flow.send(deliveries, isForAll: isBroadcast)
            guard dropped > 0 else { continue }
            flow.dropped &+= UInt64(dropped)
            me.core.scheduler.messagesDropped &+= UInt64(dropped)
            try await stage.eventsDropped(dropped, me)
        }
    }

    /// Handles what has come, as far as somebody wants what comes of it. Whether there was something.
    private mutating func handleSome(_ flow: StageFlow<S>, _ me: isolated Me) async throws -> Bool {
        guard !flow.isFinishing else { return false }
        // What is held was more than was wanted: nothing is made before it is gone.
        let most = S.isLast ? Int.max : flow.outflow.wanted
        guard let (id, events) = flow.inflow.next(atMost: most) else { return false }
        flow.handling = id
        let made = try await stage.process(events, me)
        flow.send(flow.outflow.dispatch(made), isForAll: isBroadcast)
        if !flow.acknowledgesLater { flow.acknowledge(id, events.count) }
        return true
    }

    /// Has the producer make what is wanted. Whether it made something, or has come to its end.
    private mutating func produceSome(_ flow: StageFlow<S>, _ me: isolated Me) async throws -> Bool {
        let wanted = flow.outflow.wanted
        guard wanted > 0, flow.mayProduce, !flow.isFinishing else { return false }
        guard let made = try await stage.produce(wanted, me) else {
            flow.isFinishing = true
            return true
        }
        flow.mayProduce = !made.isEmpty
        if made.count <= wanted {
            flow.send(flow.outflow.dispatch(made), isForAll: isBroadcast)
        } else {
            flow.send(flow.outflow.dispatch(Array(made.prefix(wanted))), isForAll: isBroadcast)
            flow.emitted.insert(contentsOf: made.dropFirst(wanted), at: 0)
        }
        return !made.isEmpty
    }

    /// Lets the stage finish when all is handled that it lives for. Whether that was now.
    private mutating func finishInput(_ flow: StageFlow<S>, _ me: isolated Me) async throws -> Bool {
        guard flow.inflow.isLastProduced, !flow.isFinished else { return false }
        // Nothing more is to come from those that it does not live for.
        for id in Array(flow.upstreams.keys) { cancel(id, flow, me) }
        guard flow.inflow.unhandled == 0 else { return false }
        flow.isFinished = true
        try await stage.finish(me)
        flow.isFinishing = true
        return true
    }

    /// The stage ends with a producer. Whoever hears of that end is told why: here it is no crash of its own.
    private func end(_ reason: ExitReason, _ me: isolated Me) -> Next {
        me.core.beginToldEnd(reason)
        return .stop(reason)
    }

    // MARK: Those before it

    /// Subscribes to a producer. If that has ended this is heard of like any end, as `.noProcess`.
    private func subscribe(
        to upstream: Upstream<S.Input>, _ subscription: Subscription<S.Input>, _ flow: StageFlow<S>, _ me: isolated Me
    ) {
        let id = ProcessCore.nextID()
        let monitor = me.monitor(upstream.pid) { .info(.down($0)) }
        flow.producers[monitor] = id
        flow.monitors[id] = monitor
        flow.upstreams[id] = upstream
        let demand = flow.inflow.add(id, subscription.terms) ?? 0
        let address = me.address
        upstream.send(
            .subscribe(
                Downstream(id: id, pid: me.pid, partition: subscription.partition, demand: demand) { delivery in
                    address.send(.info(StageMessage(.delivery(id, delivery))))
                }))
    }

    /// A producer has given something.
    ///
    /// - Throws: why it will not have this stage, which ends for that, unless that does not matter.
    private func take(
        _ delivery: StageDelivery<S.Input>, of id: UInt64, _ flow: StageFlow<S>, _ me: isolated Me
    ) throws(PipelineError) {
        switch delivery {
        case .events(let events): flow.inflow.receive(id, events)
        case .refused(let error):
            let verdict = flow.inflow.ended(id, isOrderly: false)
            forget(id, flow, me)
            if verdict == .end { throw error }
        }
    }

    private func cancel(_ id: UInt64, _ flow: StageFlow<S>, _ me: isolated Me) {
        flow.inflow.cancel(id)
        flow.upstreams[id]?.send(.cancel(id))
        forget(id, flow, me)
    }

    private func forget(_ id: UInt64, _ flow: StageFlow<S>, _ me: isolated Me) {
        flow.upstreams[id] = nil
        guard let monitor = flow.monitors.removeValue(forKey: id) else { return }
        flow.producers[monitor] = nil
        me.demonitor(monitor, flush: true)
    }

    // MARK: Those behind it

    private func heed(_ request: StageRequest<S.Output>, _ flow: StageFlow<S>, _ me: isolated Me) {
        switch request {
        case .subscribe(let consumer): admit(consumer, flow, me)
        case .ask(let id, let count):
            guard flow.downstreams[id] != nil else { return }
            flow.send(flow.outflow.ask(id, count), isForAll: isBroadcast)
            flow.mayProduce = true
        case .cancel(let id):
            if let monitor = flow.monitors.removeValue(forKey: id) {
                flow.consumers[monitor] = nil
                me.demonitor(monitor, flush: true)
            }
            leave(id, flow)
        }
    }

    private func admit(_ consumer: Downstream<S.Output>, _ flow: StageFlow<S>, _ me: isolated Me) {
        var refusal = flow.outflow.subscribe(consumer.id, partition: consumer.partition)
        // The one who has the partition may have ended a moment ago.
        if case .partitionTaken(let other) = refusal, flow.downstreams[other]?.pid.isAlive == false {
            leave(other, flow)
            refusal = flow.outflow.subscribe(consumer.id, partition: consumer.partition)
        }
        if let refusal { return consumer.send(.refused(refusal.error(me.pid, consumer.partition))) }
        let monitor = me.monitor(consumer.pid) { .info(.down($0)) }
        flow.consumers[monitor] = consumer.id
        flow.monitors[consumer.id] = monitor
        flow.downstreams[consumer.id] = consumer
        flow.send(flow.outflow.ask(consumer.id, consumer.demand), isForAll: isBroadcast)
        flow.mayProduce = true
    }

    private func leave(_ id: UInt64, _ flow: StageFlow<S>) {
        guard flow.downstreams.removeValue(forKey: id) != nil else { return }
        flow.send(flow.outflow.cancel(id), isForAll: isBroadcast)
        // Of a broadcast, it may have been the slowest.
        flow.mayProduce = true
    }

    // MARK: Ends

    /// A producer or a consumer has ended.
    ///
    /// - Returns: why this stage ends, if it does.
    private func heed(_ down: Down, _ flow: StageFlow<S>) -> ExitReason? {
        if let id = flow.consumers.removeValue(forKey: down.monitor) {
            flow.monitors[id] = nil
            leave(id, flow)
        } else if let id = flow.producers.removeValue(forKey: down.monitor) {
            flow.monitors[id] = nil
            flow.upstreams[id] = nil
            // A monitor of one that had ended before does not say why.
            let reason = down.reason.kind == .noProcess ? down.pid.core.lastReason ?? down.reason : down.reason
            if reason.kind == .normal {
                flow.inflow.finished(id)
            } else if flow.inflow.ended(id, isOrderly: reason.isOrderly) == .end {
                return reason
            }
        }
        return nil
    }
}

extension StageServer: Sendable where S: Sendable {}

extension Stage {
    /// Whether nobody can be behind it.
    fileprivate static var isLast: Bool { Output.self == Never.self }
}

extension DispatchMachine.Refusal {
    fileprivate func error(_ producer: PID, _ partition: Int?) -> PipelineError {
        let wish = partition.map { "partition \($0)" } ?? "no partition"
        return switch self {
        case .noSuchPartition(let count):
            PipelineError(
                .noSuchPartition, producer,
                "the subscription to \(producer) names \(wish), where there are \(count): name one of 0..<\(count)")
        case .noPartitions:
            PipelineError(
                .noSuchPartition, producer,
                "the subscription to \(producer) names \(wish), where there are none: name none, or start the producer with .partition(into:by:)"
            )
        case .partitionTaken:
            PipelineError(
                .partitionTaken, producer,
                "\(wish) of \(producer) has a consumer: each takes one of its own")
        }
    }
}
