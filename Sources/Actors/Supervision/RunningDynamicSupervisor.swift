internal import Synchronization

/// A dynamic supervisor that runs, in one part or one on each scheduler.
public struct RunningDynamicSupervisor: Supervisable {
    /// What stands above the partitions, if there are several.
    private let top: RunningSupervisor?
    private let partitions: StartedPartitions

    init(partitions: [ServerProcess<DynamicSupervisorServer>]) {
        top = nil
        self.partitions = StartedPartitions()
        for partition in partitions { self.partitions.started(partition) }
    }

    /// - Parameter top: the supervisor under which the parts stand.
    package init(top: RunningSupervisor, partitions: StartedPartitions) {
        self.top = top
        self.partitions = partitions
    }

    public var pid: PID { top?.pid ?? partitions.here.pid }

    /// Starts a child.
    ///
    /// - Parameter start: runs as the supervisor, once more for each restart, and returns when the child is ready. It is
    ///   cancelled when the supervisor is to end, and after `startWithin`.
    /// - Returns: its process.
    /// - Throws: `SupervisorError`: `.tooManyChildren`, `.startFailed` or `.noSupervisor`.
    @discardableResult
    public func start<S: Supervisable>(_ start: @escaping @Sendable () async throws -> S) async throws -> PID {
        try await ask(partitions.here) { .start({ try await start() }, $0) }
    }

    /// Stops a child for good, also one that has ended and is about to be started again.
    ///
    /// - Throws: `SupervisorError`: `.notFound` or `.noSupervisor`.
    public func terminate(_ child: PID) async throws {
        for partition in partitions.all where try await ask(partition, { .terminate(child, $0) }) { return }
        // OTP: to terminate what has ended already succeeds.
        if child.isAlive { throw SupervisorError(.notFound, child: "\(child)") }
    }

    /// Its children, in no order.
    ///
    /// - Throws: `SupervisorError` with `.noSupervisor`.
    public func children() async throws -> [PID] {
        var children: [PID] = []
        for partition in partitions.all { children += try await ask(partition) { .children($0) } }
        return children
    }

    /// How many children it has.
    ///
    /// - Throws: `SupervisorError` with `.noSupervisor`.
    public func count() async throws -> Int {
        var count = 0
        for partition in partitions.all { count += try await ask(partition) { .count($0) } }
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

    /// Waits for its end and returns the reason.
    public func down() async -> ExitReason { await pid.down() }

    private func ask<Value: Sendable>(
        _ partition: ServerProcess<DynamicSupervisorServer>, _ request: (Reply<Value>) -> DynamicSupervisorServer.Call
    ) async throws -> Value {
        do {
            return try await partition.call(timeout: nil, request)
        } catch let error as CallError where error.code != .cancelled && error.code != .calledSelf {
            throw SupervisorError(.noSupervisor)
        }
    }
}

/// The parts of a dynamic supervisor that run now: a part that is started again takes the place of the one before.
package final class StartedPartitions: @unchecked Sendable {
    typealias Partition = ServerProcess<DynamicSupervisorServer>

    // Safety: touched with `lock` held.
    private let lock = Lock()
    private var partitions: [Partition] = []
    private let turn = Atomic<Int>(0)

    func started(_ partition: Partition) {
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
        let scheduler = Scheduler.current ?? ProcessCore.current?.scheduler
        if let here = all.first(where: { $0.pid.core.scheduler === scheduler }) { return here }
        return all[Int(UInt(bitPattern: turn.wrappingAdd(1, ordering: .relaxed).oldValue) % UInt(all.count))]
    }

    /// The part on a scheduler, or any.
    func near(_ scheduler: Scheduler) -> Partition {
        let all = all
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
            started.started(server)
            return server
        }
    }
}
