import Actors
import HansomTesting
import Logging
import ServiceLifecycle
import SocketTesting
import Testing
import WSClient
import WSServer
import WSServerLifecycle

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

    @Test func `cancelling ends it at once (S9)`() async throws {
        let started = Handover<WebSocketServer>()
        let service = service(started)
        let task = Task { try await service.run() }
        let server = await started.take()
        task.cancel()
        try await task.value
        #expect(!server.pid.isAlive)
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

    @Test func `a server that cannot listen fails the service (S1, S9)`() async throws {
        let service = WebSocketServerService { try await WebSocketServer.listen(port: -1) { _ in } }
        await #expect(throws: WebSocketError.self) { try await service.run() }
    }
}
