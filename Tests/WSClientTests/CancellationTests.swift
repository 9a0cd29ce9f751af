import Actors
import SocketTesting
import Testing
import WSClient

/// Calls on an established connection, cancelled while they wait: over real sockets, of which none may be left. (All
/// the places where a call can wait are walked in memory, by the tests of the connection.)
@Suite(.serialized, .timeLimit(.minutes(1))) struct CancellationTests {
    enum AwaitPoint: String, CaseIterable, Sendable { case recv, recvFrame, recvStream, events, ping, send, close }

    private static func wait(at point: AwaitPoint, _ ws: WebSocket) async throws {
        switch point {
        case .recv: _ = try await ws.recv(timeout: .seconds(1000))
        case .recvFrame: _ = try await ws.recvFrame()
        case .recvStream: for try await _ in try await ws.recvStream() {}
        case .events: for await _ in try await ws.events(active: .on) {}
        case .ping: try await ws.ping()
        // More than any socket's buffers hold; then there is no room.
        case .send: for _ in 0..<100 { try await ws.send(.binary(Array(repeating: 0, count: 1 << 20))) }
        case .close: try await ws.close()
        }
    }

    @Test(arguments: AwaitPoint.allCases)
    func `leaves no socket, alarm or process when a call is cancelled and the connection let go (W12, W20)`(
        point: AwaitPoint
    ) async throws {
        try await withSchedulers { schedulers in
            let isOver = Handover<Bool>()
            try await withScriptedServer { socket in
                try await socket.send(Handshakes.response(to: try await socket.receiveHead()))
                _ = await isOver.take()
                await socket.close()
            } _: { url in
                var options = ConnectOptions.patient
                options.scheduler = schedulers.schedulers[0]
                options.limits.outboundHighWater = 64 << 10
                let port = url.split(separator: ":").last.flatMap { Int($0) }
                try await cancel(at: point, url, options, schedulers)
                isOver.give()
                // What is left is the listener.
                #expect(await eventually { await Remains.count(schedulers, port: port) == Remains(sockets: 1) })
            }
        }
    }

    private func cancel(
        at point: AwaitPoint, _ url: String, _ options: ConnectOptions, _ schedulers: SchedulerGroup
    ) async throws {
        let ws = try await WebSocket.connect(to: url, options: options)
        let returned = Handover<Bool>()
        let waiting = Task {
            _ = try? await CancellationTests.wait(at: point, ws)
            returned.give()
        }
        await turns(of: schedulers)
        waiting.cancel()
        _ = await returned.take()
        #expect(ws.isClosed == (point == .close))
    }
}
