/// The process of a dynamic supervisor: it does what `DynamicMachine` decides.
package struct DynamicSupervisorServer: Server {
    package typealias Starter = @Sendable () async throws -> any Supervisable

    package enum Call: Sendable {
        case start(Starter, Reply<PID>)
        case terminate(PID, Reply<Void>)
        case children(Reply<[PID]>)
        case count(Reply<Int>)
    }

    package enum Info: Sendable {
        case exit(ExitSignal)
        case down(Down)
        /// A process that runs already becomes a child; one that has ended is heard of like any other.
        case adopt(PID)
    }

    private let id: String
    private let options: DynamicSupervisor.Options
    private var machine: DynamicMachine<PID>
    /// How children are started again that are.
    private var starters: [Int: Starter] = [:]
    /// Why they have ended, for reports.
    private var reasons: [Int: ExitReason] = [:]

    init(_ id: String, _ options: DynamicSupervisor.Options) {
        self.id = id
        self.options = options
        machine = DynamicMachine(options)
    }

    package mutating func start(_ me: isolated Me) async throws -> Next {
        me.trapExits { .info(.exit($0)) }
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
        }
    }

    package mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .start(let starter, let reply): await add(starter, reply, me)
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

    private mutating func add(_ starter: @escaping Starter, _ reply: Reply<PID>, _ me: isolated Me) async {
        guard let number = machine.admit() else {
            return reply.fail(
                SupervisorError(
                    .tooManyChildren, advice: "\(id) has \(machine.count) children, and may have \(machine.maxChildren)"
                ))
        }
        do {
            let pid = try await starter().pid
            if options.restart != .temporary { starters[number] = starter }
            begin(number, pid, me)
            reply(pid)
        } catch {
            reply.fail(SupervisorError(.startFailed, underlying: error))
        }
    }

    private mutating func begin(_ number: Int, _ pid: PID, _ me: isolated Me) {
        machine.started(number, pid)
        me.adopt(pid)
    }

    private mutating func terminate(_ pid: PID, _ reply: Reply<Void>, _ me: isolated Me) async {
        guard let number = machine.terminated(pid) else {
            // OTP: to terminate what has ended already succeeds.
            return pid.isAlive ? reply.fail(SupervisorError(.notFound, child: "\(pid)")) : reply()
        }
        forget(number)
        await me.stop(pid, options.shutdown)
        reply()
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
            case .reportRestart(let number, let count):
                me.core.scheduler.report(
                    .restart(
                        RestartReport(
                            supervisor: me.core.identity, child: "\(number)", reason: reasons[number] ?? .noProcess,
                            restarts: count, allowed: options.maxRestarts, delay: .zero)))
            case .reportGiveUp(let number):
                me.core.scheduler.report(
                    .giveUp(
                        GiveUpReport(
                            supervisor: me.core.identity, child: "\(number)", reason: reasons[number] ?? .noProcess,
                            allowed: options.maxRestarts, period: options.period)))
            case .giveUp: return .stop(.shutdown)
            }
        }
        return .receive
    }

    private mutating func startAgain(_ number: Int, _ me: isolated Me) async {
        guard let starter = starters[number] else { return }
        do {
            begin(number, try await starter().pid, me)
        } catch {
            reasons[number] = .error(error)
            machine.restartFailed(number, now: me.core.scheduler.time.nanoseconds)
        }
    }
}

extension DynamicSupervisorServer.Info: SupervisorInfo {
    var end: Down? { if case .down(let down) = self { down } else { nil } }
}
