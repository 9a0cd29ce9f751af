/// A supervisor that runs.
public struct RunningSupervisor: Supervisable, Hashable {
    let server: ServerProcess<SupervisorServer>

    public var pid: PID { server.pid }

    /// Its children in the order in which they are started. (OTP: `which_children/1`.)
    ///
    /// - Throws: `SupervisorError` with `.noSupervisor`.
    public func children() async throws -> [ChildInfo] { try await ask { .children($0) } }

    /// How many children there are, and of which kinds. (OTP: `count_children/1`.)
    ///
    /// - Throws: `SupervisorError` with `.noSupervisor`.
    public func count() async throws -> ChildCount { ChildCount(try await children()) }

    /// Adds a child at the end of the order and starts it. (OTP: `start_child/2`.)
    ///
    /// - Returns: its process.
    /// - Throws: `SupervisorError`: `.alreadyRunning`, `.alreadyPresent`, `.badSpecification`, `.startFailed` (then it is
    ///   not added) or `.noSupervisor`.
    @discardableResult
    public func start(child: Child) async throws -> PID { try await ask { .start(child, $0) } }

    /// Stops a child for good. It stays known, and can be restarted or deleted, but for a temporary one.
    /// (OTP: `terminate_child/2`.)
    ///
    /// - Throws: `SupervisorError`: `.notFound` or `.noSupervisor`.
    public func terminate(_ id: String) async throws { try await ask { .terminate(id, $0) } }

    /// Starts a child that is stopped. (OTP: `restart_child/2`.)
    ///
    /// - Throws: `SupervisorError`: `.notFound`, `.alreadyRunning`, `.restarting`, `.startFailed` or `.noSupervisor`.
    @discardableResult
    public func restart(_ id: String) async throws -> PID { try await ask { .restart(id, $0) } }

    /// Forgets a child that is stopped. (OTP: `delete_child/2`.)
    ///
    /// - Throws: `SupervisorError`: `.notFound`, `.alreadyRunning`, `.restarting` or `.noSupervisor`.
    public func delete(_ id: String) async throws { try await ask { .delete(id, $0) } }

    /// Stops the children, the last one first, and then the supervisor.
    ///
    /// - Returns: why it has ended: `.shutdown`, unless something else was first.
    @discardableResult
    public func stop() async -> ExitReason { await server.stop() }

    /// Waits for its end and returns the reason.
    public func down() async -> ExitReason { await pid.down() }

    private func ask<Value: Sendable>(_ request: (Reply<Value>) -> SupervisorServer.Call) async throws -> Value {
        do {
            return try await server.call(timeout: nil, request)
        } catch let error as CallError where error.code != .cancelled && error.code != .calledSelf {
            throw SupervisorError(.noSupervisor)
        }
    }
}

/// One child of a supervisor at a moment.
public struct ChildInfo: Sendable, Hashable {
    public enum State: Sendable, Hashable {
        case running(PID)
        /// It is about to be started again.
        case restarting
        case stopped
    }

    public let id: String
    public let state: State
    public let restart: Child.Restart
    public let isSupervisor: Bool

    init(_ record: SupervisorMachine<PID>.Record) {
        id = record.specification.id
        restart = record.specification.restart
        isSupervisor = record.specification.isSupervisor
        state =
            switch record.status {
            case .running(let pid): .running(pid)
            case .restarting: .restarting
            case .stopped: .stopped
            }
    }

    /// Its process, if it runs.
    public var pid: PID? { if case .running(let pid) = state { pid } else { nil } }
}

/// How many children a supervisor has.
public struct ChildCount: Sendable, Hashable {
    /// All that it knows, running or not.
    public let specifications: Int
    /// Those that run.
    public let active: Int
    public let supervisors: Int
    public let workers: Int

    init(_ children: [ChildInfo]) {
        specifications = children.count
        active = children.count { $0.pid != nil }
        supervisors = children.count { $0.isSupervisor }
        workers = specifications - supervisors
    }
}
