import HansomTesting
import Testing

@testable import Actors

@Suite(.ownThread, .timeLimit(.minutes(1))) struct ProcessTaskTests {
    @Test func `a task gives its value, or throws what it threw or why it ended (P22)`() async throws {
        try await withQuietGroup { group in
            let value = try await ProcessTask.spawn(on: group.next()) { 42 }.value
            #expect(value == 42)
            await #expect(throws: Failure.self) {
                try await ProcessTask.spawn(on: group.next()) { () async throws -> Int in throw Failure() }.value
            }
            for reason in [ExitReason.shutdown, .kill] {
                let latch = Latch()
                let task = ProcessTask.spawn(on: group.next()) { await latch.wait() }
                task.exit(reason)
                if reason.kind == .shutdown { latch.open() }
                let error = await #expect(throws: ExitReason.self) { try await task.value }
                latch.open()
                #expect(error?.kind == (reason.kind == .kill ? .killed : .shutdown))
            }
            let cancelled = ProcessTask.spawn(on: group.next()) { while !Task.isCancelled { await Task.yield() } }
            cancelled.cancel()
            let ending = try await cancelled.pid.down()
            #expect(ending.kind == .shutdown)
        }
    }

    @Test func `a task is a process that can be listed, linked and asked twice (P22)`() {
        let world = World()
        let (log, latch) = (Probe<String>(), DrivenLatch(world.driven))
        let a = world.puppet(log, traps: true)
        let task = world.ask(a) { me in ProcessTask.spawn(linkedTo: me.pid, label: "work") { await latch.wait() } }
        #expect(task?.pid.core.info?.label == "work" && task?.pid.core.info?.parent == a.pid.id)
        #expect(a.core.isLinked(to: task?.pid.core ?? a.core))
        world.play { a.exit(.kill) }
        #expect(task?.pid.core.exitReason?.kind == .killed && task?.pid.isAlive == true)
        latch.open()
        world.driven.settle()
        #expect(task?.pid.isAlive == false)
        world.end()
    }

    @Test func `a message says what came of a task, also of one that has ended before (P22)`() {
        let world = World()
        let (log, latch, never) = (Probe<String>(), DrivenLatch(world.driven), DrivenLatch(world.driven))
        let watcher = world.puppet(log)
        let works: [@Sendable () async throws -> Int] = [
            { 42 }, { throw Failure() }, { throw ExitReason.shutdown("enough") },
            {
                await latch.wait()
                return 7
            },
            {
                await never.wait()
                return 8
            },
        ]
        let tasks = works.map { work in world.play { ProcessTask.spawn(on: world.scheduler, work) } }
        #expect(tasks.map(\.pid.isAlive) == [false, false, false, true, true])
        world.tell(watcher) { me in
            for task in tasks {
                me.monitorResult(of: task) { result in
                    do { return .text("\(try result.get())") } catch { return .text("\(error)") }
                }
            }
        }
        #expect(log.values == ["42", "failure", "shutdown(enough)"])
        world.play { tasks[4].exit(.kill) }
        #expect(log.values == ["42", "failure", "shutdown(enough)", "killed"])
        latch.open()
        world.driven.settle()
        #expect(log.values == ["42", "failure", "shutdown(enough)", "killed", "7"])
        never.open()
        world.driven.settle()
        #expect(log.count == 5)
        world.end()
    }

    @Test func `of a task that is monitored no more nothing is heard (P7, P22)`() {
        let world = World()
        let (log, latch) = (Probe<String>(), DrivenLatch(world.driven))
        let watcher = world.puppet(log)
        let work: @Sendable () async throws -> Int = {
            await latch.wait()
            return 7
        }
        let task = world.play { ProcessTask.spawn(on: world.scheduler, work) }
        world.tell(watcher) { me in
            let reference = me.monitorResult(of: task) { .text("\($0)") }
            me.demonitor(reference)
        }
        #expect(task.pid.core.observerCount == 0)
        world.tell(watcher) { me in me.monitorResult(of: task) { .text("\($0)") } }
        world.play { watcher.exit(.kill) }
        #expect(task.pid.core.observerCount == 0)
        latch.open()
        world.driven.settle()
        #expect(log.values == [] && !task.pid.isAlive)
        world.end()
    }

    @Test func `a task's result is its value or what it throws (P22)`() async throws {
        try await withQuietGroup { group in
            let value = try await ProcessTask.spawn(on: group.next()) { 42 }.result.get()
            #expect(value == 42)
            let failure = await ProcessTask.spawn(on: group.next()) { () async throws -> Int in throw Failure() }.result
            #expect(throws: Failure.self) { try failure.get() }
        }
    }

    @Test func `who waits for a value and is cancelled waits no longer, and the work goes on (P22)`() async throws {
        try await withQuietGroup { group in
            let latch = Latch()
            let task = ProcessTask.spawn(on: group.schedulers[0]) {
                await latch.wait()
                return Task.isCancelled ? 0 : 42
            }
            let waiting = Task { try await task.value }
            await untilObservers(of: task.pid, are: 1)
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            await untilObservers(of: task.pid, are: 0)
            latch.open()
            let value = try await task.value
            #expect(value == 42)
        }
    }

    @Test func `who waits for an end and is cancelled waits no longer, and nothing stays at the process (P7)`()
        async throws
    {
        try await withQuietGroup { group in
            let process = Process<Int>.spawn(on: group.schedulers[0]) { me in for await _ in me.mailbox {} }
            let told = Probe<String>()
            @Sendable func wait() async {
                do { told.record("\(try await process.down())") } catch { told.record("cancelled") }
            }
            // From outside, from the scheduler of the process, from another one, and before it waits.
            let outside = Task { await wait() }
            let processes = group.schedulers.map { Process<Int>.spawn(on: $0) { _ in await wait() } }
            await untilObservers(of: process.pid, are: 3)
            outside.cancel()
            await outside.value
            for process in processes {
                process.exit(.shutdown)
                let ending = try await process.down()
                #expect(ending.kind == .shutdown)
            }
            let late = Task {
                while !Task.isCancelled { await Task.yield() }
                await wait()
            }
            late.cancel()
            await late.value
            #expect(told.values == Array(repeating: "cancelled", count: 4))
            await untilObservers(of: process.pid, are: 0)
            process.exit(.shutdown)
            let secondEnding = try await process.down()
            #expect(secondEnding.kind == .shutdown)
        }
    }

    @Test func `who waits with a timeout waits so long, and nothing stays at the process (P7, P22)`() {
        let (world, other) = (World(), World(index: 1))
        let log = Probe<String>()
        let latch = DrivenLatch(other.driven)
        // The thread of whom they wait for does not turn meanwhile: it is busy.
        let task = other.play {
            ProcessTask.spawn(on: other.scheduler) {
                await latch.wait()
                return 42
            }
        }
        let waiters = [false, true].map { isValue in
            world.spawn(Int.self) { _ in
                if isValue {
                    do { log.record("\(try await task.value(timeout: .seconds(2)))") } catch {
                        log.record("\((error as? CallError)?.code.description ?? "\(error)")")
                    }
                } else {
                    log.record("\(try await task.pid.down(timeout: .seconds(1))?.description ?? "alive")")
                }
            }
        }
        world.wait { world.scheduler.alarmCount == 2 }
        world.advance(by: .milliseconds(999))
        #expect(log.values == [])
        world.advance(by: .milliseconds(1))
        world.wait { log.count == 1 }
        world.advance(by: .seconds(1))
        world.wait { log.count == 2 }
        #expect(log.values == ["alive", "timeout"])
        world.wait { waiters.allSatisfy { !$0.pid.isAlive } }
        #expect(world.scheduler.alarmCount == 0)
        other.driven.settle()
        #expect(task.pid.core.observerCount == 0)
        latch.open()
        other.driven.settle()
        let late = world.spawn(Int.self) { _ in
            log.record("\(try await task.value(timeout: .seconds(1)))")
            log.record("\(try await task.pid.down(timeout: .zero)?.description ?? "alive")")
        }
        world.wait {
            other.driven.settle()
            return !late.pid.isAlive
        }
        #expect(log.values.suffix(2) == ["42", "normal"])
    }

    @Test func `from outside the time is counted too (P7, P22)`() async throws {
        try await withQuietGroup { group in
            let latch = Latch()
            let task = ProcessTask.spawn(on: group.next()) { await latch.wait() }
            let reason = try await task.pid.down(timeout: .milliseconds(1))
            #expect(reason == nil)
            await #expect(throws: CallError.self) { try await task.value(timeout: .milliseconds(1)) }
            let waiting = Task { try await task.pid.down(timeout: .seconds(600)) }
            await untilObservers(of: task.pid, are: 1)
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }
            await untilObservers(of: task.pid, are: 0)
            latch.open()
            try await task.value(timeout: .seconds(600))
        }
    }

    /// Waits until so many wait for the end of a process.
    private func untilObservers(of pid: PID, are count: Int) async {
        while await pid.core.scheduler.ask({ _ in pid.core.observerCount }) != count { await Task.yield() }
    }

    @Test func `what blocks runs on a thread of its own (P23)`() async throws {
        try await withQuietGroup { group in
            let own = await group.schedulers[0].ask { _ in currentThread() }
            let thread = try await ProcessTask.spawn(on: group.schedulers[0]) { try await blocking { currentThread() } }
                .value
            #expect(thread != own)
        }
    }
}

/// A group that reports nothing.
func withQuietGroup<R>(count: Int = 2, _ body: (SchedulerGroup) async throws -> R) async throws -> R {
    let group = try SchedulerGroup(options: .init(count: count, system: SystemSettings { _ in }))
    let result: Result<R, any Error>
    do { result = .success(try await body(group)) } catch { result = .failure(error) }
    await group.shutdown(grace: .seconds(5))
    return try result.get()
}
