import Actors
import HansomTesting
import Logging
import ServiceLifecycle
import SocketTesting
import Testing
import WSClient
import WSServer

@testable import HansomLifecycle

/// A server as a service of swift-service-lifecycle (S9).
@Suite(.timeLimit(.minutes(1))) struct WebSocketServerServiceTests {
    private static let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    /// A service, and the server that it starts.
    private func service(_ server: Handover<WebSocketServer>) -> WebSocketServerService {
        WebSocketServerService {
            let started = try await WebSocketServer.listen(port: 0) { ws in
                for try await message in ws { try await ws.send(message) }
            }
            server.give(started)
            return started
        }
    }

    private func codeOfTheEnd(_ ws: WebSocket) async -> CloseCode? {
        while (try? await ws.recv()) != nil {}
        return ws.closeCode
    }

    @Test func `a graceful shutdown drains it, and the service returns (S9)`() async throws {
        let started = Handover<WebSocketServer>()
        let group = ServiceGroup(services: [service(started)], logger: Self.quiet)
        async let running: Void = group.run()
        let server = await started.take()
        let client = try await WebSocket.connect(to: "ws://\(server.address)")
        await group.triggerGracefulShutdown()
        #expect(await codeOfTheEnd(client) == .goingAway)
        try await running
        let late = await failure { _ = try await WebSocket.connect(to: "ws://\(server.address)") }
        #expect(late?.code == .refused)
    }

    @Test func `cancelling while it serves ends it, and then it returns (S9)`() async throws {
        let run = ServerRun(.seconds(30))
        run.start { try await WebSocketServer.listen(port: 0) { ws in for try await _ in ws {} } }
        while run.server == nil { await Task.yield() }
        let server = try #require(run.server)
        run.cancel()
        await run.wait()
        #expect(!server.pid.isAlive)
        try await run.check()
    }

    @Test func `cancelling ends it at once (S9)`() async throws {
        let started = Handover<WebSocketServer>()
        let service = service(started)
        let task = Task { try await service.run() }
        let server = await started.take()
        task.cancel()
        try await task.value
        // One that is cancelled before it has the server does not wait for its end.
        #expect(await eventually { !server.pid.isAlive })
    }

    @Test func `a server that ends by itself fails the service with its reason (S9)`() async throws {
        let started = Handover<WebSocketServer>()
        let service = service(started)
        let task = Task { try await service.run() }
        let server = await started.take()
        server.pid.exit(.kill)
        let error = await #expect(throws: ExitReason.self) { try await task.value }
        #expect(error?.kind == .killed)
    }

    /// A service whose server does not start before the test lets it, and whether that was cancelled.
    private func slowService(
        _ begun: Handover<Bool>, _ latch: Handover<Bool>, _ server: Handover<WebSocketServer>,
        drain: Duration = .seconds(30)
    ) -> WebSocketServerService {
        WebSocketServerService(drain: drain) {
            begun.give()
            _ = await latch.take()
            // In a task of its own, which is not cancelled with the start.
            let started = try await Task { try await WebSocketServer.listen(port: 0) { _ in } }.value
            server.give(started)
            return started
        }
    }

    /// One that waits until it is cancelled.
    private func hangingService(_ begun: Handover<Bool>) -> WebSocketServerService {
        WebSocketServerService {
            begun.give()
            let (never, _) = AsyncStream.makeStream(of: Never.self)
            for await _ in never {}
            throw CancellationError()
        }
    }

    @Test func `a graceful shutdown cancels a start that hangs (S9)`() async throws {
        let begun = Handover<Bool>()
        let group = ServiceGroup(services: [hangingService(begun)], logger: Self.quiet)
        async let running: Void = group.run()
        _ = await begun.take()
        await group.triggerGracefulShutdown()
        try await running
    }

    @Test func `cancelling cancels a start that hangs (S9)`() async throws {
        let begun = Handover<Bool>()
        let service = hangingService(begun)
        let task = Task { try await service.run() }
        _ = await begun.take()
        task.cancel()
        try await task.value
    }

    @Test func `a start that cannot be cancelled holds up no cancelling, and its server is closed (S9)`() async throws {
        let (begun, latch, late) = (Handover<Bool>(), Handover<Bool>(), Handover<WebSocketServer>())
        let service = slowService(begun, latch, late)
        let task = Task { try await service.run() }
        _ = await begun.take()
        task.cancel()
        try await task.value
        latch.give()
        #expect(try await late.take().pid.down().kind == .shutdown)
    }

    @Test func `a start that cannot be cancelled holds up a shutdown as long as a drain may take (S9)`() async throws {
        let (begun, latch, late) = (Handover<Bool>(), Handover<Bool>(), Handover<WebSocketServer>())
        let group = ServiceGroup(
            services: [slowService(begun, latch, late, drain: .milliseconds(20))], logger: Self.quiet)
        async let running: Void = group.run()
        _ = await begun.take()
        await group.triggerGracefulShutdown()
        try await running
        latch.give()
        #expect(try await late.take().pid.down().kind == .shutdown)
    }

    @Test func `a server that has started when it is asked to end is drained (S9)`() async throws {
        let (begun, latch, started) = (Handover<Bool>(), Handover<Bool>(), Handover<WebSocketServer>())
        let group = ServiceGroup(services: [slowService(begun, latch, started)], logger: Self.quiet)
        async let running: Void = group.run()
        _ = await begun.take()
        await group.triggerGracefulShutdown()
        latch.give()
        try await running
        #expect(try await started.take().pid.down().kind == .shutdown)
    }

    @Test func `a server that cannot listen fails the service (S1, S9)`() async throws {
        let service = WebSocketServerService { try await WebSocketServer.listen(port: -1) { _ in } }
        await #expect(throws: WebSocketError.self) { try await service.run() }
    }
}
