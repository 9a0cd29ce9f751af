internal import Actors
internal import ArgumentParser
internal import Glibc
internal import HansomTransport
internal import WSServer

/// Several processes that serve on one port (SO_REUSEPORT, socket(7)), and the one that keeps them: it holds no
/// connections, starts again whoever ends, and ends all together.
///
/// The kernel gives each connection to a worker by its addresses and ports, whatever the workers have to do. A worker
/// that ends takes with it the connections that it had not accepted yet, unless `net.ipv4.tcp_migrate_req` is 1.
struct WorkerGroup {
    let settings: ServeSettings
    let count: Int

    /// So many ends in a minute are not helped by another start.
    private static let restartsOfEach = 5
    private static let period = Duration.seconds(60)
    private static let backoff = RestartBackoff(first: .milliseconds(100), most: .seconds(1))
    /// What a worker may take longer than its peers may.
    private static let margin = Duration.seconds(2)

    private enum Outcome { case signal, gaveUp }

    /// Serves until a signal ends it, or workers end too often.
    func run() async throws {
        let announcer = Announcer()
        let schedulers = try WorkerGroup.makeSchedulers(count, announcer)
        let ports = try await reservePorts(on: schedulers)
        let setup = WorkerKeeper.Setup(
            arguments: Array(CommandLine.arguments.dropFirst()),
            addresses: ports.map { $0.addresses.map { .init(host: $0.host, port: $0.port ?? 0) } },
            ticketKey: TicketKey(), schedulers: schedulers, group: ProcessGroup("workers"),
            grace: Serving.grace + WorkerGroup.margin)
        let tree = try await start(setup, announcer)
        let metrics = try await startMetrics(setup)
        let signals = Signals.catchNext()
        reloadAtHangUp(setup, announcer)
        let announcing = try announcer.begin(
            Serving.announcement(try await WorkerGroup.names(of: setup.group), metrics.map { [$0] } ?? []))
        let outcome = await WorkerGroup.firstOf(signals, tree)
        // All at once, and not one after the other as the supervisor stops them.
        setup.group.broadcast(.drain)
        await tree.stop()
        await metrics?.forceClose()
        announcer.end()
        await announcing.value
        withExtendedLifetime(ports) {}
        if outcome == .gaveUp { throw ExitCode(1) }
    }

    private func reservePorts(on schedulers: SchedulerGroup) async throws -> [ReservedPort] {
        var ports: [ReservedPort] = []
        for place in settings.places {
            guard case .tcp(let host, let port) = place.kind else { continue }
            ports.append(try await ReservedPort(host: host, port: port, on: schedulers))
        }
        return ports
    }

    private func startMetrics(_ setup: WorkerKeeper.Setup) async throws -> WebSocketServer? {
        guard let place = settings.metrics else { return nil }
        return try await MetricsServer.start(at: place, on: setup.schedulers) {
            await WorkerGroup.numbers(of: setup.group)
        }
    }

    /// What all workers say; one that does not answer in time is left out.
    private static func numbers(of group: ProcessGroup<WorkerKeeper.Input>) async -> String {
        let numbers = await withTaskGroup(of: WorkerKeeper.Numbers?.self) { tasks in
            for worker in group.members {
                tasks.addTask { try? await worker.call(timeout: .seconds(5)) { .numbers($0) } }
            }
            return await tasks.reduce(into: [WorkerKeeper.Numbers]()) { if let numbers = $1 { $0.append(numbers) } }
        }
        var metrics = LabelledMetrics()
        for numbers in numbers.sorted(by: { $0.worker < $1.worker }) {
            metrics.add(numbers.text, label: "worker", value: "\(numbers.worker)")
        }
        return metrics.text
    }

    private func reloadAtHangUp(_ setup: WorkerKeeper.Setup, _ announcer: Announcer) {
        guard settings.canReload else { return }
        let signals = Signals.catchAll([SIGHUP])
        Task {
            for await _ in signals {
                var flaws: Set<String> = []
                for worker in setup.group.members {
                    // One that ends meanwhile starts with what is new.
                    guard let flaw = try? await worker.call(timeout: .seconds(30), { .reload($0) }) else { continue }
                    flaws.insert(flaw)
                }
                for flaw in flaws { announcer.warn(flaw) }
                if flaws.isEmpty { announcer.say(Reloading.done) }
            }
        }
    }

    private func start(_ setup: WorkerKeeper.Setup, _ announcer: Announcer) async throws -> RunningSupervisor {
        let supervisor = Supervisor(
            .oneForOne, id: "workers", maxRestarts: WorkerGroup.restartsOfEach * count, period: WorkerGroup.period,
            backoff: WorkerGroup.backoff
        ) {
            for number in 1...count {
                // The keeper bounds by itself how long the worker takes.
                Child("worker \(number)", restart: .transient, shutdown: .infinity) {
                    try await WorkerKeeper.start(number, setup, announcer)
                }
            }
        }
        do {
            return try await supervisor.start(on: setup.schedulers.next())
        } catch let error as SupervisorError {
            throw WorkerGroup.failure(error)
        }
    }

    /// A worker that ended with an exit code has said why.
    private static func failure(_ error: SupervisorError) -> any Error {
        let reason = (error.underlying as? CallError)?.reason
        if case .exited(let code)? = reason?.error as? ChildProcess.End, code != 0 { return ExitCode(code) }
        return CommandFailure("\(error.child ?? "a worker") could not be started: \(reason?.error ?? error)")
    }

    private static func names(of group: ProcessGroup<WorkerKeeper.Input>) async throws -> [String] {
        guard let worker = group.members.first else { throw CommandFailure("the workers have ended") }
        return try await worker.call { .whenServing($0) }.names
    }

    private static func firstOf(_ signals: AsyncStream<Int32>, _ tree: RunningSupervisor) async -> Outcome {
        let (outcomes, outcome) = AsyncStream<Outcome>.makeStream()
        Task {
            for await _ in signals { outcome.yield(.signal) }
        }
        Task {
            _ = await tree.pid.downInAnyCase()
            outcome.yield(.gaveUp)
        }
        return await outcomes.first { _ in true } ?? .gaveUp
    }

    // MARK: Parts

    /// One scheduler is enough for those who only wait; each worker has a thread that waits for its end.
    private static func makeSchedulers(_ count: Int, _ announcer: Announcer) throws -> SchedulerGroup {
        let system = SystemSettings { event in
            switch event {
            case .restart(let report):
                announcer.warn("\(report.child) \(words(for: report.reason)); it is started again")
            case .giveUp(let report):
                announcer.warn(
                    "\(report.child) \(words(for: report.reason)); more than \(report.allowed) ends within a minute, giving up"
                )
            default: break
            }
        }
        return try SchedulerGroup(options: .init(count: 1, name: "workers", blockingThreads: count + 4, system: system))
    }

    private static func words(for reason: ExitReason) -> String {
        if let end = reason.error as? ChildProcess.End { return "\(end)" }
        if let error = reason.error as? SupervisorError { return "could not be started: \(error)" }
        return "ended: \(reason)"
    }
}

/// Writes lines one after another, and keeps nobody waiting: a reader that does not read holds up no scheduler.
///
/// What is said before `begin` comes behind the lines that it begins with.
struct Announcer: Sendable {
    private struct Line: Sendable {
        let stream: StandardStream
        let text: String
    }

    private let lines: AsyncStream<Line>
    private let writing: AsyncStream<Line>.Continuation

    /// Lines that wait; more are dropped.
    private static let capacity = 1024

    init() {
        (lines, writing) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(Announcer.capacity))
    }

    /// Says something on standard output, some time.
    func say(_ text: String) { writing.yield(Line(stream: .output, text: text)) }

    /// Says something on standard error, some time.
    func warn(_ text: String) { writing.yield(Line(stream: .error, text: "hansom: \(text)")) }

    /// Writes `first` at once, and then what is said. Call it once.
    ///
    /// - Returns: a task that ends when everything has been written that was said before `end`.
    func begin(_ first: [String]) throws -> Task<Void, Never> {
        for line in first { try StandardStream.output.write(line: line) }
        return Task.detached { [lines] in
            for await line in lines { try? line.stream.write(line: "\(Printable(line.text))") }
        }
    }

    /// Says no more.
    func end() { writing.finish() }
}

/// What the TLS session tickets of all workers are made with: made by their keeper and told to them, and written
/// nowhere.
///
/// It changes each day, here as in the workers, and what it was before is forgotten: a worker that begins later is told
/// what its siblings have come to by then.
final class TicketKey: @unchecked Sendable {
    // Safety: `secret` is touched with `lock` held.
    private let lock = Lock()
    private var secret = TLSTicketSecret.random()

    /// Yesterday's: whoever begins with it takes yesterday's tickets too, and makes new ones with today's key.
    var forWorkers: TLSTicketSecret {
        lock.withLock {
            secret.advance(to: TLSTicketSecret.today - 1)
            return secret
        }
    }
}
