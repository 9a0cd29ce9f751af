/// A consumer that handles each event in a process of its own, so many at a time. (Elixir: ConsumerSupervisor.)
///
///     let workers = try await ConsumerSupervisor<Job> { job in try await job.run() }
///         .started(from: .producer(jobs, max: 16))
///
/// Of each producer no more processes run at a time than the subscription's `max`, and it asks for more when so many have
/// ended that `min` are left. Events are begun in order; they end as they like. A process that fails is reported and not
/// started again: one event that cannot be handled does not hold up the others.
///
/// When it ends its processes are asked to end, all at once. When its producers have finished it ends once they have
/// ended by themselves.
public struct ConsumerSupervisor<Event: Sendable>: Consumer, Sendable {
    public typealias Input = Event

    /// What it hears of its processes.
    public struct Info: Sendable {
        let signal: ExitSignal
    }

    private let placement: Placement
    private let shutdown: Child.Shutdown
    private let label: String
    private let work: @Sendable (Event) async throws -> Void
    /// Of which subscription the event is that each handles.
    private var children: [PID: UInt64] = [:]

    /// A supervisor without processes.
    ///
    /// - Parameters:
    ///   - placement: where they live; default: on all schedulers of its group in turn.
    ///   - shutdown: how they are stopped; default `.after(.seconds(5))`.
    ///   - label: what introspection and reports call each; default `"event"`.
    ///   - work: what is done with an event. What it throws is the reason of its process's end.
    public init(
        placement: Placement = .spread, shutdown: Child.Shutdown = .after(.seconds(5)), label: String = "event",
        _ work: @escaping @Sendable (Event) async throws -> Void
    ) {
        self.placement = placement
        self.shutdown = shutdown
        self.label = label
        self.work = work
    }

    public mutating func start(_ me: isolated Me) async throws {
        me.flow(of: Self.self).acknowledgesLater = true
        me.trapExits { .info(.info(Info(signal: $0))) }
    }

    public mutating func consume(_ events: [Event], _ me: isolated Me) async throws {
        let id = me.flow(of: Self.self).handling
        for event in events {
            await me.core.scheduler.giveWayIfSpent(me.core)
            guard me.isOpen else { return }
            let child = me.spawnLink(
                Never.self, on: placement.scheduler(of: me.core.scheduler), label: label
            ) { [work] _ in try await work(event) }
            children[child.pid] = id
        }
    }

    public mutating func handle(info: Info, _ me: isolated Me) async throws {
        if let pid = info.signal.from, let id = children.removeValue(forKey: pid) {
            me.flow(of: Self.self).acknowledge(id, 1)
        } else if info.signal.reason.kind != .normal {
            // Somebody else wants it to end, or has ended and was linked to it: that is no crash of its own.
            me.core.beginToldEnd(info.signal.reason)
            throw info.signal.reason
        }
    }

    public var stateDescription: String { "\(children.count) processes" }

    public mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {
        await me.stopAll(children.keys, shutdown)
    }
}
