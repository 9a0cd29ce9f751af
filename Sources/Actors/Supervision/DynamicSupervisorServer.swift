internal import Synchronization

/// The process of a dynamic supervisor: it does what `DynamicMachine` decides.
package struct DynamicSupervisorServer: Server {
    package enum Call: Sendable {
        case start(@Sendable () async throws -> any Supervisable, Placement?, Reply<any Supervisable>)
        /// Whether it was a child of this supervisor.
        case terminate(PID, Reply<Bool>)
        case children(Reply<[PID]>)
        case count(Reply<Int>)
    }

    package enum Info: Sendable {
        case exit(ExitSignal)
        case down(Down)
        /// A process that runs already becomes a child; one that has ended is heard of like any other.
        case adopt(PID)
        case tryAgain(Int)
    }

    private let id: String
    private let options: DynamicSupervisor.Options
    private var machine: DynamicMachine<PID>
    /// How children are started again that are.
    private var starters: [Int: ChildStarter] = [:]
    /// Why they have ended, for reports.
    private var reasons: [Int: ExitReason] = [:]
    private let wish = EndWish()
    /// Why it ends by itself.
    private var cause: SupervisorError?

    init(_ id: String, _ options: DynamicSupervisor.Options) {
        self.id = id
        self.options = options
        machine = DynamicMachine(options)
    }

    package mutating func start(_ me: isolated Me) async throws -> Next {
        me.trapExits { [wish] in .info(.exit(wish.note($0))) }
        return .receive
    }

    package mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        switch info {
        case .adopt(let pid):
            if let number = machine.admit() {
                begin(number, pid, me)
            } else {
                pid.exit(.shutdown)
            }
            return .receive
        case .down: return .receive
        case .exit(let signal):
            guard let pid = signal.from else { return .stop(signal.reason) }
            exited(pid, signal.reason, me)
            return await carryOut(me)
        case .tryAgain(let number):
            machine.tryAgain(number, now: me.core.scheduler.time.nanoseconds)
            return await carryOut(me)
        }
    }

    package mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .start(let start, let placement, let reply): await add(start, placement, reply, me)
        case .terminate(let pid, let reply): await terminate(pid, reply, me)
        case .children(let reply): reply(Array(machine.running.keys))
        case .count(let reply): reply(machine.count)
        }
        return .receive
    }

    package mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {
        // Stopping children may take as long as they are given.
        me.core.limitGrace(to: nil)
        await me.stopAll(machine.running.keys, options.shutdown)
    }

    /// The closures by which its children start say nothing, and there may be many.
    package var stateDescription: String { "dynamic supervisor \"\(id)\" with \(machine.count) children" }

    // MARK: Children

    private mutating func add(
        _ start: @escaping @Sendable () async throws -> any Supervisable, _ placement: Placement?,
        _ reply: Reply<any Supervisable>, _ me: isolated Me
    ) async {
        guard let number = machine.admit() else {
            return reply.fail(
                SupervisorError(
                    .tooManyChildren, advice: "\(id) has \(machine.count) children, and may have \(machine.maxChildren)"
                ))
        }
        let starter = ChildStarter(
            start, within: options.startWithin, shutdown: options.shutdown, placement: placement)
        switch await me.start("\(number)", starter, options.placement, unless: wish) {
        case .success(let child):
            if options.restart != .temporary { starters[number] = starter }
            begin(number, child.pid, me)
            reply(child)
        case .failure(let error):
            reply.fail(SupervisorError(.startFailed, underlying: error))
        }
    }

    private mutating func begin(_ number: Int, _ pid: PID, _ me: isolated Me) {
        machine.started(number, pid)
        me.adopt(pid)
    }

    private mutating func terminate(_ pid: PID, _ reply: Reply<Bool>, _ me: isolated Me) async {
        guard let number = machine.terminated(pid) else { return reply(false) }
        forget(number)
        await me.stop(pid, options.shutdown)
        reply(true)
    }

    private mutating func exited(_ pid: PID, _ reason: ExitReason, _ me: isolated Me) {
        if options.restart != .temporary, let number = machine.running[pid] { reasons[number] = reason }
        if let number = machine.exited(pid, reason, now: me.core.scheduler.time.nanoseconds) { forget(number) }
    }

    private mutating func forget(_ number: Int) {
        if options.restart == .temporary { return }
        starters[number] = nil
        reasons[number] = nil
    }

    // MARK: The plan

    private mutating func carryOut(_ me: isolated Me) async -> Next {
        while !me.core.machine.isDead, let step = machine.next() {
            switch step {
            case .start(let number): await startAgain(number, me)
            case .tryAgain(let number): me.send(.info(.tryAgain(number)))
            case .reportRestart(let number, let count):
                me.core.scheduler.report(
                    .restart(
                        RestartReport(
                            supervisor: me.core.identity, child: "\(number)", reason: reasons[number] ?? .noProcess,
                            restarts: count, allowed: options.maxRestarts, delay: .zero)))
            case .reportGiveUp(let number):
                cause = .gaveUp(id, "\(number)", reasons[number] ?? .noProcess, options.maxRestarts, options.period)
                me.core.scheduler.report(
                    .giveUp(
                        GiveUpReport(
                            supervisor: me.core.identity, child: "\(number)", reason: reasons[number] ?? .noProcess,
                            allowed: options.maxRestarts, period: options.period)))
            case .giveUp: return .stop(cause.map { .shutdown(because: $0) } ?? .shutdown)
            }
        }
        return .receive
    }

    private mutating func startAgain(_ number: Int, _ me: isolated Me) async {
        guard let starter = starters[number] else { return }
        switch await me.start("\(number)", starter, options.placement, unless: wish) {
        case .success(let child): begin(number, child.pid, me)
        case .failure(let error):
            reasons[number] = .error(error)
            machine.restartFailed(number)
        }
    }
}

extension DynamicSupervisorServer.Info: SupervisorInfo {
    var end: Down? { if case .down(let down) = self { down } else { nil } }
}

/// A dynamic supervisor that runs, in one part or one on each scheduler.
public struct RunningDynamicSupervisor: Supervisable {
    /// What stands above the partitions, if there are several.
    private let top: RunningSupervisor?
    private let partitions: StartedPartitions
    /// By which of several partitions a child is started.
    private let placement: Placement

    init(_ server: ServerAddress<DynamicSupervisorServer>) {
        top = nil
        partitions = StartedPartitions()
        placement = .here
        partitions.started(server)
    }

    /// The dynamic supervisor that has the name, whenever it is used: also one that is started later, or again.
    ///
    ///     let tree = Supervisor { DynamicSupervisor(id: "rooms", name: "rooms") }
    ///     …
    ///     let room = try await RunningDynamicSupervisor(named: "rooms").start { try await Room().started() }
    public init(named name: String) { self.init(ServerAddress(named: name)) }

    /// - Parameters:
    ///   - top: the supervisor under which the parts stand.
    ///   - placement: by which of them a child is started.
    package init(top: RunningSupervisor, partitions: StartedPartitions, placement: Placement = .here) {
        self.top = top
        self.partitions = partitions
        self.placement = placement
    }

    /// The process of the supervisor; of a partitioned one that of the supervisor above its partitions.
    public var pid: PID { top?.pid ?? partitions.here.pid }

    /// Starts a child.
    ///
    ///     let room = try await rooms.start { try await Room().started() }
    ///     let members = try await room.call { .members($0) }
    ///
    /// - Parameters:
    ///   - placement: where it lives; default: as the supervisor was made to place its children.
    ///   - start: runs as the supervisor, once more for each restart, and returns when the child is ready. It is
    ///     cancelled when the supervisor is to end, and after `startWithin`.
    /// - Returns: what `start` returned. When the child is started again, that stands for the process before.
    /// - Throws: `SupervisorError`: `.tooManyChildren`, `.startFailed` or `.noSupervisor`.
    @discardableResult
    public func start<S: Supervisable>(
        placement: Placement? = nil, _ start: @escaping @Sendable () async throws -> S
    ) async throws -> S {
        let partition = partitions.partition(placement ?? self.placement)
        // A part has its children where it lives itself, unless a scheduler is named.
        let placement = top == nil || placement?.scheduler != nil ? placement : Placement.here
        let child = try await partition.callSupervisor { .start({ try await start() }, placement, $0) }
        guard let child = child as? S else { preconditionFailure("a start returned a \(type(of: child))") }
        return child
    }

    /// Not for use: catches a closure that forgets to return what it has started.
    @available(*, unavailable, message: "the closure returns nothing: return what it started, to be a child")
    public func start(
        placement: Placement? = nil, _ run: @escaping @Sendable () async throws -> Void
    ) async throws { fatalError("unavailable") }

    /// Stops a child for good, as with its PID.
    ///
    /// - Throws: `SupervisorError`: `.notFound` or `.noSupervisor`.
    public func terminate(_ child: some Supervisable) async throws { try await terminate(child.pid) }

    /// Stops a child for good, also one that has ended and is about to be started again.
    ///
    /// - Throws: `SupervisorError`: `.notFound` or `.noSupervisor`.
    public func terminate(_ child: PID) async throws {
        for partition in partitions.all where try await partition.callSupervisor({ .terminate(child, $0) }) { return }
        // OTP: to terminate what has ended already succeeds.
        if child.isAlive { throw SupervisorError(.notFound, child: "\(child)") }
    }

    /// Its children, in no order.
    ///
    /// - Throws: `SupervisorError` with `.noSupervisor`.
    public func children() async throws -> [PID] {
        var children: [PID] = []
        for partition in partitions.all { children += try await partition.callSupervisor { .children($0) } }
        return children
    }

    /// How many children it has.
    ///
    /// - Throws: `SupervisorError` with `.noSupervisor`.
    public func count() async throws -> Int {
        var count = 0
        for partition in partitions.all { count += try await partition.callSupervisor { .count($0) } }
        return count
    }

    /// Makes a process that runs already a child, on the partition of its scheduler. Never suspends. On the child's
    /// scheduler.
    ///
    /// The two are linked at once: a partition that has ended, or ends before it has taken the child in, ends the child
    /// too, so that no child is ever without a supervisor.
    ///
    /// - Returns: the partition, which is the child's parent from now on.
    @discardableResult
    package func adopt(_ child: PID) -> PID {
        let partition = partitions.near(child.core.scheduler)
        if child.core.parent == nil { child.core.parent = partition.pid.core.id }
        // In this order: it is told of its child before it can be told of the child's end.
        partition.send(.adopt(child))
        child.core.link(to: partition.pid.core)
        return partition.pid
    }

    /// Stops the children, all at once, and then the supervisor.
    ///
    /// - Returns: why it has ended: `.shutdown`, unless something else was first.
    @discardableResult
    public func stop() async -> ExitReason { if let top { await top.stop() } else { await partitions.here.stop() } }

    /// Waits for its end and returns the reason, as `PID.down()` does.
    ///
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    public func down() async throws(CancellationError) -> ExitReason { try await pid.down() }

    /// Waits for its end so long, as `PID.down(timeout:)` does; `nil` if it has not ended by then.
    ///
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    public func down(timeout: Duration) async throws(CancellationError) -> ExitReason? {
        try await pid.down(timeout: timeout)
    }
}

/// The parts of a dynamic supervisor that run now: a part that is started again takes the place of the one before.
package final class StartedPartitions: @unchecked Sendable {
    typealias Partition = ServerAddress<DynamicSupervisorServer>

    // Safety: touched with `lock` held.
    private let lock = Lock()
    private var partitions: [Partition] = []
    private let turn = Atomic<Int>(0)

    func started(_ partition: Partition) {
        // One by name is the only part, and nobody need have the name yet.
        guard partition.name == nil else { return lock.withLock { partitions = [partition] } }
        let scheduler = partition.pid.core.scheduler
        lock.withLock {
            if let index = partitions.firstIndex(where: { $0.pid.core.scheduler === scheduler }) {
                partitions[index] = partition
            } else {
                partitions.append(partition)
            }
        }
    }

    var all: [Partition] { lock.withLock { partitions } }

    /// The part on the caller's scheduler, or from outside each in turn.
    var here: Partition {
        let all = all
        if all.count == 1 { return all[0] }
        let scheduler = Scheduler.current ?? ProcessCore.current?.scheduler
        if let here = all.first(where: { $0.pid.core.scheduler === scheduler }) { return here }
        return all[Int(UInt(bitPattern: turn.wrappingAdd(1, ordering: .relaxed).oldValue) % UInt(all.count))]
    }

    /// The part that starts a child.
    func partition(_ placement: Placement) -> Partition {
        let all = all
        if all.count == 1 { return all[0] }
        return placement.scheduler.map { near($0) } ?? placement.part(of: all.count, turn).map { all[$0] } ?? here
    }

    /// The part on a scheduler, or any.
    func near(_ scheduler: Scheduler) -> Partition {
        let all = all
        if all.count == 1 { return all[0] }
        return all.first { $0.pid.core.scheduler === scheduler } ?? all[0]
    }
}

extension DynamicSupervisor {
    /// A part on a scheduler, as a child of the supervisor above the parts.
    func partition(on scheduler: Scheduler, _ started: StartedPartitions) -> Child {
        let specification = ChildSpecification(
            id: "\(id) \(scheduler.index)", restart: .permanent, shutdown: .infinity, isSignificant: false,
            isSupervisor: true)
        return Child(specification, check: { () throws(SupervisorError) in }) { [options] in
            let server = try await DynamicSupervisorServer(specification.id, options)
                .started(on: scheduler, label: specification.id)
            started.started(ServerAddress(server))
            return server
        }
    }
}
