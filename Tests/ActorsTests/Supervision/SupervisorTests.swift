import HansomTesting
import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct SupervisorTests {
    /// Records what happens to children, in order.
    private let log = Probe<String>()

    private func worker(_ id: String, restart: Child.Restart = .permanent) -> Child {
        Child(id, restart: restart) { [log] in
            Process<Bool>.spawn { me in
                log.record("+\(id)")
                defer { log.record("-\(id)") }
                for await fails in me.mailbox { if fails { throw Failure() } else { return } }
            }
        }
    }

    private func silent() throws -> SchedulerGroup {
        try SchedulerGroup(options: .init(count: 1, system: .init { _ in }))
    }

    private func run(
        _ tree: Supervisor, _ body: (RunningSupervisor) async throws -> Void
    ) async throws {
        let group = try silent()
        let running = try await tree.start(on: group.schedulers[0])
        try await body(running)
        await running.stop()
        #expect(await group.processCount() == 0)
        await group.shutdown()
    }

    @Test func `children start in order and stop in reverse (P16)`() async throws {
        try await run(Supervisor(.oneForOne) { for id in ["a", "b", "c"] { worker(id) } }) {
            (running: RunningSupervisor) async throws in
            #expect(try await running.children().map(\.id) == ["a", "b", "c"])
            #expect(try await running.count() == ChildCount(try await running.children()))
        }
        #expect(log.values == ["+a", "+b", "+c", "-c", "-b", "-a"])
    }

    @Test func `one for all stops the others in reverse and starts all again (P16)`() async throws {
        try await run(Supervisor(.oneForAll) { for id in ["a", "b", "c"] { worker(id) } }) {
            (running: RunningSupervisor) async throws in
            let b = try #require(try await running.children()[1].pid?.address(as: Bool.self))
            b.send(true)
            _ = try await b.pid.down()
            // A call is answered only when the restart is done.
            #expect(try await running.children().allSatisfy { $0.pid != nil && $0.pid != b.pid })
        }
        #expect(log.values == ["+a", "+b", "+c", "-b", "-c", "-a", "+a", "+b", "+c", "-c", "-b", "-a"])
    }

    @Test func `children that are gone for good leave nothing behind (P19)`() async throws {
        try await run(Supervisor(.oneForOne) { worker("stays") }) { (running: RunningSupervisor) async throws in
            let ended = try await running.start(child: worker("ended", restart: .temporary))
            try #require(ended.address(as: Bool.self)).send(true)
            _ = try await ended.down()
            try await running.start(child: worker("terminated", restart: .temporary))
            try await running.terminate("terminated")
            try await running.start(child: worker("deleted"))
            try await running.terminate("deleted")
            try await running.delete("deleted")
            await #expect(throws: SupervisorError.self) {
                try await running.start(child: Child("failed") { () async throws -> PID in throw Failure() })
            }
            // All that it holds, and not only what it shows of itself.
            let state = try await running.server.replaceState { "\($0)" }
            for gone in ["ended", "terminated", "deleted", "failed"] {
                #expect(!state.contains("\"\(gone)\""), "\(gone) is still known")
            }
            #expect(state.contains("\"stays\""))
        }
    }

    @Test func `a nested tree reads as one, and a failed start says which child and why (P16)`() async throws {
        let group = try silent()
        let tree = Supervisor(.restForOne) {
            worker("a")
            Supervisor(.oneForOne, id: "inner") {
                worker("b")
                Child("bad") { () async throws -> PID in throw Failure() }
            }
        }
        let error = await #expect(throws: SupervisorError.self) { try await tree.start(on: group.schedulers[0]) }
        #expect(error?.code == .startFailed && error?.child == "inner")
        let inner = error?.underlying as? SupervisorError
        #expect(inner?.child == "bad" && inner?.underlying is Failure)
        #expect(log.values == ["+a", "+b", "-b", "-a"])
        #expect(await group.processCount() == 0)
        await group.shutdown()
    }
}
