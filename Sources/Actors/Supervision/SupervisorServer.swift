/// The process of a supervisor: it does what `SupervisorMachine` decides, one step at a time.
struct SupervisorServer: Server {
    enum Call: Sendable {
        case start(Child, Reply<PID>)
        case terminate(String, Reply<Void>)
        case restart(String, Reply<PID>)
        case delete(String, Reply<Void>)
        case children(Reply<[ChildInfo]>)
    }

    enum Info: Sendable {
        case exit(ExitSignal)
        case down(Down)
        case retry(Int)
        case tryAgain(Int)
    }

    private let id: String
    private let options: Supervisor.Options
    private var machine: SupervisorMachine<PID>
    private var starters: [String: ChildStarter] = [:]
    /// Why children have ended or could not be started, for reports: the newest of each.
    private var reasons: [String: ExitReason] = [:]
    private var failure: SupervisorError?
    /// What it was asked to end for.
    private var asked = ExitReason.shutdown
    private let wish = EndWish()
    /// Why it ends by itself.
    private var cause: SupervisorError?

    init(_ supervisor: Supervisor) {
        id = supervisor.id
        options = supervisor.options
        machine = SupervisorMachine(supervisor.options, children: supervisor.children.map(\.specification))
        for child in supervisor.children { starters[child.specification.id] = child.starter }
    }

    // MARK: Handlers

    mutating func start(_ me: isolated Me) async throws -> Next {
        me.trapExits { [wish] in .info(.exit(wish.note($0))) }
        let next = await carryOut(me)
        if let failure { throw failure }
        return next
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        switch info {
        case .exit(let signal): exited(signal, me)
        case .down: break
        case .retry(let number): machine.retry(number)
        case .tryAgain(let number):
            machine.tryAgain(number, now: me.core.scheduler.time.nanoseconds, random: .random(in: 0..<1))
        }
        defer { forgetTheGone() }
        return await carryOut(me)
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        defer { forgetTheGone() }
        switch call {
        case .start(let child, let reply): await add(child, reply, me)
        case .terminate(let id, let reply): await terminate(id, reply, me)
        case .restart(let id, let reply):
            if let problem = machine.mayRestart(id) {
                reply.fail(SupervisorError(problem, child: id))
            } else {
                await answer(reply, await startChild(id, me), id)
            }
        case .delete(let id, let reply):
            if let problem = machine.delete(id) { reply.fail(SupervisorError(problem, child: id)) } else { reply() }
        case .children(let reply): reply(machine.children.map(ChildInfo.init))
        }
        return .receive
    }

    mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {
        // Stopping children may take as long as they are given.
        me.core.limitGrace(to: nil)
        machine.shutDown()
        _ = await carryOut(me)
    }

    /// The closures by which its children start say nothing, and there may be many.
    var stateDescription: String { "supervisor \"\(id)\" with \(machine.children.count) children" }

    /// A child that the machine knows no more leaves nothing here: a supervisor may see any number of temporary ones.
    private mutating func forgetTheGone() {
        guard starters.count != machine.children.count else { return }
        let known = Set(machine.children.map(\.specification.id))
        starters = starters.filter { known.contains($0.key) }
        reasons = reasons.filter { known.contains($0.key) }
    }

    // MARK: The plan

    /// Takes the steps of the plan until there is none left.
    private mutating func carryOut(_ me: isolated Me) async -> Next {
        // One that was killed does no more: its children go with it.
        while !me.core.machine.isDead, let step = machine.next() {
            switch step {
            case .start(let id): await startAsPlanned(id, me)
            case .stop(let id, let pid, let shutdown):
                await me.stop(pid, shutdown)
                machine.stopped(id)
            case .wait(let delay, _, let number): me.sendAfter(delay, .info(.retry(number)))
            case .tryAgain(_, let number): me.send(.info(.tryAgain(number)))
            case .reportRestart(let id, let count, let delay): reportRestart(id, count, delay, me)
            case .reportGiveUp(let id): reportGiveUp(id, me)
            case .end(let end): return .stop(reason(of: end))
            }
        }
        return .receive
    }

    private func reason(of end: SupervisorMachine<PID>.End) -> ExitReason {
        switch end {
        case .asked: asked
        case .shutdown: .shutdown(because: cause ?? SupervisorError(.significantChildEnded, child: id))
        case .startFailed: .error(failure ?? SupervisorError(.startFailed))
        }
    }

    private mutating func startAsPlanned(_ id: String, _ me: isolated Me) async {
        switch await startChild(id, me) {
        case .success: break
        case .failure(let error):
            reasons[id] = .error(error)
            failure = SupervisorError(.startFailed, child: id, underlying: error)
            machine.startFailed(id)
        }
    }

    /// Starts a child and links to it.
    private mutating func startChild(_ id: String, _ me: isolated Me) async -> Result<PID, any Error> {
        guard let starter = starters[id] else { return .failure(SupervisorError(.notFound, child: id)) }
        let outcome = await me.start(id, starter, options.placement, unless: wish).map(\.pid)
        if case .success(let pid) = outcome {
            me.adopt(pid)
            machine.started(id, pid)
        }
        return outcome
    }

    private mutating func exited(_ signal: ExitSignal, _ me: isolated Me) {
        guard let pid = signal.from else {
            // Code outside any process stands for whoever started it.
            asked = signal.reason
            return machine.shutDown()
        }
        if let child = machine.children.first(where: { $0.status == .running(pid) }) {
            reasons[child.specification.id] = signal.reason
        }
        machine.exited(pid, signal.reason, now: me.core.scheduler.time.nanoseconds, random: .random(in: 0..<1))
    }

    // MARK: Management

    private mutating func add(_ child: Child, _ reply: Reply<PID>, _ me: isolated Me) async {
        let specification = child.specification
        do throws(SupervisorError) {
            try specification.check(options.autoShutdown)
            try child.check()
        } catch {
            return reply.fail(error)
        }
        if let problem = machine.add(specification) {
            return reply.fail(SupervisorError(problem, child: specification.id))
        }
        starters[specification.id] = child.starter
        let outcome = await startChild(specification.id, me)
        if case .failure = outcome { machine.forget(specification.id) }
        await answer(reply, outcome, specification.id)
    }

    private func answer(_ reply: Reply<PID>, _ outcome: Result<PID, any Error>, _ id: String) async {
        switch outcome {
        case .success(let pid): reply(pid)
        case .failure(let error): reply.fail(SupervisorError(.startFailed, child: id, underlying: error))
        }
    }

    private mutating func terminate(_ id: String, _ reply: Reply<Void>, _ me: isolated Me) async {
        switch machine.terminate(id) {
        case .failure(let problem): return reply.fail(SupervisorError(problem.code, child: id))
        case .success(let running):
            if let (pid, shutdown) = running {
                await me.stop(pid, shutdown)
                machine.stopped(id)
            }
        }
        reply()
    }

    // MARK: Reports

    private func reportRestart(_ id: String, _ count: Int, _ delay: Duration, _ me: isolated Me) {
        me.core.scheduler.report(
            .restart(
                RestartReport(
                    supervisor: me.core.identity, child: id, reason: reasons[id] ?? .noProcess, restarts: count,
                    allowed: options.maxRestarts, delay: delay)))
    }

    private mutating func reportGiveUp(_ child: String, _ me: isolated Me) {
        let reason = reasons[child] ?? .noProcess
        cause = .gaveUp(id, child, reason, options.maxRestarts, options.period)
        me.core.scheduler.report(
            .giveUp(
                GiveUpReport(
                    supervisor: me.core.identity, child: child, reason: reason, allowed: options.maxRestarts,
                    period: options.period)))
    }
}

extension SupervisorServer.Info: SupervisorInfo {
    var end: Down? { if case .down(let down) = self { down } else { nil } }
}

/// A supervisor that runs.
public struct RunningSupervisor: Supervisable, Hashable {
    let server: ServerAddress<SupervisorServer>

    /// The process of the supervisor: to link, monitor or end it.
    public var pid: PID { server.pid }

    /// The server that one of its children is, as it runs now.
    ///
    /// - Parameters:
    ///   - id: the child's.
    ///   - type: the server's.
    /// - Throws: `SupervisorError` with `.notFound` if there is no such child, or it does not run now, or it is no such
    ///   server; `.noSupervisor`.
    public func child<S: Server>(_ id: String, server type: S.Type) async throws -> ServerAddress<S> {
        for child in try await children() where child.id == id {
            if let address = child.address(server: type) { return address }
        }
        throw SupervisorError(.notFound, child: id)
    }

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
    /// - Throws: `SupervisorError`: `.alreadyRunning`, `.alreadyPresent`, `.badSpecification`, `.startFailed` (then it
    ///   is not added) or `.noSupervisor`.
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

    private func ask<Value: Sendable>(_ request: (Reply<Value>) -> SupervisorServer.Call) async throws -> Value {
        try await server.callSupervisor(request)
    }
}

/// One child of a supervisor at a moment.
public struct ChildInfo: Sendable, Hashable {
    /// Whether a child runs.
    public enum State: Sendable, Hashable {
        /// It runs, as this process.
        case running(PID)
        /// It is about to be started again.
        case restarting
        /// It has ended or was stopped, and is not started again by itself.
        case stopped
    }

    /// The id in the child's specification: what `terminate`, `restart` and `delete` take.
    public let id: String
    /// Whether it ran when the supervisor was asked, and as which process.
    public let state: State
    /// When the supervisor starts it again.
    public let restart: Child.Restart
    /// Whether it is a supervisor itself, dynamic or not; else it is a worker.
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

    /// Where to call it as a server; `nil` if it does not run, or is no such server. A restart makes another of it: one
    /// that has a name is found by that for good.
    public func address<S: Server>(server type: S.Type) -> ServerAddress<S>? { pid?.address(server: type) }

    /// Where to send it events as a state machine; `nil` if it does not run, or is no such machine.
    public func address<Machine: StateMachine>(machine type: Machine.Type) -> StateMachineAddress<Machine>? {
        pid?.address(machine: type)
    }

    /// Where to send it messages; `nil` if it does not run, or takes messages of another type.
    public func address<Message: Sendable>(as type: Message.Type) -> Address<Message>? { pid?.address(as: type) }
}

/// How many children a supervisor has.
public struct ChildCount: Sendable, Hashable {
    /// All that it knows, running or not.
    public let specifications: Int
    /// Those that run.
    public let active: Int
    /// Those that are supervisors themselves, running or not.
    public let supervisors: Int
    /// Those that are no supervisors, running or not.
    public let workers: Int

    init(_ children: [ChildInfo]) {
        specifications = children.count
        active = children.count { $0.pid != nil }
        supervisors = children.count { $0.isSupervisor }
        workers = specifications - supervisors
    }
}
