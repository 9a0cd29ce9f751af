import HansomTesting
import Synchronization
import Testing

@testable import Actors

/// Time that a test moves from within a message, with a coarse clock that moves every 4 ms as the kernel's does.
private final class SteppedTime: TimeSource {
    private let current = Atomic<UInt64>(1_000_000_000)

    /// By how much it moves with each look at it.
    private let step: UInt64

    init(step: Duration = .zero) { self.step = step.clampedNanoseconds }

    var nanoseconds: UInt64 { current.wrappingAdd(step, ordering: .relaxed).newValue }
    var coarseNanoseconds: UInt64 { nanoseconds / 4_000_000 * 4_000_000 }
    var flows: Bool { false }
    func onMove(_ wake: @escaping @Sendable () -> Void) {}

    func advance(by duration: Duration) { current.add(duration.clampedNanoseconds, ordering: .relaxed) }
}

/// A process that always has something to do.
private enum Busy: CaseIterable, Sendable {
    case loop, receive, timed, polling, selective, selectiveInVain, bounded, traced
    case server, serverThatContinues, serverThatTimesOut, machine
    case stage, pipeline

    /// Starts one, on the scheduler's thread.
    func start(on scheduler: Scheduler) -> PID {
        switch self {
        case .loop: plain(scheduler) { me in for await number in me.mailbox { me.send(number) } }
        case .receive: plain(scheduler) { me in while let number = await me.receive() { me.send(number) } }
        case .timed:
            plain(scheduler) { me in
                while let number = await me.receive(timeout: .seconds(1)) { me.send(number) }
            }
        case .polling:
            plain(scheduler) { me in
                _ = await me.receive()
                while !Task.isCancelled { _ = await me.receive(timeout: .zero) }
            }
        case .selective:
            plain(scheduler) { me in
                while let number = await me.receive(where: { $0 > 0 }) { me.send(number) }
            }
        case .selectiveInVain:
            plain(scheduler) { me in
                for number in 0..<10_000 { me.send(-number) }
                while !Task.isCancelled { _ = await me.receive(timeout: .zero, where: { $0 > 1 }) }
            }
        case .bounded:
            plain(scheduler, .bounded(8, whenFull: .dropNewest)) { me in
                for await number in me.mailbox { me.send(number) }
            }
        case .traced:
            plain(scheduler) { me in
                me.trace { _ in }
                for await number in me.mailbox { me.send(number) }
            }
        case .server: serving(scheduler, BusyServer(next: .receive))
        case .serverThatContinues: serving(scheduler, BusyServer(next: .continue))
        case .serverThatTimesOut: serving(scheduler, BusyServer(next: .receive(timeout: .zero)))
        case .machine: serving(scheduler, StateMachineServer(BusyMachine(), false)) { .info(.event(0)) }
        case .stage:
            serving(scheduler, StageServer(BusyProducer(), [], .demand, .keepLast(1))) { .info(.info(1)) }
        case .pipeline: pipeline(scheduler)
        }
    }

    private func plain(
        _ scheduler: Scheduler, _ mailbox: MailboxOptions = .unbounded, _ body: @escaping Process<Int>.Body
    ) -> PID {
        let process = Process<Int>.spawn(on: scheduler, mailbox: mailbox, body)
        process.send(1)
        return process.pid
    }

    /// The end of a pipeline whose source never dries up.
    private func pipeline(_ scheduler: Scheduler) -> PID {
        let producer = serving(scheduler, StageServer(BusyProducer(), [], .demand, .keepLast(1))) { .info(.info(0)) }
        guard let server = producer.address(server: StageServer<BusyProducer>.self) else { return producer }
        let subscription = Subscription.producer(RunningStage(server: ServerProcess(process: server.process)), max: 2)
        return serving(scheduler, StageServer(BusyConsumer(), [subscription], .demand, .keepLast(1))) {
            .info(.info(0))
        }
    }

    private func serving<S: Server & Sendable>(
        _ scheduler: Scheduler, _ server: S, first: () -> ServerMessage<S>
    ) -> PID {
        let process = Process<ServerMessage<S>>.spawn(on: scheduler) { me in
            var server = server
            guard let call = try? ReplyCall<Void>(ProcessCore(on: scheduler), timeout: nil) else { return }
            try await server.serve(me, Reply(call))
        }
        process.send(first())
        return process.pid
    }

    private func serving(_ scheduler: Scheduler, _ server: BusyServer) -> PID {
        serving(scheduler, server) { .info(1) }
    }
}

private struct BusyServer: Server {
    typealias Info = Int
    let next: Next

    mutating func handle(info: Int, _ me: isolated Me) async throws -> Next {
        me.send(.info(info))
        return next
    }

    mutating func handle(continuation: Void, _ me: isolated Me) async throws -> Next { next }
    mutating func handleTimeout(_ me: isolated Me) async throws -> Next { next }
}

/// Makes as much as is wanted, and may always have more to say.
private struct BusyProducer: Producer {
    mutating func produce(_ demand: Int, _ me: isolated Me) async throws -> [Int]? {
        Array(repeating: 0, count: demand)
    }

    mutating func handle(info: Int, _ me: isolated Me) async throws {
        if info > 0 { me.send(.info(.info(info))) }
        me.emit([info])
    }
}

private struct BusyConsumer: Consumer {
    mutating func consume(_ events: [Int], _ me: isolated Me) async throws {}
    mutating func handle(info: Int, _ me: isolated Me) async throws {}
}

/// Postpones what it gets, and goes back and forth for ever over it.
private struct BusyMachine: StateMachine {
    mutating func enter(_ state: Bool, from previous: Bool?, _ me: isolated Me) async throws -> Duration? { nil }

    mutating func handle(_ event: Int, in state: Bool, _ me: isolated Me) async throws -> Transition<Bool> {
        me.send(.info(.event(event + 1)))
        return event % 3 == 0 ? .postpone : .go(!state)
    }
}

@Suite(.timeLimit(.minutes(2))) struct FairnessTests {
    private static let turns = 12

    /// A scheduler whose time moves by being looked at: what never rests on it is held up by its budget alone.
    private struct Driven {
        let scheduler = Scheduler(index: 0, poller: MockPoller(), time: SteppedTime(step: .microseconds(7)))

        func run<R>(_ body: () -> R) -> R { scheduler.onThisThread(body) }

        @discardableResult
        func turn() -> Bool { run { scheduler.turn(maySleep: false) } }

        /// Turns until there is nothing left to do; not for ever.
        func settle() { for _ in 0..<1_000 where !turn() { return } }
    }

    private func withBusy(_ busy: Busy, _ body: (Driven, PID) -> Void) {
        let driven = Driven()
        let pid = driven.run { busy.start(on: driven.scheduler) }
        for _ in 0..<FairnessTests.turns { driven.turn() }
        #expect(pid.isAlive)
        body(driven, pid)
        driven.run { pid.exit(.kill) }
        #expect(!pid.isAlive)
        driven.settle()
        #expect(driven.scheduler.zombies == 0, "its body has ended too")
    }

    @Test(arguments: Busy.allCases)
    private func `the neighbour of a process that always finds a message is answered (P30)`(_ busy: Busy) {
        withBusy(busy) { driven, _ in
            let heard = Probe<Int>()
            let neighbour = driven.run {
                Process<Int>.spawn(on: driven.scheduler) { me in for await number in me.mailbox { heard.record(number) }
                }
            }
            for number in 1...3 {
                driven.run { neighbour.send(number) }
                for _ in 0..<2 { driven.turn() }
                #expect(heard.values == Array(1...number), "within two turns of the scheduler")
            }
            driven.run { neighbour.exit(.shutdown) }
        }
    }

    @Test(arguments: Busy.allCases)
    private func `a process that always finds a message ends when it is told to (P30)`(_ busy: Busy) {
        withBusy(busy) { driven, pid in
            let reasons = Probe<String>()
            driven.run {
                pid.core.addObserver { reasons.record("\($0)") }
                pid.exit(.shutdown)
            }
            for _ in 0..<FairnessTests.turns { driven.turn() }
            #expect(reasons.values == ["shutdown"])
        }
    }

    @Test(arguments: Busy.allCases)
    private func `a process that always finds a message is dead at once when it is killed (P30)`(_ busy: Busy) {
        withBusy(busy) { driven, pid in
            let reasons = Probe<String>()
            let killer = driven.run {
                pid.core.addObserver { reasons.record("\($0)") }
                return Process<PID>.spawn(on: driven.scheduler) { me in (await me.receive())?.exit(.kill) }
            }
            killer.send(pid)
            for _ in 0..<2 { driven.turn() }
            #expect(reasons.values == ["killed"])
            #expect(!pid.isAlive)
        }
    }

    @Test func `two that always find a message have as many turns (P30)`() {
        let driven = Driven()
        let counts = [Counter(), Counter()]
        let pids = driven.run {
            counts.map { count in
                let process = Process<Int>.spawn(on: driven.scheduler) { me in
                    for await number in me.mailbox {
                        count.add()
                        me.send(number)
                    }
                }
                process.send(1)
                return process.pid
            }
        }
        for _ in 0..<20 { driven.turn() }
        let values = counts.map(\.value).sorted()
        #expect(values[0] > 1_000 && values[1] < 2 * values[0])
        driven.run { for pid in pids { pid.exit(.kill) } }
        driven.settle()
    }

    @Test func `messages keep their order while the receiver gives way, in every form (P2, P30)`() {
        let count = 10_000
        let forms: [@Sendable (isolated Process<Int>) async -> Int?] = [
            { await $0.receive() },
            { me in
                var mailbox = me.mailbox.makeAsyncIterator()
                return await mailbox.next(isolation: me)
            },
            { await $0.receive(timeout: .seconds(1)) },
            { await $0.receive(where: { $0 >= 0 }) },
            { await $0.receive(timeout: .seconds(1), where: { $0 >= 0 }) },
        ]
        for form in forms {
            let world = World()
            let taken = Probe<Int>()
            let process = world.spawn(Int.self) { me in
                while let number = await form(me) { taken.record(number) }
            }
            world.play { for number in 0..<count { process.send(number) } }
            #expect(taken.values == Array(0..<count))
            #expect(world.scheduler.jobsRun > 3, "it has given way")
        }
    }

    @Test func `a selective receive gives way in the midst of a long mailbox, and passes nothing over (P13, P30)`() {
        let world = World()
        let taken = Probe<Int>()
        let process = world.spawn(Int.self) { me in
            _ = await me.receive()
            for _ in 0..<3 { if let number = await me.receive(where: { $0 < 0 }) { taken.record(number) } }
            while let number = await me.receive() { taken.record(number) }
        }
        world.driven.run {
            for number in 0..<20_000 { process.send(number) }
            process.send(-1)
        }
        world.driven.turn()
        world.driven.run { for number in [-2, -3] { process.send(number) } }
        world.driven.settle()
        #expect(taken.values.prefix(3) == [-1, -2, -3])
        #expect(Array(taken.values.dropFirst(3)) == Array(1..<20_000))
    }

    @Test func `a ticker beside a long backlog is late by two budgets, not by the backlog (P26, P30)`() {
        let time = SteppedTime()
        let scheduler = Scheduler(index: 0, poller: MockPoller(), time: time)
        let lateness = Probe<UInt64>()
        let done = Counter()
        let count = 10_000
        scheduler.onThisThread {
            let ticker = Process<Int>.spawn(on: scheduler) { me in
                me.sendEvery(.milliseconds(5), 0)
                var due = time.nanoseconds
                for await _ in me.mailbox {
                    let now = time.nanoseconds
                    // Those that were missed are left out.
                    due += 5_000_000
                    while due + 5_000_000 <= now { due += 5_000_000 }
                    lateness.record(now - due)
                }
            }
            let consumer = Process<Int>.spawn(on: scheduler) { me in
                for await _ in me.mailbox {
                    time.advance(by: .microseconds(20))
                    done.add()
                }
            }
            scheduler.turn(maySleep: false)
            for number in 0..<count { consumer.send(number) }
            while done.value < count { scheduler.turn(maySleep: false) }
            for pid in [ticker.pid, consumer.pid] { pid.exit(.kill) }
            for _ in 0..<4 { scheduler.turn(maySleep: false) }
        }
        #expect(lateness.count >= 38, "200 ms have passed")
        // It is due in the midst of one, and its process has its turn behind the next.
        #expect(lateness.values.max() ?? 0 <= JobBudget.time * 5 / 2)
    }

    // MARK: What is no job

    /// Runs turns until `isDone`, and says how often that took.
    private func turns(_ scheduler: Scheduler, until isDone: () -> Bool) -> Int {
        for turn in 1...1_000 {
            scheduler.onThisThread { _ = scheduler.turn(maySleep: false) }
            if isDone() { return turn }
        }
        return .max
    }

    @Test func `posts, alarms, deferred work and ready descriptors end their part of the turn by time too (P26)`()
        throws
    {
        let time = SteppedTime()
        let poller = MockPoller()
        let scheduler = Scheduler(index: 0, poller: poller, time: time)
        let steps = Probe<String>()
        let step = { @Sendable (_ kind: String) in
            time.advance(by: .milliseconds(5))
            steps.record(kind)
        }
        let observers = (0..<40).map { _ in ObserverDouble { _ in step("ready") } }
        scheduler.onThisThread {
            for _ in 0..<40 {
                scheduler.arm(Alarm { step("alarm") }, at: 0)
                scheduler.runHereLater { step("later") }
            }
        }
        let watches = try observers.enumerated().map {
            try scheduler.watch(Int32($0.offset + 5), interest: .read, observer: $0.element)
        }
        for descriptor in 5..<45 { poller.makeReady(Int32(descriptor), .read) }
        for _ in 0..<40 { scheduler.run { step("post") } }
        scheduler.onThisThread { _ = scheduler.turn(maySleep: false) }
        let first = Dictionary(grouping: steps.values) { $0 }.mapValues(\.count)
        #expect(first["post"] ?? 0 <= 32 && first["alarm"] ?? 0 <= 16)
        #expect(first["later"] ?? 0 <= 8 && first["ready"] ?? 0 <= 8)
        #expect(first.count == 4, "each kind has had its part")
        _ = turns(scheduler) { steps.count == 160 }
        let all = Dictionary(grouping: steps.values) { $0 }.mapValues(\.count)
        #expect(all == ["post": 40, "alarm": 40, "later": 40, "ready": 40])
        #expect(observers.allSatisfy { $0.heard == [.read] }, "nobody is told twice, and none is left out")
        scheduler.onThisThread { for watch in watches { scheduler.unwatch(watch) } }
    }

    @Test
    func `a turn without jobs looks at the coarse clock too, so that callbacks have their whole share again (P26)`() {
        let (driven, ticked) = (HandDriven(), Probe<Bool>())
        driven.run {
            let scheduler = driven.scheduler
            scheduler.runHereLater {
                ticked.record(scheduler.hasTickedInPhase)
                scheduler.runHereLater { ticked.record(scheduler.hasTickedInPhase) }
            }
            driven.time.advance(by: .milliseconds(8))
            driven.turn()
            driven.turn()
        }
        #expect(ticked.values == [true, false])
    }

    @Test func `a supervisor that stops thousands of children lets others have their turn (P16, P30)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let scheduler = group.schedulers[0]
        let supervisor = try await DynamicSupervisor(id: "many").start(on: scheduler)
        for _ in 0..<3_000 {
            try await supervisor.start { Process<Int>.spawn(on: scheduler) { me in for await _ in me.mailbox {} } }
        }
        let before = await scheduler.ask { $0.jobsRun }
        #expect(await supervisor.stop().kind == .shutdown)
        #expect(await scheduler.ask { $0.jobsRun } > before)
        #expect(await scheduler.ask { $0.processes.count } == 0)
        await group.shutdown()
    }
}
