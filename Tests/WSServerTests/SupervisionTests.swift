import Actors
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient
import WSServer

/// The server as a tree of processes.
@Suite(.timeLimit(.minutes(2))) struct SupervisionTests {
    @Test func `a connection is a process that is listed, named, linked and monitored (P21, P24)`() async throws {
        let name = "connection of \(#function)"
        try await ServerHarness.with(handler: { ws in
            try Registry.register(ws.pid, as: name)
            for try await message in ws { try await ws.send(message) }
        }) { harness in
            let client = try await harness.client()
            try await client.send(.text("hello"))
            #expect(try await client.recv() == .text("hello"))
            let pid = try #require(Registry.whereis(name))
            let snapshot = await SystemSnapshot.take(of: harness.schedulers)
            let info = try #require(snapshot.processes.first { $0.pid == pid })
            #expect(info.kind == "WebSocket" && info.names == [name] && info.state == .waiting)
            // Its supervisor is linked to it.
            let supervisor = try #require(info.links.first)
            #expect(snapshot.processes.first { $0.pid == supervisor }?.label == "connections 0")
            try await client.close()
            let ending = try await pid.down()
            #expect(ending.kind == .normal)
            #expect(Registry.whereis(name) == nil)
        }
    }

    @Test func `the end of a linked process closes a connection with 1001 (W12)`() async throws {
        let linked = Process<Int>.spawn { me in
            _ = await me.receive()
            throw Oops()
        }
        try await ServerHarness.with(handler: { ws in
            ws.link(linked.pid)
            try await ws.send(.text("linked"))
            for try await _ in ws {}
        }) { harness in
            let client = try await harness.client()
            #expect(try await client.recv() == .text("linked"))
            linked.send(1)
            #expect(await client.codeOfTheEnd() == .goingAway)
        }
    }

    @Test func `an acceptor that is killed is started again on the same socket (S2)`() async throws {
        try await ServerHarness.with { harness in
            let snapshot = await SystemSnapshot.take(of: harness.schedulers)
            let acceptor = try #require(snapshot.processes.first { $0.label == "acceptor 0" })
            acceptor.pid.exit(.kill)
            let ending = try await acceptor.pid.down()
            #expect(ending.kind == .killed)
            let client = try await harness.client()
            try await client.send(.text("still there"))
            #expect(try await client.recv() == .text("still there"))
            try await client.close()
        }
    }

    @Test func `killing one scheduler's connection supervisor ends its connections and no others (S2)`() async throws {
        try await ServerHarness.with(count: 2) { harness in
            let clients = [try await harness.client(), try await harness.client()]
            for client in clients {
                try await client.send(.text("up"))
                #expect(try await client.recv() == .text("up"))
            }
            let snapshot = await SystemSnapshot.take(of: harness.schedulers)
            let supervisor = try #require(snapshot.processes.first { $0.label == "connections 0" })
            let lost = snapshot.processes.count { $0.kind == "WebSocket" && $0.scheduler == 0 }
            supervisor.pid.exit(.kill)
            #expect(await eventually { harness.server.connectionCount == 2 - lost })
            // The supervisor is there again: new connections are served, on both schedulers.
            for _ in 0..<2 {
                let client = try await harness.client()
                try await client.send(.text("again"))
                #expect(try await client.recv() == .text("again"))
            }
        }
    }

    @Test func `the tree is listed in the order in which it is started (S2)`() async throws {
        try await ServerHarness.with(count: 2) { harness in
            let children = await harness.server.children()
            #expect(
                children.map(\.id) == [
                    "connections 0", "connections 1", "listener", "acceptor 0", "acceptor 1",
                ])
            #expect(children.allSatisfy { $0.pid != nil })
            await harness.server.forceClose()
            #expect(await harness.server.children().isEmpty)
        }
    }

    @Test func `a listener that is killed takes no socket along (S2)`() async throws {
        try await ServerHarness.with { harness in
            let listener = try #require(await harness.server.children().first { $0.id == "listener" }?.pid)
            listener.exit(.kill)
            let ending = try await listener.down()
            #expect(ending.kind == .killed)
            let client = try await harness.client()
            try await client.send(.text("still there"))
            #expect(try await client.recv() == .text("still there"))
            try await client.close()
        }
    }

    /// A handler that neither heeds the end of its connection nor its cancellation, until the test lets it.
    private func stubborn(_ inside: Probe<PID>, _ leave: Handover<Bool>) -> WebSocket.Handler {
        { ws in
            inside.record(ws.pid)
            _ = await leave.take()
        }
    }

    @Test(arguments: ["connections 0", "server"])
    func `a forced shutdown ends though a supervisor was killed and handlers are stuck (S2, S9)`(label: String)
        async throws
    {
        let (inside, leave) = (Probe<PID>(), Handover<Bool>())
        try await ServerHarness.with(handler: stubborn(inside, leave)) { harness in
            let sockets = [try await harness.rawUpgraded(), try await harness.rawUpgraded()]
            #expect(await eventually { inside.count == 2 })
            let snapshot = await SystemSnapshot.take(of: harness.schedulers)
            try #require(snapshot.processes.first { $0.label?.hasPrefix(label) == true }).pid.exit(.kill)
            // Time stands still: nobody's grace comes to an end.
            await harness.server.forceClose()
            #expect(harness.server.connectionCount == 0)
            for pid in inside.values { #expect(!pid.isAlive) }
            for socket in sockets { await socket.close() }
            leave.give()
        }
    }

    @Test func `a connection that begins while its supervisor dies has an end (S2, S9)`() async throws {
        try await ServerHarness.with(count: 2) { harness in
            let server = harness.server
            let comeAndGo: @Sendable () async -> Void = {
                guard let socket = try? await harness.raw() else { return }
                try? await socket.send(Array(Handshakes.request().utf8) + Frames.close(1000, isMasked: true))
                _ = await socket.end()
                await socket.close()
            }
            for round in 0..<10 {
                let id = "connections \(round % 2)"
                let pool = try #require(await server.children().first { $0.id == id }?.pid)
                async let first: Void = comeAndGo()
                async let second: Void = comeAndGo()
                await turns(of: harness.schedulers, round % 4)
                pool.exit(.kill)
                #expect(await eventually { await server.children().first { $0.id == id }?.pid != pool })
                _ = await (first, second)
            }
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `a client connection under a supervisor is made again when it ends (P20)`() async throws {
        let greeted = Probe<PID>()
        try await ServerHarness.with(handler: { ws in
            greeted.record(ws.pid)
            for try await _ in ws {}
        }) { harness in
            let url = harness.url
            let tree = Supervisor(id: "clients", maxRestarts: 5) {
                Child("feed") { try await WebSocket.connect(to: url) }
            }
            let clients = try await tree.start(on: harness.schedulers.schedulers[0])
            #expect(await eventually { greeted.count == 1 })
            let first = try #require(try await clients.children()[0].pid)
            greeted.values[0].exit(.shutdown)
            #expect(await eventually { greeted.count == 2 })
            let ending = try await first.down()
            #expect(ending.kind == .normal)
            // Asked until the restart is done: the server may greet before the client knows.
            #expect(await eventually { (try? await clients.children()[0].pid).map { $0 != first } ?? false })
            await clients.stop()
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `a server under a supervisor ends with it, and its port is free (P20, S9)`() async throws {
        try await withSchedulers { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            let tree = Supervisor(id: "application") {
                Child("server", shutdown: .infinity) { [options] in
                    try await WebSocketServer.listen(port: 0, options: options, handler: ServerHarness.echo)
                }
            }
            let running = try await tree.start(on: schedulers.schedulers[0])
            let snapshot = await SystemSnapshot.take(of: schedulers)
            let server = try #require(snapshot.processes.first { $0.label?.hasPrefix("server 127.0.0.1:") == true })
            let port = try #require(server.label?.split(separator: ":").last.flatMap { Int($0) })
            let client = try await WebSocket.connect(to: "ws://127.0.0.1:\(port)")
            await running.stop()
            #expect(await client.codeOfTheEnd() == .goingAway)
            #expect(await eventually { await Remains.count(schedulers, port: nil) == Remains() })
            let next = try await WebSocketServer.listen(port: port, options: options, handler: ServerHarness.echo)
            await next.forceClose()
        }
    }
}

private struct Oops: Error {}

extension WebSocket {
    /// Receives until the connection is closed, and says with which code it was.
    fileprivate func codeOfTheEnd() async -> CloseCode? {
        while (try? await recv()) != nil {}
        return closeCode
    }
}
