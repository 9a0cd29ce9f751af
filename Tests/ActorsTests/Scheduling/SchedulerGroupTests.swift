import Glibc
import HansomTesting
import Synchronization
import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct SchedulerGroupTests {
    @Test func `a group has the schedulers asked for, at least one, each on its own thread`() async throws {
        for (asked, given) in [(3, 3), (1, 1), (0, 1), (-2, 1)] {
            let group = try SchedulerGroup(options: .init(count: asked))
            #expect(group.schedulers.map(\.index) == Array(0..<given))
            var threads: Set<UInt> = [currentThread()]
            for scheduler in group.schedulers { threads.insert(await scheduler.ask { _ in currentThread() }) }
            #expect(threads.count == given + 1)
            await group.shutdown()
        }
        #expect(SchedulerGroup.processorCount >= 1)
    }

    @Test func `a poller that cannot be made fails the group`() {
        let made = Counter()
        #expect(throws: SystemError(call: "epoll_create1", errno: EMFILE)) {
            let options = SchedulerGroup.Options(count: 3).polling { () throws(SystemError) in
                if made.add() == 2 {
                    throw SystemError(call: "epoll_create1", errno: EMFILE)
                }
                return try EpollPoller()
            }
            _ = try SchedulerGroup(options: options)
        }
    }

    @Test func `work from outside goes round robin, and from inside stays where it is (P25)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 3))
        let turns = (0..<6).map { _ in group.next().index }
        #expect(turns == [0, 1, 2, 0, 1, 2])
        #expect(Set((0..<3).map { _ in group.place().index }) == [0, 1, 2])
        for scheduler in group.schedulers {
            #expect(await scheduler.ask { _ in group.place().index } == scheduler.index)
        }
        await group.shutdown()
    }

    @Test func `what is posted after the end still runs, on whoever posts`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let scheduler = group.schedulers[0]
        await group.shutdown()
        let probe = Probe<Int>()
        OSThreads.run(4) { thread in
            for number in 0..<250 { scheduler.run { probe.record(thread * 250 + number) } }
        }
        #expect(probe.count == 1_000)
        #expect(await scheduler.ask { $0.isCurrent })
        #expect(Scheduler.current == nil)
    }

    @Test func `a process spawned after the end is asked to end at once`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        await group.shutdown()
        let probe = Probe<Bool>()
        let process = Process<Int>.spawn(on: group.schedulers[0]) { _ in probe.record(true) }
        process.send(1)
        let ending = try await process.down()
        #expect(ending.kind == .shutdown)
        #expect(probe.values == [], "it never begins")
        #expect(!Task.isCancelled, "running another task inside this one leaves this one current")
    }

    @Test func `an actor released after the end of its scheduler is deinitialised on it`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let probe = Probe<Bool>()
        var actor: Confined? = Confined(group.schedulers[0], probe)
        await group.shutdown()
        #expect(actor != nil)
        actor = nil
        #expect(probe.values == [true])
    }

    @Test func `the last job of an ended scheduler may release it while it runs there`() async throws {
        let ended = Probe<Bool>()
        for _ in 0..<20 {
            let group = try SchedulerGroup(options: .init(count: 1))
            let actor = Confined(group.schedulers[0], ended)
            await group.shutdown()
            // The task is the last to hold the actor, the actor the last to hold the scheduler. Memory that is touched
            // too late is found by the address sanitizer.
            Task.detached { await actor.visit() }
        }
        #expect(await eventually { ended.count == 20 })
        #expect(ended.values.allSatisfy { $0 })
    }

    @Test(arguments: [1, 5, 200])
    func `what only armed alarms hold goes with the end of their scheduler (P27)`(alarms: Int) async throws {
        let gone = Probe<Bool>()
        weak var scheduler: Scheduler?
        do {
            let group = try SchedulerGroup(options: .init(count: 1))
            let home = group.schedulers[0]
            scheduler = home
            await home.ask { home in
                for number in 0..<alarms { Lingering(home, gone).linger(.seconds(60 + number)) }
            }
            await group.shutdown()
            #expect(gone.values == Array(repeating: true, count: alarms), "on its scheduler")
            #expect(home.alarmCount == 0)
            // One that comes after the end, and one that its going arms.
            home.run { Lingering(home, gone) { Lingering(home, gone).linger(.seconds(1)) }.linger(.seconds(60)) }
            #expect(gone.count == alarms + 2)
            #expect(home.alarmCount == 0)
        }
        #expect(scheduler == nil)
    }

    @Test func `a process that outlives its scheduler finds its timers whole though they were dropped (P15, P27)`()
        async throws
    {
        let left = Latch()
        let told = Latch()
        let kept = Probe<WeakReference<Kept>>()
        weak var scheduler: Scheduler?
        do {
            let group = try SchedulerGroup(options: .init(count: 1))
            scheduler = group.schedulers[0]
            let process = Process<Int>.spawn(on: group.schedulers[0]) { me in
                // Else its timers would be cancelled before.
                me.trapExits { _ in 0 }
                var held = Kept()
                kept.record(WeakReference(held))
                let other = Process<Kept>.spawn { me in _ = await me.receive() }
                let timers = [
                    me.sendAfter(.seconds(60), 1), me.sendEvery(.seconds(60), 2),
                    me.sendAfter(.seconds(60), held, to: other),
                ]
                held = Kept()
                told.open()
                await left.wait()
                #expect(timers.map { me.cancel($0) } == [nil, nil, nil])
            }
            await told.wait()
            await group.shutdown(grace: .zero)
            #expect(kept.values.map { $0.object == nil } == [true], "the timer's message")
            left.open()
            let ending = try await process.down()
            #expect(ending.kind == .normal)
        }
        #expect(await eventually { scheduler == nil })
    }

    private final class Kept: Sendable {}

    /// Held by an alarm that it holds itself, with the scheduler that holds the alarm: as a connection lingers.
    private final class Lingering {
        private let scheduler: Scheduler
        private let gone: Probe<Bool>
        private let last: () -> Void
        private var alarm: Alarm?

        init(_ scheduler: Scheduler, _ gone: Probe<Bool>, last: @escaping () -> Void = {}) {
            self.scheduler = scheduler
            self.gone = gone
            self.last = last
        }

        func linger(_ delay: Duration) {
            let alarm = Alarm { self.alarm = nil }
            self.alarm = alarm
            scheduler.arm(alarm, after: delay)
        }

        deinit {
            gone.record(scheduler.isCurrent)
            last()
        }
    }

    private actor Confined {
        nonisolated let scheduler: Scheduler
        let probe: Probe<Bool>
        nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

        init(_ scheduler: Scheduler, _ probe: Probe<Bool>) {
            self.scheduler = scheduler
            self.probe = probe
        }

        func visit() {}

        isolated deinit { probe.record(scheduler.isCurrent) }
    }

    @Test func `what the last turn deferred is not lost, nor what that defers`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let scheduler = group.schedulers[0]
        let probe = Probe<Int>()
        scheduler.run {
            // The end is asked for first, so all that follows falls into the last turns.
            scheduler.stop()
            @Sendable func chain(_ left: Int) {
                probe.record(left)
                if left > 0 { scheduler.runHereLater { chain(left - 1) } }
            }
            chain(10)
        }
        await group.shutdown()
        #expect(probe.values == Array((0...10).reversed()))
    }

    @Test func `what is deferred after the end is not lost, nor what that defers`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let scheduler = group.schedulers[0]
        await group.shutdown()
        let probe = Probe<Int>()
        scheduler.run {
            scheduler.runHereLater { scheduler.runHereLater { scheduler.runHereLater { probe.record(1) } } }
        }
        #expect(probe.count == 1)
    }

    /// How many threads of this program have a name that begins so.
    private func threads(named prefix: String) -> Int {
        guard let directory = unsafe opendir("/proc/self/task") else { return 0 }
        defer { unsafe closedir(directory) }
        var count = 0
        while let entry = unsafe readdir(directory) {
            let id = unsafe withUnsafePointer(to: entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            guard let file = unsafe fopen("/proc/self/task/\(id)/comm", "r") else { continue }
            defer { unsafe fclose(file) }
            var line = [CChar](repeating: 0, count: 64)
            guard unsafe fgets(&line, 64, file) != nil else { continue }
            if String(decoding: line.map { UInt8(bitPattern: $0) }, as: UTF8.self).hasPrefix(prefix) { count += 1 }
        }
        return count
    }

    @Test func `a group that is dropped ends its threads (P27)`() async throws {
        func drop() async throws {
            let group = try SchedulerGroup(options: .init(count: 3, name: "dropped-a"))
            for scheduler in group.schedulers { await scheduler.ask { _ in } }
            #expect(threads(named: "dropped-a") == 3)
        }
        try await drop()
        while threads(named: "dropped-a") > 0 { await Task.yield() }
    }

    @Test func `one that is dropped lives on until its last process has ended (P27)`() async throws {
        let heard = Probe<String>()
        func start() throws -> Process<Int> {
            let group = try SchedulerGroup(options: .init(count: 2, name: "dropped-b"))
            let schedulers = group.schedulers
            // It spawns on the other scheduler of a group that nobody holds any more.
            return Process<Int>.spawn(on: schedulers[0]) { me in
                _ = await me.receive()
                let other = Process<Int>.spawn(on: schedulers[1]) { other in
                    other.sendAfter(.milliseconds(1), 5)
                    heard.record("timer \(await other.receive() ?? -1)")
                }
                heard.record("\(try await other.down())")
            }
        }
        let process = try start()
        while threads(named: "dropped-b") < 2 { await Task.yield() }
        // Whatever ends dropped groups has had its chance.
        for _ in 0..<1_000 { await Task.yield() }
        #expect(threads(named: "dropped-b") == 2)
        process.send(1)
        let reason = try await process.down()
        #expect(reason.kind == .normal && heard.values == ["timer 5", "normal"])
        while threads(named: "dropped-b") > 0 { await Task.yield() }
    }
}

@Suite(.timeLimit(.minutes(2))) struct ShutdownTests {
    @Test func `shutdown ends every process with shutdown and waits for it`() async throws {
        let group = try SchedulerGroup(options: .init(count: 2))
        let probe = Probe<Bool>()
        let begun = Counter()
        let processes = (0..<100).map { number in
            Process<Int>.spawn(on: group.schedulers[number % 2]) { me in
                begun.add()
                for await _ in me.mailbox {}
                probe.record(Task.isCancelled)
            }
        }
        #expect(await eventually { begun.value == 100 })
        #expect(await group.processCount() == 100)
        async let reason = processes[0].down()
        _ = await group.schedulers[0].ask { _ in }
        await group.shutdown()
        #expect(probe.values == Array(repeating: true, count: 100))
        let kind = try await reason.kind
        #expect(kind == .shutdown)
        #expect(processes.allSatisfy { !$0.pid.isAlive })
        await group.shutdown()
    }

    @Test func `shutdown does not wait for the blocking pool, which may wait for it (P27)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1, blockingThreads: 1))
        let meeting = Meeting(2)
        group.blockingPool.submit { meeting.attend() }
        await group.shutdown()
        #expect(group.schedulers[0].phase.load(ordering: .sequentiallyConsistent) == .stopped)
        OSThreads.run { _ in meeting.attend() }
    }

    @Test func `whoever asks for the end again waits for it too (P27)`() async throws {
        let time = ManualTime()
        let group = try SchedulerGroup(options: .init(count: 1, time: time))
        let scheduler = group.schedulers[0]
        let (begun, latch) = (Latch(), Latch())
        Process<Int>.spawn(on: scheduler) { _ in
            begun.open()
            await latch.wait()
        }
        await begun.wait()
        async let first: Void = group.shutdown(grace: .seconds(1))
        await untilAlarms(2, on: scheduler)
        let ended = Probe<Scheduler.Phase>()
        await withTaskGroup { callers in
            for _ in 0..<3 {
                callers.addTask {
                    await group.shutdown()
                    ended.record(scheduler.phase.load(ordering: .sequentiallyConsistent))
                }
            }
            for _ in 0..<100 { await Task.yield() }
            time.advance(by: .seconds(1))
        }
        await first
        #expect(ended.values == [.stopped, .stopped, .stopped])
        await group.shutdown()
        latch.open()
    }

    @Test func `a process that ignores its end is left behind after the grace`() async throws {
        let time = ManualTime()
        let group = try SchedulerGroup(options: .init(count: 2, time: time))
        let gates = (0..<2).map { _ in Latch() }
        let stuck = group.schedulers.map { scheduler in
            let begun = Latch()
            let process = Process<Int>.spawn(on: scheduler) { _ in
                begun.open()
                await gates[scheduler.index].wait()
            }
            return (process, begun)
        }
        for (_, begun) in stuck { await begun.wait() }
        #expect(await group.processCount() == 2)
        async let end: Void = group.shutdown(grace: .seconds(1))
        // Both schedulers are asked at once, so one grace is enough for both.
        for scheduler in group.schedulers { await untilAlarms(2, on: scheduler) }
        time.advance(by: .seconds(1))
        await end
        #expect(stuck.allSatisfy { $0.0.pid.isAlive })
        for gate in gates { gate.open() }
        #expect(await eventually { stuck.allSatisfy { !$0.0.pid.isAlive } })
    }

    /// Waits, turn by turn, until so many alarms are armed.
    private func untilAlarms(_ count: Int, on scheduler: Scheduler) async {
        while await scheduler.ask({ $0.alarmCount }) < count { await Task.yield() }
    }

    @Test func `a process that never rests cannot hold up the end`() async throws {
        let time = ManualTime()
        let group = try SchedulerGroup(options: .init(count: 1, time: time))
        let stop = Counter()
        let begun = Latch()
        Process<Int>.spawn(on: group.schedulers[0]) { _ in
            begun.open()
            while stop.value == 0 { await Task.yield() }
        }
        await begun.wait()
        async let end: Void = group.shutdown(grace: .seconds(1))
        await untilAlarms(2, on: group.schedulers[0])
        time.advance(by: .seconds(1))
        await end
        stop.add()
        // What is asked after the end lets the process run on, and see that it may stop.
        var left = await group.processCount()
        for _ in 0..<1_000_000 where left > 0 {
            await Task.yield()
            left = await group.processCount()
        }
        #expect(left == 0)
    }

    @Test func `processes on different schedulers that wait for each other end together`() async throws {
        let group = try SchedulerGroup(options: .init(count: 2, time: ManualTime()))
        let second = Process<Int>.spawn(on: group.schedulers[1]) { me in for await _ in me.mailbox {} }
        let first = Process<Int>.spawn(on: group.schedulers[0]) { me in
            for await _ in me.mailbox {}
            _ = await second.pid.downInAnyCase()
        }
        #expect(await group.processCount() == 2)
        await group.shutdown()
        #expect(!first.pid.isAlive && !second.pid.isAlive)
    }

    @Test func `a process spawned while the group ends is asked to end at once`() async throws {
        let group = try SchedulerGroup(options: .init(count: 2, time: ManualTime()))
        let (begun, probe) = (Counter(), Probe<ExitReason.Kind>())
        for scheduler in group.schedulers {
            Process<Int>.spawn(on: scheduler) { me in
                begun.add()
                for await _ in me.mailbox {}
                let late = Process<Int>.spawn { me in for await _ in me.mailbox {} }
                probe.record(await late.pid.downInAnyCase().kind)
            }
        }
        #expect(await eventually { begun.value == 2 })
        await group.shutdown()
        #expect(probe.values == [.shutdown, .shutdown])
        #expect(await group.processCount() == 0)
    }

    @Test func `a descriptor that is always ready cannot hold up the end`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let scheduler = group.schedulers[0]
        let pair = DescriptorPair()
        pair.write("x")
        let descriptor = pair.first
        let watch = try await withCheckedContinuation { continuation in
            scheduler.run {
                let observer = ObserverDouble()
                nonisolated(unsafe) let kept = observer
                scheduler.resources = unsafe kept
                continuation.resume(
                    returning: Result { try scheduler.watch(descriptor, interest: .read, observer: observer) })
            }
        }.get()
        await group.shutdown()
        #expect(scheduler.phase.load(ordering: .sequentiallyConsistent) == .stopped)
        scheduler.run { scheduler.unwatch(watch) }
    }
}

/// What keeps tasks waiting until a test lets them go on.
final class Latch: @unchecked Sendable {
    // Safety: touched with `lock` held.
    private let lock = Lock()
    private var isOpen = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func wait() async {
        await withCheckedContinuation { continuation in
            let passes = lock.withLock {
                if !isOpen { waiting.append(continuation) }
                return isOpen
            }
            if passes { continuation.resume() }
        }
    }

    func open() {
        let released = lock.withLock {
            isOpen = true
            defer { waiting = [] }
            return waiting
        }
        for continuation in released { continuation.resume() }
    }
}

/// What keeps one task of a hand-driven scheduler waiting until a test lets it go on, in the test's own time: an
/// ordinary continuation would resume on the global pool first.
final class DrivenLatch: Sendable {
    private let driven: HandDriven
    private let gate = Gate()
    private let isOpen = Probe<Void>()
    /// Who waits on Swift's pool, where the compiler may have put a closure: a gate is the scheduler's own.
    private let elsewhere = Probe<CheckedContinuation<Void, Never>>()

    init(_ driven: HandDriven) { self.driven = driven }

    func wait() async {
        guard Scheduler.current === driven.scheduler else {
            return await withCheckedContinuation { continuation in
                driven.scheduler.run { [self] in
                    if isOpen.count == 0 { elsewhere.record(continuation) } else { continuation.resume() }
                }
            }
        }
        if isOpen.count == 0 { await gate.pass(on: driven.scheduler) }
    }

    func open() {
        isOpen.record(())
        driven.run {
            gate.open(on: driven.scheduler)
            for continuation in elsewhere.values { continuation.resume() }
            elsewhere.removeAll()
        }
    }
}

/// Gives other tasks their turn until `isTrue`, for a bounded number of times.
func eventually(_ isTrue: () -> Bool) async -> Bool {
    for _ in 0..<1_000_000 {
        if isTrue() { return true }
        await Task.yield()
    }
    return isTrue()
}
