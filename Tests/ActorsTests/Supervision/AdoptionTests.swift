import Actors
import Testing

/// Processes that become children when they run already (P16).
@Suite(.timeLimit(.minutes(2))) struct AdoptionTests {
    /// Adopts a process as `order` says, and returns why it has ended.
    private func end(
        _ order: @escaping @Sendable (RunningDynamicSupervisor, PID) -> Void
    ) async throws -> ExitReason.Kind {
        let group = try SchedulerGroup(options: .init(count: 1, system: .init { _ in }))
        let supervisor = try await DynamicSupervisor().start(on: group.schedulers[0])
        let child = Process<Int>.spawn(on: group.schedulers[0]) { me in for await _ in me.mailbox {} }
        await group.schedulers[0].ask { _ in order(supervisor, child.pid) }
        let reason = try await child.pid.down()
        await group.shutdown()
        return reason.kind
    }

    @Test func `a child of a supervisor that has ended just before ends too (P16)`() async throws {
        #expect(
            try await end { supervisor, child in
                supervisor.pid.core.receiveExit(.kill)
                supervisor.adopt(child)
            } == .noProcess)
    }

    @Test func `a child of a supervisor that ends before it could take it in ends too (P16)`() async throws {
        #expect(
            try await end { supervisor, child in
                supervisor.adopt(child)
                supervisor.pid.core.receiveExit(.kill)
            } == .killed)
    }

    @Test func `a child is listed and linked, and forgotten when it ends, also before it was taken in (P16, P19)`()
        async throws
    {
        let group = try SchedulerGroup(options: .init(count: 1))
        let scheduler = group.schedulers[0]
        let supervisor = try await DynamicSupervisor().start(on: scheduler)
        let (stays, leaves) = (
            Process<Int>.spawn(on: scheduler) { me in for await _ in me.mailbox {} },
            Process<Int>.spawn(on: scheduler) { me in for await _ in me.mailbox {} }
        )
        await scheduler.ask { _ in
            supervisor.adopt(stays.pid)
            supervisor.adopt(leaves.pid)
            leaves.pid.core.receiveExit(.kill)
        }
        let ending = try await leaves.pid.down()
        #expect(ending.kind == .killed)
        #expect(try await supervisor.children() == [stays.pid])
        #expect(await scheduler.ask { _ in stays.pid.core.parent } == supervisor.pid.core.id)
        await supervisor.stop()
        let secondEnding = try await stays.pid.down()
        #expect(secondEnding.kind == .shutdown)
        await group.shutdown()
    }
}
