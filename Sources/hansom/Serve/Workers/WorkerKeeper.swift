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
        let addresses: [[WorkerOrder.Address]]
        let ticketKey: TicketKey
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
        /// Ask the worker for its numbers.
        case numbers(Reply<Numbers>)
        /// Have the worker reload.
        case reload(Reply<String?>)
        /// End in good order.
        case drain
        /// It has had its time.
        case overdue
        /// The process of the system has ended.
        case ended
        case exit(ExitSignal)
    }

    /// A worker's numbers, and the worker's own.
    struct Numbers: Sendable {
        let worker: Int
        let text: String
    }

    private let number: Int
    private let setup: Setup
    private let child: ChildProcess
    private let channelProcess: PID
    private var channel: WebSocket?
    private var serving: WorkerReport.Serving?
    // Who waits for what. Orders are answered in their order.
    private var waiting: [Reply<WorkerReport.Serving>] = []
    private var asked: [Reply<Numbers>] = []
    private var reloading: [Reply<String?>] = []
    private var isEnding = false

    /// Starts a worker, and returns its keeper when the worker listens.
    static func start(_ number: Int, _ setup: Setup, _ announcer: Announcer) async throws -> Process<Input> {
        let process = Process<Input>.spawn(on: setup.schedulers.next(), label: "worker \(number)") { me in
            me.trapExits { .exit($0) }
            setup.group.join(me)
            var keeper = try WorkerKeeper(number, setup, me)
            while let input = await me.receive() {
                if let end = try await keeper.handle(input, me) { throw end }
            }
        }
        do {
            let serving = try await process.call(timeout: WorkerChannel.patience) { .whenServing($0) }
            announcer.say("worker \(number), process \(serving.process): at most \(serving.maxConnections) connections")
            return process
        } catch {
            process.exit(.shutdown)
            throw error
        }
    }

    private init(_ number: Int, _ setup: Setup, _ me: isolated Process<Input>) throws {
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
        self.number = number
        self.setup = setup
        let keeper = me.address
        let schedulers = setup.schedulers
        channelProcess =
            me.spawnLink(Never.self, label: "channel") { _ in
                try await WorkerChannel.keep(ends.keeper, on: schedulers, for: keeper)
            }.pid
        let child = child
        Process<Never>.spawn(label: "wait for process \(child.pid)") { _ in
            await blockingInAnyCase { child.waitUntilEnded() }
            keeper.send(.ended)
        }
    }

    // MARK: Inputs

    /// Why the keeper ends, if it does.
    private mutating func handle(_ input: Input, _ me: isolated Process<Input>) async throws -> ExitReason? {
        switch input {
        case .connected(let channel):
            self.channel = channel
            _ = await order(.serve(addresses: setup.addresses, ticketKey: setup.ticketKey.forWorkers))
        case .report(let report): take(report)
        case .whenServing(let reply): if let serving { reply(serving) } else { waiting.append(reply) }
        // A reply that is not kept fails its call at once; one to which no answer can come would take the next one's.
        case .numbers(let reply): if await order(.numbers) { asked.append(reply) }
        // One that is starting reads certificates and key anyway.
        case .reload(let reply):
            if await order(.reload(ticketKey: setup.ticketKey.forWorkers)) {
                reloading.append(reply)
            } else {
                reply(nil)
            }
        case .drain: drain(me)
        case .exit(let signal):
            // Without its channel a worker cannot be kept: it drains by itself, if it is not ending already.
            if signal.from == channelProcess { boundEnd(me) } else { drain(me) }
        case .overdue: child.signal(SIGKILL)
        case .ended:
            let end = child.reap()
            return isEnding ? .shutdown("\(end)") : .error(end)
        }
        return nil
    }

    /// Whether the worker was told.
    private func order(_ order: WorkerOrder) async -> Bool {
        guard let channel, let message = try? WorkerMessage.encode(order) else { return false }
        return await channel.trySend(message) == .sent
    }

    private mutating func take(_ report: WorkerReport) {
        switch report {
        case .serving(let report):
            serving = report
            for reply in waiting { reply(report) }
            waiting = []
        case .numbers(let text): if !asked.isEmpty { asked.removeFirst()(Numbers(worker: number, text: text)) }
        case .reloaded(let flaw): if !reloading.isEmpty { reloading.removeFirst()(flaw) }
        }
    }

    // MARK: The end

    private mutating func drain(_ me: isolated Process<Input>) {
        guard !isEnding else { return }
        isEnding = true
        child.signal(SIGTERM)
        boundEnd(me)
    }

    private func boundEnd(_ me: isolated Process<Input>) { me.sendAfter(setup.grace, .overdue) }
}

/// A process of the system that this one has started.
///
/// It stays a zombie until `reap`: until then its number is nobody else's, and a signal reaches it or nobody.
final class ChildProcess: Sendable {
    /// How it ended.
    enum End: Error, Sendable, Hashable, CustomStringConvertible {
        case exited(code: Int32)
        case killed(signal: Int32)

        init(status: Int32) {
            let signal = status & 0x7F
            self = signal == 0 ? .exited(code: status >> 8 & 0xFF) : .killed(signal: signal)
        }

        var description: String {
            switch self {
            case .exited(let code): "ended with exit code \(code)"
            case .killed(let signal): "ended by signal \(signal)"
            }
        }
    }

    let pid: pid_t

    /// The number by which it knows the descriptor that it is given.
    static let passedDescriptor: Int32 = 3

    /// Starts this program once more: not by `fork`, after which a program with threads may do next to nothing.
    ///
    /// It is in a process group of its own, so that what is typed at a terminal reaches only this process. It inherits
    /// standard output and standard error, and nothing else: all other descriptors are closed on `exec`.
    ///
    /// - Parameters:
    ///   - arguments: what stands behind the program's name.
    ///   - descriptor: what it is given as `passedDescriptor`.
    init(arguments: [String], passing descriptor: Int32) throws(SystemError) {
        // Safety: actions and attributes live until the end; the words are copies, freed after the call.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
        unsafe posix_spawn_file_actions_adddup2(&actions, descriptor, ChildProcess.passedDescriptor)
        var attributes = posix_spawnattr_t()
        unsafe posix_spawnattr_init(&attributes)
        defer { unsafe posix_spawnattr_destroy(&attributes) }
        unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
        var words = unsafe ([CommandLine.arguments[0]] + arguments).map { unsafe strdup($0) } + [nil]
        defer { unsafe words.forEach { word in unsafe free(word) } }
        var pid: pid_t = 0
        let status = unsafe posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, &words, environ)
        guard status == 0 else { throw SystemError(call: "posix_spawn", errno: status) }
        self.pid = pid
    }

    /// Returns when it has ended. Blocks: for a thread that may.
    func waitUntilEnded() {
        var information = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(pid), &information, WEXITED | WNOWAIT) < 0 && errno == EINTR {}
    }

    /// Sends it a signal. Not after `reap`.
    func signal(_ number: Int32) { kill(pid, number) }

    /// Lets it go, and tells how it ended. Once, and after it has.
    func reap() -> End {
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        return End(status: status)
    }
}
