import Dispatch
import HansomTesting
import Synchronization
import Testing

@testable import Actors

/// A scheduler whose thread a body holds, and what must be told all the same. The body holds it until the test lets it
/// go, or for so long that the test has failed.
@Suite(.timeLimit(.minutes(2))) struct HeldSchedulerTests {
    /// What holds a thread.
    private final class Hold: Sendable {
        private let gate = DispatchSemaphore(value: 0)
        private let isLetGo = Atomic<Bool>(false)
        let begins = Promise<Void>()
        let ends = Promise<Void>()

        /// Holds the calling thread, asleep.
        func hold() {
            begins.keep(())
            _ = gate.wait(timeout: .now() + 30)
            ends.keep(())
        }

        /// Holds it at work.
        func work(unless isOver: () -> Bool = { false }) {
            begins.keep(())
            let end = SystemTime.shared.nanoseconds + 30_000_000_000
            while !isOver(), !isLetGo.load(ordering: .relaxed), SystemTime.shared.nanoseconds < end {}
            ends.keep(())
        }

        func letGo() {
            isLetGo.store(true, ordering: .relaxed)
            gate.signal()
        }
    }

    private let hold = Hold()
    private let events = Probe<SystemEvent>()

    /// A group of two; the first is the one that is to be held.
    private func group(longJob: Duration = .seconds(100)) throws -> SchedulerGroup {
        let settings = SystemSettings(longJob: longJob) { [events] in events.record($0) }
        return try SchedulerGroup(options: .init(count: 2, system: settings))
    }

    private enum Request: Sendable {
        case get(Reply<Int>)
        case hold
        case text(String)
        case down(Down)
        case exit(ExitSignal)
    }

    /// A process that holds its scheduler when it is told to, and once it does.
    private func held(
        on group: SchedulerGroup, label: String? = nil, _ log: Probe<String> = Probe(), traps: Bool = false
    ) async -> Process<Request> {
        let process = Process<Request>.spawn(on: group.schedulers[0], label: label) { [hold] me in
            if traps { me.trapExits { .exit($0) } }
            while let request = await me.receive() {
                switch request {
                case .get(let reply): reply(1)
                case .hold: hold.hold()
                case .text(let text): log.record(text)
                case .down(let down): log.record("down \(down.reason)")
                case .exit(let signal): log.record("exit \(signal.reason)")
                }
            }
        }
        process.send(.hold)
        await hold.begins.valueInAnyCase()
        return process
    }

    /// Writes down what it hears of another, from the other scheduler.
    private func witness(
        on group: SchedulerGroup, _ log: Probe<String>, of other: PID, links: Bool = false
    ) async throws -> Process<Request> {
        let ready = Promise<Void>()
        let witness = Process<Request>.spawn(on: group.schedulers[1]) { me in
            me.trapExits { .exit($0) }
            if links { me.link(other) } else { me.monitor(other) { .down($0) } }
            ready.keep(())
            while let request = await me.receive() {
                switch request {
                case .down(let down): log.record("down \(down.reason)")
                case .exit(let signal): log.record("exit \(signal.reason)")
                case .get(let reply): reply(log.count)
                default: break
                }
            }
        }
        try await ready.value()
        return witness
    }

    /// Waits until `isTrue`, which another thread sees to, asking a scheduler that nobody holds meanwhile.
    private func wait(_ group: SchedulerGroup, until isTrue: () -> Bool) async {
        let end = SystemTime.shared.nanoseconds + 30_000_000_000
        while !isTrue(), SystemTime.shared.nanoseconds < end { await group.schedulers[1].ask { _ in } }
        #expect(isTrue())
    }

    private func end(_ group: SchedulerGroup) async {
        hold.letGo()
        // Some trap what ends them, and would wait for ever.
        for process in await SystemSnapshot.take(of: group).processes {
            process.pid.exit(.kill)
            _ = await process.pid.downInAnyCase()
        }
        // Nobody becomes a zombie any more.
        await wait(group) { group.schedulers.allSatisfy { $0.zombies == 0 } }
        await group.shutdown()
    }

    // MARK: Those who wait

    @Test func `a call to a process that is busy times out, and is cancelled, from a plain task (P33)`() async throws {
        let group = try group()
        let process = await held(on: group)
        let error = await #expect(throws: CallError.self) {
            try await process.call(timeout: .milliseconds(50)) { .get($0) }
        }
        #expect(error?.code == .timeout)
        let call = Task { try await process.call(timeout: nil) { .get($0) } }
        call.cancel()
        let cancelled = await #expect(throws: CallError.self) { try await call.value }
        #expect(cancelled?.code == .cancelled && hold.ends.current == nil)
        hold.letGo()
        #expect(try await process.call { .get($0) } == 1)
        await wait(group) { process.core.observerCount == 0 }
        await end(group)
    }

    @Test(arguments: [false, true])
    func `a call times out in a process elsewhere, and in its helper on the global pool (P33)`(
        isOnPool: Bool
    ) async throws {
        let group = try group()
        let process = await held(on: group)
        let code = Promise<CallError.Code?>()
        Process<Never>.spawn(on: group.schedulers[1]) { _ in
            do {
                let address = process.address
                if isOnPool {
                    _ = try await onPool { try await address.call(timeout: .milliseconds(50)) { .get($0) } }
                } else {
                    _ = try await address.call(timeout: .milliseconds(50)) { .get($0) }
                }
                code.keep(nil)
            } catch { code.keep((error as? CallError)?.code) }
        }
        #expect(try await code.value() == .timeout)
        #expect(hold.ends.current == nil)
        await end(group)
    }

    @Test func `a call of a process on a held scheduler is given up when the process is told to end (P11, P32)`()
        async throws
    {
        let (group, kept) = (try group(), Probe<Reply<Int>>())
        let callee = Process<Request>.spawn(on: group.schedulers[1]) { me in
            while let request = await me.receive() { if case .get(let reply) = request { kept.record(reply) } }
        }
        let caller = Process<Int>.spawn(on: group.schedulers[0]) { _ in
            _ = try await callee.call(timeout: nil) { Request.get($0) }
        }
        await wait(group) { kept.count == 1 && callee.core.observerCount == 1 }
        _ = await held(on: group)
        caller.exit(.shutdown)
        await wait(group) { callee.core.observerCount == 0 }
        #expect(hold.ends.current == nil)
        await end(group)
    }

    @Test func `whoever waits for the end, the state or the children of the busy goes on in time (P33)`() async throws {
        let group = try group()
        let process = await held(on: group)
        #expect(try await process.down(timeout: .milliseconds(50)) == nil)
        await wait(group) { process.core.observerCount == 0 }
        let down = Task { try await process.down() }
        down.cancel()
        await #expect(throws: CancellationError.self) { try await down.value }
        #expect(hold.ends.current == nil)
        await end(group)
        #expect(try await process.down(timeout: .seconds(10)) != nil)
    }

    private struct Stuck: Server {
        let hold: Hold
        mutating func handle(cast: Bool, _ me: isolated Me) async throws -> Next {
            hold.hold()
            return .receive
        }
        typealias Cast = Bool
    }

    @Test func `a server that is busy does not hold up who asks for its state (P33)`() async throws {
        let group = try group()
        let server = try await Stuck(hold: hold).started(on: group.schedulers[0])
        server.cast(true)
        await hold.begins.valueInAnyCase()
        let error = await #expect(throws: CallError.self) { try await server.state(timeout: .milliseconds(50)) }
        #expect(error?.code == .timeout)
        let asked = Task { try await server.state() }
        asked.cancel()
        let cancelled = await #expect(throws: CallError.self) { try await asked.value }
        #expect(cancelled?.code == .cancelled && hold.ends.current == nil)
        hold.letGo()
        #expect(try await server.state() != nil)
        await group.shutdown()
        #expect(try await server.state() == nil)
    }

    // MARK: The end from outside

    @Test func `who is killed while it holds its thread is dead at once, for everybody (P32)`() async throws {
        let group = try group()
        let log = Probe<String>()
        let process = await held(on: group, label: "busy")
        try Registry.register(process.pid, as: "held-name")
        let members = ProcessGroup<Request>("held-group")
        members.join(process)
        let call = Task { try await process.call(timeout: nil) { .get($0) } }
        let monitoring = try await witness(on: group, log, of: process.pid)
        let linked = try await witness(on: group, log, of: process.pid, links: true)
        process.exit(.kill)
        #expect(try await process.down().kind == .killed)
        #expect(!process.pid.isAlive && Registry.whereis("held-name") == nil && members.count == 0)
        let error = await #expect(throws: CallError.self) { try await call.value }
        // The call may have come before the end or after it.
        #expect(error?.reason?.kind == .killed || error?.code == .noProcess)
        let late = await #expect(throws: CallError.self) { try await process.call(timeout: nil) { .get($0) } }
        #expect(late?.code == .noProcess)
        await wait(group) { Set(log.values) == ["down killed", "exit killed"] }

        let snapshot = await SystemSnapshot.take(of: group)
        let held = snapshot.schedulers[0]
        #expect(held.zombies == 1 && held.zombieProcesses.map(\.pid) == [process.pid])
        #expect(held.heldFor ?? .zero > .zero && held.heldBy?.label == "busy")
        #expect(Set(snapshot.processes.map(\.pid)) == [monitoring.pid, linked.pid])
        #expect(snapshot.json.contains("\"heldFor\":") && snapshot.json.contains("\"zombieProcesses\":"))
        #expect(hold.ends.current == nil)

        hold.letGo()
        await wait(group) { group.schedulers[0].zombies == 0 }
        #expect(process.pid.core.endReason?.kind == .killed)
        #expect(await SystemSnapshot.take(of: group).schedulers[0].heldFor == nil)
        await end(group)
        #expect(group.schedulers[0].info.alarmCount == 0)
    }

    @Test func `so is its neighbour on the scheduler, which does nothing (P32)`() async throws {
        let group = try group()
        let neighbour = Process<Int>.spawn(on: group.schedulers[0], label: "idle") { for await _ in $0.mailbox {} }
        _ = await held(on: group)
        let before = await SystemSnapshot.take(of: group)
        #expect(before.processes.count == 2 && before.processes.allSatisfy(\.isStale))
        #expect(before.processes.first?.label == "idle" && before.processes.first?.kind == "Process<Int>")
        neighbour.exit(.kill)
        #expect(try await neighbour.down().kind == .killed)
        #expect(await group.processCount() == 1)
        hold.letGo()
        await wait(group) { group.schedulers[0].zombies == 0 }
        await end(group)
    }

    @Test func `one that ends by a link to the killed is dead too, on the same held scheduler (P32)`() async throws {
        let group = try group()
        let log = Probe<String>()
        let process = await held(on: group)
        let other = Process<Int>.spawn(on: group.schedulers[0]) { me in
            me.link(process.pid)
            for await _ in me.mailbox {}
        }
        // It has not begun yet: the link comes from outside.
        other.core.link(to: process.core)
        _ = try await witness(on: group, log, of: other.pid)
        process.exit(.kill)
        #expect(try await process.down().kind == .killed)
        hold.letGo()
        #expect(try await other.down().kind == .killed)
        await wait(group) { log.values == ["down killed"] }
        await end(group)
    }

    @Test func `a loop that looks at its cancellation ends when it is told to (P32, P4)`() async throws {
        let group = try group()
        let process = Process<Int>.spawn(on: group.schedulers[0]) { [hold] _ in hold.work { Task.isCancelled } }
        await hold.begins.valueInAnyCase()
        process.exit(.shutdown("enough"))
        #expect(try await process.down().detail == "enough")
        await end(group)
    }

    @Test(arguments: [false, true])
    func `who does not end within its grace is dead when that is over (P32)`(hasBegunToEnd: Bool) async throws {
        let group = try group()
        let waits = Promise<Void>()
        let process = Process<Request>.spawn(on: group.schedulers[0]) { [hold] me in
            // Either the signal finds it at work, or it is what it does last.
            waits.keep(())
            if hasBegunToEnd { for await _ in me.mailbox {} }
            hold.hold()
        }
        await (hasBegunToEnd ? waits : hold.begins).valueInAnyCase()
        let core = process.core
        core.scheduler.signal { core.exitArrived(.shutdown, from: nil, source: .request, grace: .milliseconds(100)) }
        #expect(try await process.down().kind == .killed)
        #expect(hold.ends.current == nil)
        hold.letGo()
        await wait(group) { group.schedulers[0].zombies == 0 }
        await end(group)
    }

    @Test func `what traps exits is told in its turn, when it lets the thread go (P2, P6, P32)`() async throws {
        let group = try group()
        let log = Probe<String>()
        let process = await held(on: group, log, traps: true)
        process.send(.text("before"))
        process.exit(.shutdown)
        process.send(.text("after"))
        // Served by then: it comes behind the others.
        #expect(try await process.down(timeout: .milliseconds(100)) == nil)
        #expect(log.values == [])
        hold.letGo()
        _ = try await process.call { .get($0) }
        #expect(log.values == ["before", "exit shutdown", "after"])
        await end(group)
    }

    @Test(arguments: [Child.Shutdown.immediate, .after(.milliseconds(100))])
    func `a supervisor elsewhere stops a child that holds its thread in time (P32, P17)`(
        shutdown: Child.Shutdown
    ) async throws {
        let group = try group()
        let there = group.schedulers[0]
        let supervisor = try await startSupervisor(on: group.schedulers[1], of: there, shutdown)
        await hold.begins.valueInAnyCase()
        let child = try #require(try await supervisor.children().first?.pid)
        try await supervisor.terminate("busy")
        #expect(!child.isAlive && child.core.endReason?.kind == .killed && hold.ends.current == nil)
        #expect(try await supervisor.children().isEmpty)
        #expect(await supervisor.stop().kind == .shutdown)
        await end(group)
    }

    private func startSupervisor(
        on scheduler: Scheduler, of there: Scheduler, _ shutdown: Child.Shutdown
    ) async throws -> RunningSupervisor {
        try await Supervisor {
            Child("busy", restart: .temporary, shutdown: shutdown) { [hold] in
                Process<Int>.spawn(on: there) { _ in hold.hold() }
            }
        }.start(on: scheduler)
    }

    @Test func `a group ends in time whatever a body does, and its threads with the body (P27, P32)`() async throws {
        let group = try group()
        let process = await held(on: group)
        await group.shutdown(grace: .milliseconds(100))
        #expect(hold.ends.current == nil)
        #expect(await group.processCount() == 1)
        hold.letGo()
        #expect(try await process.down().kind == .shutdown)
    }

    // MARK: Reports

    @Test(arguments: [false, true])
    func `a long job is reported while it goes on, with the name of whose it is (P32, P23)`(
        isKilled: Bool
    ) async throws {
        let group = try group(longJob: .milliseconds(50))
        let parent = Process<Int>.spawn(on: group.schedulers[1]) { [hold] me in
            me.spawnLink(Int.self, on: group.schedulers[0], label: "worker") { _ in hold.work() }
            for await _ in me.mailbox {}
        }
        await hold.begins.valueInAnyCase()
        if isKilled { parent.exit(.kill) }
        await wait(group) { events.values.contains { if case .longJob = $0 { true } else { false } } }
        #expect(hold.ends.current == nil)
        hold.letGo()
        guard case .longJob(let report)? = events.values.first else { return }
        #expect(report.process?.label == "worker" && report.parent == parent.pid.id && report.scheduler == 0)
        #expect(report.duration >= .milliseconds(50) && !report.isOver)
        await end(group)
        // A report names processes, and their scheduler reports here.
        events.removeAll()
    }

    @Test(arguments: ["task", "task that has come back"])
    func `a long job of a task that a body has started is reported with the name of its process (P32)`(
        kind: String
    ) async throws {
        let group = try group(longJob: .milliseconds(50))
        // Another has begun a task of its own before: its name must not be taken for the other's.
        let bystander = Process<Int>.spawn(on: group.schedulers[0], label: "bystander") { me in
            await Task { _ = me }.value
            for await _ in me.mailbox {}
        }
        let owner = Process<Int>.spawn(on: group.schedulers[0], label: "owner") { [hold] me in
            switch kind {
            case "task":
                await Task {
                    _ = me
                    hold.work()
                }.value
            default:
                await Task {
                    _ = me
                    await Task.detached {}.value
                    hold.work()
                }.value
            }
        }
        await hold.begins.valueInAnyCase()
        await wait(group) { events.values.contains { if case .longJob = $0 { true } else { false } } }
        hold.letGo()
        _ = try await owner.down()
        guard case .longJob(let report)? = events.values.first else { return }
        #expect(report.process?.label == "owner" && report.process?.pid == owner.pid)
        bystander.exit(.shutdown)
        await end(group)
        events.removeAll()
    }

    @Test func `a body that waits for something works not, and is no long job (P32)`() async throws {
        let group = try group(longJob: .milliseconds(50))
        let process = await held(on: group)
        #expect(try await process.down(timeout: .milliseconds(200)) == nil)
        await end(group)
        #expect(events.count == 0)
    }
}

@concurrent private func onPool<R>(_ work: @Sendable () async throws -> R) async throws -> R { try await work() }
