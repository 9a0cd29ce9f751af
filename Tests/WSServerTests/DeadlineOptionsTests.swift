import Actors
import HansomTesting
import SocketTesting
import Testing
import WSClient
import WSServer

/// The deadlines that a server's options and a client's ask for, over real sockets, on a clock that stands still.
@Suite(.serialized, .timeLimit(.minutes(1))) struct DeadlineOptionsTests {
    private func onlyIdle(_ timeout: Duration?) -> ServerOptions {
        var options = ServerOptions()
        options.pingInterval = nil
        options.idleTimeout = timeout
        return options
    }

    @Test func `the defaults are those that are documented (W13, W14)`() {
        let server = ServerOptions()
        #expect(server.pingInterval == .seconds(20) && server.pingTimeout == .seconds(20))
        #expect(server.idleTimeout == .seconds(120) && server.writeTimeout == .seconds(30))
        #expect(server.messageTimeout == nil)
        let client = ConnectOptions()
        #expect(client.pingInterval == .seconds(20) && client.pingTimeout == .seconds(20))
        #expect(client.idleTimeout == nil && client.writeTimeout == .seconds(30))
        #expect(client.messageTimeout == nil)
    }

    @Test func `a time of nothing is refused before anything is done (C2, S1)`() async throws {
        var options = ServerOptions()
        options.pingInterval = .zero
        let unusable = options
        let refused = await failure {
            _ = try await WebSocketServer.listen(port: 0, options: unusable, handler: { _ in })
        }
        #expect(refused?.code == .invalidConfiguration)
        var connect = ConnectOptions()
        connect.writeTimeout = .zero
        let bad = connect
        #expect(
            await failure { _ = try await WebSocket.connect(to: "ws://[::1]:1/", options: bad) }?.code
                == .invalidConfiguration)
    }

    @Test func `a server pings, and drops who does not answer (W13, T29)`() async throws {
        let time = ManualTime()
        try await ServerHarness.with(time: time) { harness in
            let socket = try await harness.rawUpgraded()
            // The answer may be here before the connection has begun there.
            #expect(await eventually { harness.server.connectionCount == 1 })
            time.advance(by: .seconds(20))
            #expect(try await socket.receiveFrame()?.opcode == 9)
            time.advance(by: .seconds(20))
            _ = await socket.end()
            await socket.close()
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `peers that announce the largest message and send none of it are ended by the idle timeout (W14, T7)`()
        async throws
    {
        let time = ManualTime()
        try await ServerHarness.with(onlyIdle(.seconds(120)), time: time) { harness in
            var sockets: [RawSocket] = []
            for _ in 0..<50 {
                let socket = try await harness.rawUpgraded()
                try await socket.send([0x82, 0xFF, 0, 0, 0, 0, 0, 0x10, 0, 0, 1, 2, 3, 4])
                sockets.append(socket)
            }
            #expect(await eventually { harness.server.connectionCount == 50 })
            await turns(of: harness.schedulers)
            time.advance(by: .seconds(120))
            for socket in sockets {
                #expect(try await socket.receiveClose() == .init(1001, "idle timeout"))
                await socket.close()
            }
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `a client pings, and gives up a server that vanished (W13, T29)`() async throws {
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            try await withScriptedServer { socket in
                try await socket.send(Handshakes.response(to: try await socket.receiveHead()))
                #expect(try await socket.receiveFrame()?.opcode == 9)
                time.advance(by: .seconds(20))
                _ = await socket.end()
            } _: { url in
                var options = ConnectOptions(connectTimeout: nil)
                options.scheduler = schedulers.schedulers[0]
                let ws = try await WebSocket.connect(to: url, options: options)
                time.advance(by: .seconds(20))
                let error = await failure { _ = try await ws.recv() }
                #expect(error?.code == .connectionLost)
                #expect(error?.close?.reason == "keepalive timeout")
            }
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    @Test func `a client's write ends when the server takes nothing (W14, T29)`() async throws {
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            let isOver = Handover<Bool>()
            try await withScriptedServer { socket in
                try await socket.send(Handshakes.response(to: try await socket.receiveHead()))
                _ = await isOver.take()
                await socket.close()
            } _: { url in
                var options = ConnectOptions(connectTimeout: nil)
                options.scheduler = schedulers.schedulers[0]
                let ws = try await WebSocket.connect(to: url, options: options)
                // More than any socket's buffers hold.
                try await ws.send(.binary(Array(repeating: 0, count: 64 << 20)))
                await turns(of: schedulers)
                for _ in 0..<1000 where !ws.isClosed {
                    time.advance(by: .seconds(5))
                    await turns(of: schedulers)
                }
                #expect(ws.closeReason == "write timeout")
                isOver.give()
            }
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }
}
