/// The process of a dynamic supervisor: it does what `DynamicMachine` decides.
package struct DynamicSupervisorServer: Server {
    package enum Call: Sendable {
        case start(@Sendable () async throws -> any Supervisable, Reply<PID>)
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
        case .start(let start, let reply): await add(start, reply, me)
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

    // MARK: Children

    private mutating func add(
        _ start: @escaping @Sendable () async throws -> any Supervisable, _ reply: Reply<PID>, _ me: isolated Me
    ) async {
        guard let number = machine.admit() else {
            return reply.fail(
                SupervisorError(
                    .tooManyChildren, advice: "\(id) has \(machine.count) children, and may have \(machine.maxChildren)"
                ))
        }
        let starter = ChildStarter(start, within: options.startWithin, shutdown: options.shutdown)
        switch await me.start("\(number)", starter, unless: wish) {
        case .success(let pid):
            if options.restart != .temporary { starters[number] = starter }
            begin(number, pid, me)
            reply(pid)
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
        switch await me.start("\(number)", starter, unless: wish) {
        case .success(let pid): begin(number, pid, me)
        case .failure(let error):
            reasons[number] = .error(error)
            machine.restartFailed(number)
        }
    }
}

extension DynamicSupervisorServer.Info: SupervisorInfo {
    var end: Down? { if case .down(let down) = self { down } else { nil } }
}
