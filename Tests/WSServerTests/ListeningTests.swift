import Actors
import Foundation
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient

@testable import WSServer

/// Where a server listens, and what it says when it cannot (S1).
@Suite(.serialized, .timeLimit(.minutes(1))) struct ListeningTests {
    private func listen(_ host: String = "127.0.0.1", port: Int = 0) async throws -> WebSocketServer {
        try await WebSocketServer.listen(host: host, port: port, handler: ServerHarness.echo)
    }

    private func expectEcho(_ url: String) async throws {
        try await WebSocket.withConnection(to: url) { ws in
            try await ws.send(.text("hello"))
            let message = try await ws.recv()
            #expect(message == .text("hello"))
        }
    }

    @Test(arguments: ["127.0.0.1", "localhost", "0.0.0.0"])
    func `listens on a free port and tells which (S1)`(host: String) async throws {
        let server = try await listen(host)
        let port = try #require(server.address.port)
        #expect(port > 0)
        #expect(!server.isSecure)
        try await expectEcho("ws://localhost:\(port)/")
        await server.forceClose()
    }

    @Test(.enabled(if: Machine.hasIPv6), arguments: ["::1", "::"])
    func `listens on IPv6 (S1)`(host: String) async throws {
        let server = try await listen(host)
        let port = try #require(server.address.port)
        #expect(server.address.description == "[\(host)]:\(port)")
        try await expectEcho("ws://[::1]:\(port)/")
        // Every address is IPv4's too.
        if host == "::" { try await expectEcho("ws://127.0.0.1:\(port)/") }
        await server.forceClose()
    }

    @Test func `listens on every address of a name, on one port (S1)`() async throws {
        let server = try await listen("localhost")
        let expected = try await Resolver.resolve("localhost", port: 0, on: SchedulerGroup.shared.blockingPool)
        // A machine without IPv6 may give the name an address of it nevertheless.
        let usable = expected.map(\.host).filter { Machine.hasIPv6 || !$0.contains(":") }
        #expect(Set(server.addresses.map(\.host)) == Set(usable))
        #expect(Set(server.addresses.map(\.port)) == [server.address.port])
        for address in server.addresses { try await expectEcho("ws://\(address)/") }
        await server.forceClose()
    }

    @Test func `one server listens in several places, with one limit, or nowhere (S1) (S3)`() async throws {
        let path = NSTemporaryDirectory() + "hansom-\(UUID()).sock"
        var options = ServerOptions()
        options.maxConnections = 2
        let server = try await WebSocketServer.listen(
            on: [.tcp(port: 0), .unix(path), .tcp(host: "127.0.0.2", port: 0)], options: options,
            handler: ServerHarness.echo)
        #expect(server.endpoints.count == 3 && server.listeningDescriptors.count == 3)
        #expect(server.addresses[1] == .unix(path: path))
        try await expectEcho("ws://\(server.addresses[0])/")
        try await expectEcho("ws+unix://\(path):/")
        try await expectEcho("ws://\(server.addresses[2])/")
        let held = [
            try await WebSocket.connect(to: "ws://\(server.addresses[0])/"),
            try await WebSocket.connect(to: "ws://\(server.addresses[2])/"),
        ]
        let waiting = try await RawSocket.connect(to: server.addresses[1])
        try await waiting.send(Handshakes.request())
        #expect(server.connectionCount + server.handshakeCount == 2)
        try await held[0].close()
        #expect(try await waiting.receiveHead().hasPrefix("HTTP/1.1 101 "))

        // The last one is taken: then nothing is left of those before it.
        let free = try RawListener.listen()
        let port = try #require(free.address.port)
        await free.close()
        let error = await failure {
            _ = try await WebSocketServer.listen(
                on: [.tcp(port: port), .tcp(host: "127.0.0.2", port: try #require(server.addresses[2].port))],
                handler: ServerHarness.echo)
        }
        #expect(error?.code == .addressInUse)
        let again = try await listen(port: port)
        await again.forceClose()
        await server.forceClose()
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `a list of endpoints says for itself who speaks TLS, and is not empty (S1)`() async throws {
        let options = ServerOptions()
        let empty = await failure {
            _ = try await WebSocketServer.listen(on: [], options: options, handler: ServerHarness.echo)
        }
        #expect(empty?.code == .invalidConfiguration)
        var secure = options
        secure.tls = TLSServerOptions(identity: .files(certificateChain: "/a", privateKey: "/b"))
        let both = await failure {
            _ = try await WebSocketServer.listen(on: [.tcp(port: 0)], options: secure, handler: ServerHarness.echo)
        }
        #expect(both?.code == .invalidConfiguration)
        #expect(both?.message.contains("tls") == true)
    }

    @Test func `listens on a Unix-domain socket, and leaves no file (S1)`() async throws {
        let path = NSTemporaryDirectory() + "hansom-\(UUID()).sock"
        for _ in 0..<2 {
            let server = try await WebSocketServer.listen(unixPath: path, handler: ServerHarness.echo)
            #expect(server.address == .unix(path: path))
            try await expectEcho("ws+unix://\(path):/")
            let error = await failure {
                _ = try await WebSocketServer.listen(unixPath: path, handler: ServerHarness.echo)
            }
            #expect(error?.code == .addressInUse)
            #expect(error?.message.contains(path) == true)
            await server.forceClose()
            #expect(!FileManager.default.fileExists(atPath: path))
        }
    }

    @Test func `serves a Unix-domain socket with the synchronous handler (S1) (W21)`() async throws {
        let path = NSTemporaryDirectory() + "hansom-\(UUID()).sock"
        let server = try await WebSocketServer.listen(unixPath: path, onMessage: { ws, message in ws.trySend(message) })
        try await expectEcho("ws+unix://\(path):/")
        await server.forceClose()
    }

    @Test func `replaces the socket file that a killed server left, and nothing else (S1)`() async throws {
        let path = NSTemporaryDirectory() + "hansom-\(UUID()).sock"
        let listener = try RawListener.listen(on: .unix(path: path + ".old"))
        try FileManager.default.moveItem(atPath: path + ".old", toPath: path)
        await listener.close()
        let server = try await WebSocketServer.listen(unixPath: path, handler: ServerHarness.echo)
        try await expectEcho("ws+unix://\(path):/")
        await server.forceClose()

        try Data("a file of somebody's".utf8).write(to: URL(fileURLWithPath: path))
        let error = await failure { _ = try await WebSocketServer.listen(unixPath: path, handler: ServerHarness.echo) }
        #expect(error?.code == .addressInUse)
        #expect(FileManager.default.fileExists(atPath: path))
        try FileManager.default.removeItem(atPath: path)
    }

    @Test func `serves on a socket that it inherits, and on no other descriptor (S1)`() async throws {
        let made = try ListeningSocket(try #require(SocketAddress(numeric: "127.0.0.1", port: 0)))
        let inherited = dup(made.descriptor)
        made.close()
        let server = try await WebSocketServer.listen(descriptor: inherited, handler: ServerHarness.echo)
        #expect(server.address == made.address)
        try await expectEcho("ws://\(server.address)/")
        await server.forceClose()
        for wrong in [-1, Int32(9_999_999)] {
            let error = await failure {
                _ = try await WebSocketServer.listen(descriptor: wrong, handler: ServerHarness.echo)
            }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("\(wrong)") == true)
        }
    }

    @Test(arguments: ["", String(repeating: "x", count: 108)])
    func `refuses a path that no address can hold (S1)`(path: String) async throws {
        let error = await failure { _ = try await WebSocketServer.listen(unixPath: path, handler: ServerHarness.echo) }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func `says who is in the way when the port is taken, and takes it once it is free (S1) (S9)`() async throws {
        let first = try await listen()
        let port = try #require(first.address.port)
        let error = await failure { _ = try await listen(port: port) }
        #expect(error?.code == .addressInUse)
        #expect(error?.message.contains("127.0.0.1:\(port)") == true)
        await first.shutdown(within: .zero)
        let second = try await listen(port: port)
        #expect(second.address == first.address)
        await second.forceClose()
    }

    @Test func `shares a port where told to (S1)`() async throws {
        var options = ServerOptions()
        options.reusesPort = true
        let first = try await WebSocketServer.listen(port: 0, options: options, handler: ServerHarness.echo)
        let port = try #require(first.address.port)
        let second = try await WebSocketServer.listen(port: port, options: options, handler: ServerHarness.echo)
        await first.forceClose()
        try await expectEcho("ws://127.0.0.1:\(port)/")
        await second.forceClose()
    }

    @Test(arguments: [-1, 65_536, Int.max])
    func `refuses a port that is none (S1)`(port: Int) async throws {
        let error = await failure { _ = try await listen(port: port) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("\(port)") == true)
    }

    @Test func `names a host that cannot be resolved (S1)`() async throws {
        let host = String(repeating: "b", count: 64) + ".invalid"
        let error = await failure { _ = try await listen(host) }
        #expect(error?.code == .resolution)
        #expect(error?.message.contains(host) == true)
    }

    @Test func `names an address that is not this machine's (S1)`() async throws {
        let error = await failure { _ = try await listen("192.0.2.1") }
        #expect(error?.code == .system)
        #expect(error?.message.contains("192.0.2.1") == true)
    }

    @Test func `refuses options that no server could run with (S1)`() async throws {
        let changes: [@Sendable (inout ServerOptions) -> Void] = [
            { $0.maxConnections = 0 }, { $0.maxHandshakes = -1 }, { $0.backlog = 0 }, { $0.handshakeTimeout = .zero },
            { $0.closeTimeout = .seconds(-1) },
        ]
        for change in changes {
            var options = ServerOptions()
            change(&options)
            let error = await failure {
                let server = try await WebSocketServer.listen(port: 0, options: options, handler: ServerHarness.echo)
                await server.forceClose()
            }
            #expect(error?.code == .invalidConfiguration, "\(String(describing: error))")
        }
    }

    @Test func `refuses a certificate that cannot be read before it listens (S8)`() async throws {
        var options = ServerOptions()
        options.tls = TLSServerOptions(
            identity: .files(certificateChain: "/nonexistent.pem", privateKey: "/nonexistent.key"))
        let error = await failure {
            _ = try await WebSocketServer.listen(port: 0, options: options, handler: ServerHarness.echo)
        }
        #expect(error?.code == .tls)
        #expect(error?.message.contains("/nonexistent.pem") == true)
    }

    @Test func `runs until it is cancelled, and then shuts down (S1) (S9)`() async throws {
        let listener = try RawListener.listen()
        let port = try #require(listener.address.port)
        await listener.close()
        let started = Handover<Bool>()
        let running = Task {
            try await WebSocketServer.run(port: port) { ws in
                started.give()
                for try await message in ws { try await ws.send(message) }
            }
        }
        #expect(await eventually { (try? await RawSocket.connect(to: listener.address)) != nil })
        let socket = try await RawSocket.connect(to: listener.address)
        try await socket.send(Handshakes.request())
        _ = await started.take()
        running.cancel()
        #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
        #expect(try await socket.answerClose() == .init(1001))
        try await running.value
        let error = await failure { _ = try await WebSocket.connect(to: "ws://127.0.0.1:\(port)/") }
        #expect(error?.code == .refused)
    }

    @Test(arguments: [false, true])
    func `whoever waits for the end of a server waits no longer when cancelled, and the server goes on (S1)`(
        isCancelledBefore: Bool
    ) async throws {
        let server = try await listen()
        let started = Handover<Bool>()
        let waiting = Task {
            if isCancelledBefore { unsafe withUnsafeCurrentTask { unsafe $0?.cancel() } }
            started.give()
            await server.wait()
        }
        async let other: Void = server.wait()
        _ = await started.take()
        waiting.cancel()
        await waiting.value
        try await expectEcho("ws://\(server.address)/")
        await server.shutdown()
        await other
    }

    @Test func `serves a handler, a synchronous handler or routes wherever it listens (S1) (S7)`() async throws {
        var routes = Routes()
        routes.webSocket("/") { ws in for try await message in ws { try await ws.send(message) } }
        let services: [WebSocketService] = [
            .handler(ServerHarness.echo), .onMessage { ws, message in ws.trySend(message) }, .routes(routes),
        ]
        let path = NSTemporaryDirectory() + "hansom-\(UUID()).sock"
        for service in services {
            let server = try await WebSocketServer.listen(
                on: [.unix(path), .tcp(port: 0)], serving: service, options: .with { $0.maxConnections = 7 })
            #expect(server.load.maxConnections == 7)
            try await expectEcho("ws+unix://\(path):/")
            try await expectEcho("ws://\(server.addresses[1])/")
            await server.forceClose()
        }
        var wrong = Routes()
        wrong.get("nowhere") { _ in ServerResponse() }
        let all = wrong
        let error = await failure { _ = try await WebSocketServer.listen(on: [.tcp(port: 0)], serving: .routes(all)) }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func `runs in several places until it is cancelled (S1) (S9)`() async throws {
        let path = NSTemporaryDirectory() + "hansom-\(UUID()).sock"
        let started = Handover<Bool>()
        let running = Task {
            try await WebSocketServer.run(
                on: [.unix(path)],
                serving: .handler { ws in
                    started.give()
                    for try await message in ws { try await ws.send(message) }
                })
        }
        #expect(await eventually { FileManager.default.fileExists(atPath: path) })
        let socket = try await RawSocket.connect(to: .unix(path: path))
        try await socket.send(Handshakes.request())
        _ = await started.take()
        running.cancel()
        #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
        #expect(try await socket.answerClose() == .init(1001))
        try await running.value
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `whoever waits so long is told whether the server has ended (S9)`() async throws {
        let server = try await listen()
        #expect(await server.wait(timeout: .milliseconds(1)) == false)
        let waiting = Task { await server.wait(timeout: .seconds(600)) }
        waiting.cancel()
        #expect(await waiting.value == false)
        await server.shutdown()
        #expect(await server.wait(timeout: .zero))
    }

    @Test func `a start that is cancelled leaves nothing, whenever that is (S9) (W20)`() async throws {
        var left: [WeakReference<Watcher>] = []
        for moment in 0..<1000 {
            let watcher = Watcher()
            left.append(WeakReference(watcher))
            let options = ServerOptions.with { $0.measuring = watcher }
            let starting = Task {
                try await WebSocketServer.listen(port: 0, options: options, handler: ServerHarness.echo)
            }
            let begin = ContinuousClock.now
            while ContinuousClock.now - begin < .microseconds(moment) { await Task.yield() }
            starting.cancel()
            do {
                try await starting.value.forceClose()
            } catch let error as WebSocketError {
                #expect(error.code == .cancelled)
            }
        }
        let references = left
        #expect(await eventually { references.allSatisfy { $0.object == nil } })
    }

    /// What a server holds as long as it lives.
    private final class Watcher: ServerMeasuring {
        func handshakeEnded(_ result: HandshakeResult, after time: Duration) {}
        func connectionEnded(after time: Duration) {}
        func serverStarted(_ server: WebSocketServer) {}
    }

    @Test func `tells everybody who waits when it has ended (S9)`() async throws {
        let server = try await listen()
        async let first: Void = server.wait()
        async let second: Void = server.wait()
        await server.shutdown()
        await server.shutdown()
        _ = await (first, second)
        await server.wait()
    }
}
