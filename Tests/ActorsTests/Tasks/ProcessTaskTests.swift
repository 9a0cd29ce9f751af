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
            #expect(await cancelled.pid.down().kind == .shutdown)
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
        #expect(task?.pid.core.endReason == nil || task?.pid.isAlive == false)
        latch.open()
        world.driven.settle()
        #expect(task?.pid.isAlive == false)
        world.end()
    }

    @Test func `what blocks runs on a thread of its own (P23)`() async throws {
        try await withQuietGroup { group in
            let own = await group.schedulers[0].ask { _ in currentThread() }
            let thread = try await ProcessTask.spawn(on: group.schedulers[0]) { await blocking { currentThread() } }.value
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
