import Actors
import HansomLifecycle
import HansomTesting
import Logging
import ServiceLifecycle
import Testing

@Suite(.timeLimit(.minutes(1))) struct LifecycleTests {
    private let log = Probe<String>()

    /// A service that runs until it is told to shut down.
    private struct Patient: Service {
        let log: Probe<String>

        func run() async throws {
            log.record("begun")
            try? await gracefulShutdown()
            log.record(Task.isCancelled ? "cancelled" : "shut down")
        }
    }

    private struct Failing: Service {
        func run() async throws { throw CancellationError() }
    }

    private func begun(_ count: Int) async { while log.count < count { await Task.yield() } }

    @Test func `a service under a supervisor is shut down gracefully with the tree (P20)`() async throws {
        let tree = Supervisor { Child("patient", service: Patient(log: log)) }
        let running = try await tree.start()
        await begun(1)
        #expect(await running.stop().kind == .shutdown)
        #expect(log.values == ["begun", "shut down"])
    }

    @Test func `the root of a tree runs as a service, and a graceful shutdown stops it (P20)`() async throws {
        let tree = Supervisor(id: "root") { Child("patient", service: Patient(log: log)) }
        let group = ServiceGroup(
            services: [SupervisorService(tree)], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        async let running: Void = group.run()
        await begun(1)
        await group.triggerGracefulShutdown()
        try await running
        #expect(log.values == ["begun", "shut down"])
    }

    /// Starts a tree, and stops it only some time after its service was told to shut down.
    private struct Slow: Service {
        let tree: Supervisor
        let log: Probe<String>

        func run() async throws {
            let running = try await tree.start()
            try? await gracefulShutdown()
            while log.count < 2 { await Task.yield() }
            for _ in 0..<20_000 where log.count == 2 { await Task.yield() }
            await running.stop()
        }
    }

    @Test func `a service that is told to shut down before its supervisor is not started again (P20)`() async throws {
        let tree = Supervisor(id: "root") { Child("patient", service: Patient(log: log)) }
        let group = ServiceGroup(
            services: [Slow(tree: tree, log: log)], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        async let running: Void = group.run()
        await begun(1)
        await group.triggerGracefulShutdown()
        try await running
        #expect(log.values == ["begun", "shut down"])
    }

    @Test func `cancelling the service stops the tree (P20)`() async throws {
        let tree = Supervisor { Child("patient", service: Patient(log: log)) }
        let task = Task { try await SupervisorService(tree).run() }
        await begun(1)
        task.cancel()
        try await task.value
        #expect(log.values == ["begun", "shut down"])
    }

    /// A tree whose second child never starts, and says when it is asked to stop that.
    private func hanging() -> Supervisor {
        Supervisor {
            Child("first") { [log] in
                Process<Int>.spawn { me in
                    while await me.receive() != nil {}
                    log.record("first ended")
                }
            }
            Child("hangs") { [log] () async throws -> PID in
                let (never, _) = AsyncStream.makeStream(of: Never.self)
                log.record("begun")
                for await _ in never {}
                log.record(Task.isCancelled ? "cancelled" : "over")
                throw CancellationError()
            }
        }
    }

    @Test func `a graceful shutdown does not wait for a start that hangs (P16, P20)`() async throws {
        let group = ServiceGroup(
            services: [SupervisorService(hanging())], logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        async let running: Void = group.run()
        await begun(1)
        await group.triggerGracefulShutdown()
        try await running
        #expect(log.values == ["begun", "cancelled", "first ended"])
    }

    @Test func `cancelling does not wait for a start that hangs, and leaves nothing (P16, P20)`() async throws {
        let task = Task { try await SupervisorService(hanging()).run() }
        await begun(1)
        task.cancel()
        try await task.value
        #expect(log.values == ["begun", "cancelled", "first ended"])
    }

    @Test func `a tree that gives up says on which child and why (P18, P20)`() async throws {
        let quiet = try SchedulerGroup(options: .init(count: 1, system: .init { _ in }))
        let tree = Supervisor(id: "app") {
            Supervisor(id: "web", maxRestarts: 0) {
                Child.running("listener", run: { throw PortInUse() })
            }
        }
        let error = await #expect(throws: ExitReason.self) {
            try await SupervisorService(tree, on: quiet.schedulers[0]).run()
        }
        #expect(error?.kind == .shutdown)
        #expect((error?.error as? SupervisorError)?.code == .gaveUp)
        #expect("\(try #require(error))".hasSuffix("child \"listener\" ended with: error(port 80 is in use)"))
        await quiet.shutdown()
    }

    private struct PortInUse: Error, CustomStringConvertible {
        var description: String { "port 80 is in use" }
    }

    @Test func `a tree that gives up ends the service with its reason (P18, P20)`() async throws {
        let quiet = try SchedulerGroup(options: .init(count: 1, system: .init { _ in }))
        let tree = Supervisor(maxRestarts: 2) { Child("failing", service: Failing()) }
        let error = await #expect(throws: ExitReason.self) {
            try await SupervisorService(tree, on: quiet.schedulers[0]).run()
        }
        #expect(error?.kind == .shutdown)
        await quiet.shutdown()
    }
}
