internal import Actors
internal import Glibc
internal import WSServer

/// Keeps one worker: a process of ours that stands for a process of the system, so that a supervisor can have it for a
/// child. It starts the worker, and ends when that has ended, for the same reason.
struct WorkerKeeper {
    /// What is the same for all workers.
    struct Setup: Sendable {
        /// What workers are started with, and told first.
        let arguments: [String]
        let order: WorkerOrder
        let schedulers: SchedulerGroup
        /// Who all are to be told together.
        let group: ProcessGroup<Input>
        /// How long a worker may take to end before it is killed.
        let grace: Duration
    }

    enum Input: Sendable {
        case connected(WebSocket)
        case report(WorkerReport)
        case whenServing(Reply<WorkerReport.Serving>)
        /// End in good order.
        case drain
        /// It has had its time.
        case overdue
        /// The process of the system has ended.
        case ended
        case exit(ExitSignal)
    }

    private let setup: Setup
    private let child: ChildProcess
    private let channel: PID
    private var serving: WorkerReport.Serving?
    private var waiting: [Reply<WorkerReport.Serving>] = []
    private var isEnding = false

    /// Starts a worker, and returns its keeper when the worker listens.
    static func start(_ label: String, _ setup: Setup, _ announcer: Announcer) async throws -> Process<Input> {
        let process = Process<Input>.spawn(on: setup.schedulers.next(), label: label) { me in
            me.trapExits { .exit($0) }
            setup.group.join(me)
            var keeper = try WorkerKeeper(setup, me)
            while let input = await me.receive() {
                if let end = try await keeper.handle(input, me) { throw end }
            }
        }
        do {
            let serving = try await process.call(timeout: WorkerChannel.patience) { .whenServing($0) }
            announcer.say("\(label), process \(serving.process): at most \(serving.maxConnections) connections")
            return process
        } catch {
            process.exit(.shutdown)
            throw error
        }
    }

    private init(_ setup: Setup, _ me: isolated Process<Input>) throws {
        let ends = try WorkerChannel().ends
        defer { close(ends.worker) }
        do {
            child = try ChildProcess(
                arguments: setup.arguments + ["--worker-channel", "\(ChildProcess.passedDescriptor)"],
                passing: ends.worker)
        } catch {
            close(ends.keeper)
            throw error
        }
        self.setup = setup
        let keeper = me.address
        let schedulers = setup.schedulers
        channel =
            me.spawnLink(Never.self, label: "channel") { _ in
                try await WorkerChannel.keep(ends.keeper, on: schedulers, for: keeper)
            }.pid
        let child = child
        Process<Never>.spawn(label: "wait for process \(child.pid)") { _ in
            await blocking { child.waitUntilEnded() }
            keeper.send(.ended)
        }
    }

    /// Why the keeper ends, if it does.
    private mutating func handle(_ input: Input, _ me: isolated Process<Input>) async throws -> ExitReason? {
        switch input {
        case .connected(let channel): _ = await channel.trySend(try WorkerMessage.encode(setup.order))
        case .report(.serving(let report)):
            serving = report
            for reply in waiting { reply(report) }
            waiting = []
        case .whenServing(let reply): if let serving { reply(serving) } else { waiting.append(reply) }
        case .drain: drain(me)
        case .exit(let signal):
            // Without its channel a worker cannot be kept; one that has ended is heard of by itself.
            if signal.from == channel { overdueSoon(me) } else { drain(me) }
        case .overdue: child.signal(SIGKILL)
        case .ended:
            let end = child.reap()
            return isEnding ? .shutdown("\(end)") : .error(end)
        }
        return nil
    }

    private mutating func drain(_ me: isolated Process<Input>) {
        guard !isEnding else { return }
        isEnding = true
        child.signal(SIGTERM)
        me.sendAfter(setup.grace, .overdue)
    }

    private func overdueSoon(_ me: isolated Process<Input>) {
        guard !isEnding else { return }
        me.sendAfter(.seconds(1), .overdue)
    }
}
