import Actors
import ActorsLifecycle
import HansomTesting
import Logging
import ServiceLifecycle
import Testing

@Suite struct LifecycleTests {
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

    @Test func `cancelling the service stops the tree (P20)`() async throws {
        let tree = Supervisor { Child("patient", service: Patient(log: log)) }
        let task = Task { try await SupervisorService(tree).run() }
        await begun(1)
        task.cancel()
        try await task.value
        #expect(log.values == ["begun", "shut down"])
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
