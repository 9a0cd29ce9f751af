import Actors
import HansomTesting
import SocketTesting
import Testing
import WSClient
import WSServer

/// How connections of a server end, alone and all together, and that nothing is left of them.
@Suite(.serialized, .timeLimit(.minutes(1))) struct LifeTests {
    struct Oops: Error {}

    // MARK: What the handler's end means

    /// How the server closes when its handler does that.
    private func close(_ handler: @escaping WebSocket.Handler) async throws -> RawSocket.Close? {
        try await ServerHarness.with(handler: handler) { harness in
            let socket = try await harness.rawUpgraded()
            let close = try await socket.receiveClose()
            try await socket.send(Frames.close(UInt16(close?.code ?? 1000), isMasked: true))
            #expect(await socket.end() == .endOfStream)
            await socket.close()
            #expect(await harness.isIdleAgain())
            #expect(harness.server.connectionCount == 0)
            return close
        }
    }

    @Test func `closes with 1000 when the handler returns (W8)`() async throws {
        #expect(try await close { _ in } == .init(1000))
    }

    @Test func `closes with 1011 when the handler throws, and tells nothing of the error (W8) (W10)`() async throws {
        #expect(try await close { _ in throw Oops() } == .init(1011))
    }

    @Test func `closes with 1001 when the handler is cancelled (W8)`() async throws {
        #expect(
            try await close { ws in
                ws.pid.exit(.shutdown)
                _ = try await ws.recv()
            } == .init(1001))
    }

    @Test func `closes as the handler says when it closes itself (W8)`() async throws {
        #expect(
            try await close { ws in try await ws.close(code: .init(rawValue: 4002), reason: "mine") }
                == .init(4002, "mine"))
    }

    @Test func `closes with 1011 when the synchronous handler throws (W21)`() async throws {
        try await withSchedulers(time: ManualTime()) { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            let server = try await WebSocketServer.listen(
                port: 0, options: options,
                onMessage: { ws, message in
                    if message == .text("fail") { throw Oops() }
                    ws.trySend(message)
                })
            let socket = try await RawSocket.connect(to: server.address)
            try await socket.send(
                Array(Handshakes.request().utf8) + Frames.maskedText("one") + Frames.maskedText("fail"))
            _ = try await socket.receiveHead()
            #expect(try await socket.receiveFrame()?.payload == Array("one".utf8))
            #expect(try await socket.receiveClose() == .init(1011))
            await server.forceClose()
        }
    }

    @Test func `shows messages where they lie, wherever it listens and whatever route leads there (W21)`() async throws
    {
        let handler: WebSocket.MessageViewHandler = { ws, message in
            if case .binary = message { throw Oops() }
            ws.trySend(message)
        }
        var routes = Routes()
        routes.webSocket("/", onMessageView: handler)
        var upgrading = Routes()
        upgrading.get("/") { _ in .upgrade(onMessageView: handler) }
        let path = "/tmp/hansom-\(UInt32.random(in: 0 ... .max)).sock"
        for way in 0..<5 {
            try await withSchedulers(time: ManualTime()) { [routes, upgrading] schedulers in
                var options = ServerOptions()
                options.schedulers = schedulers
                let server =
                    switch way {
                    case 0: try await WebSocketServer.listen(port: 0, options: options, onMessageView: handler)
                    case 1:
                        try await WebSocketServer.listen(unixPath: path, options: options, onMessageView: handler)
                    case 2:
                        try await WebSocketServer.listen(
                            on: [.tcp(port: 0)], options: options, onMessageView: handler)
                    case 3: try await WebSocketServer.listen(port: 0, options: options, routes: routes)
                    default: try await WebSocketServer.listen(port: 0, options: options, routes: upgrading)
                    }
                let socket = try await RawSocket.connect(to: server.address)
                try await socket.send(
                    Array(Handshakes.request().utf8) + Frames.maskedText("one") + Frames.maskedText("two")
                        + [0x82, 0x80, 0, 0, 0, 0])
                _ = try await socket.receiveHead()
                #expect(try await socket.receiveFrame()?.payload == Array("one".utf8))
                #expect(try await socket.receiveFrame()?.payload == Array("two".utf8))
                #expect(try await socket.receiveClose() == .init(1011))
                await server.forceClose()
            }
        }
    }

    @Test func `touches no other connection when one crashes (S2)`() async throws {
        let handler: WebSocket.Handler = { ws in
            for try await message in ws {
                if message == .text("crash") { throw Oops() }
                try await ws.send(message)
            }
        }
        try await ServerHarness.with(count: 2, handler: handler) { harness in
            var others: [RawSocket] = []
            for _ in 0..<8 { others.append(try await harness.rawUpgraded()) }
            for _ in 0..<20 {
                let victim = try await harness.rawUpgraded()
                try await victim.send(Frames.maskedText("crash"))
                #expect(try await victim.receiveClose() == .init(1011))
                await victim.close()
            }
            for (index, other) in others.enumerated() {
                try await other.send(Frames.maskedText("still here \(index)"))
                #expect(try await other.receiveFrame()?.payload == Array("still here \(index)".utf8))
            }
            #expect(await eventually { harness.server.connectionCount == 8 })
        }
    }

    @Test func `owns what a handler connects to, and ends it with the connection (W12a)`() async throws {
        let upstream = Handover<RawSocket.Close?>()
        try await withScriptedServer { socket in
            try await socket.send(Handshakes.response(to: try await socket.receiveHead()))
            upstream.give(try await socket.answerClose())
        } _: { url in
            try await ServerHarness.with(handler: { ws in
                let other = try await WebSocket.connect(to: url, options: .init(connectTimeout: nil))
                try await ws.send(.text("connected"))
                while (try? await ws.recv()) != nil {}
                // Kept beyond the end of the connection, by a task that nobody ends.
                Task { _ = try await other.recv() }
            }) { harness in
                let socket = try await harness.rawUpgraded()
                #expect(try await socket.receiveFrame()?.payload == Array("connected".utf8))
                await socket.close()
                #expect(await upstream.take() == .init(1001))
            }
        }
    }

    // MARK: Limits

    @Test func `accepts no more than the limit, and goes on when one leaves (S3)`() async throws {
        var options = ServerOptions()
        options.maxConnections = 2
        let time = ManualTime()
        try await ServerHarness.with(options, count: 2, time: time) { harness in
            let first = try await harness.rawUpgraded()
            let second = try await harness.rawUpgraded()
            #expect(await eventually { harness.server.connectionCount == 2 })
            let third = try await harness.raw()
            try await third.send(Handshakes.request())
            await turns(of: harness.schedulers)
            // It waits in the kernel's backlog: two accepted sockets, and no handshake.
            #expect(harness.server.handshakeCount == 0)
            // No handshake is left that could make room, so nobody looks for one any more.
            time.advance(by: .milliseconds(100))
            await turns(of: harness.schedulers)
            let remains = await harness.remains
            #expect(
                (remains.processes, remains.alarms, remains.sockets) == (harness.processes + 2, 2, 1 + 2 + 3),
                "\(remains)")
            // Who found no room watches no more; another may not have been asked.
            #expect((2...3).contains(remains.watches))
            await first.close()
            #expect(try await third.receiveHead().hasPrefix("HTTP/1.1 101 "))
            try await second.send(Frames.maskedText("unhurt"))
            #expect(try await second.receiveFrame()?.payload == Array("unhurt".utf8))
        }
    }

    @Test func `never has more than the limit, however fast they come and go (S3)`() async throws {
        var options = ServerOptions()
        options.maxConnections = 4
        let highest = Highest()
        try await ServerHarness.with(
            options, count: 2,
            handler: { ws in
                await highest.begin()
                _ = try? await ws.send(.text("in"))
                _ = try? await ws.recv()
                await highest.end()
            }
        ) { harness in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<60 {
                    group.addTask {
                        let socket = try await harness.rawUpgraded()
                        _ = try await socket.receiveFrame()
                        await socket.close()
                    }
                }
                try await group.waitForAll()
            }
            #expect(await harness.isIdleAgain())
            #expect(await highest.highest <= 4)
            #expect(await highest.total == 60)
        }
    }

    private actor Highest {
        private var now = 0
        private(set) var highest = 0
        private(set) var total = 0

        func begin() {
            now += 1
            total += 1
            highest = max(highest, now)
        }

        func end() { now -= 1 }
    }

    // MARK: Shutdown

    @Test func `tells every peer 1001 and waits for the handlers (S9)`() async throws {
        let finish = Handover<Bool>()
        let handler: WebSocket.Handler = { ws in
            for try await _ in ws {}
            // Still at work when the peer is gone.
            _ = await finish.take()
        }
        try await ServerHarness.with(count: 2, handler: handler) { harness in
            var sockets: [RawSocket] = []
            for _ in 0..<6 { sockets.append(try await harness.rawUpgraded()) }
            let shakingHands = try await harness.raw()
            try await shakingHands.send("GET / HT")
            // An alarm for each: six connections and a handshake.
            #expect(await eventually { await Remains.count(harness.schedulers).alarms == 6 + 1 })
            let ended = Handover<Bool>()
            let ending = Task {
                await harness.server.shutdown(within: .seconds(30))
                ended.give()
            }
            for socket in sockets {
                #expect(try await socket.receiveClose() == .init(1001))
                try await socket.send(Frames.close(1001, isMasked: true))
                #expect(await socket.end() == .endOfStream)
            }
            // A handshake under way is dropped.
            _ = await shakingHands.end()
            let late = await failure { _ = try await harness.client() }
            #expect(late?.code == .refused)
            #expect(harness.server.connectionCount == 6)
            finish.give()
            await ending.value
            #expect(harness.server.connectionCount == 0)
            await shakingHands.close()
            #expect(await eventually { await Remains.count(harness.schedulers) == Remains() })
        }
    }

    @Test func `forces at the deadline what does not end (S9)`() async throws {
        let time = ManualTime()
        let cancelled = Handover<Bool>()
        let handler: WebSocket.Handler = { ws in
            // Heeds its cancellation, but not the close.
            await withTaskCancellationHandler {
                _ = await cancelled.take()
            } onCancel: {
                cancelled.give()
            }
        }
        try await ServerHarness.with(time: time, handler: handler) { harness in
            let socket = try await harness.rawUpgraded()
            let ending = Task { await harness.server.shutdown(within: .seconds(5)) }
            #expect(try await socket.receiveClose() == .init(1001))
            time.advance(by: .milliseconds(4999))
            await turns(of: harness.schedulers)
            #expect(harness.server.connectionCount == 1)
            time.advance(by: .milliseconds(1))
            await ending.value
            _ = await cancelled.take()
            _ = await socket.end()
            await socket.close()
            #expect(harness.server.connectionCount == 0)
            #expect(await eventually { await harness.remains == Remains() })
        }
    }

    @Test func `drops everyone at once when it is forced (S9)`() async throws {
        try await ServerHarness.with(count: 2) { harness in
            var sockets: [RawSocket] = []
            for _ in 0..<5 { sockets.append(try await harness.rawUpgraded()) }
            await harness.server.forceClose()
            for socket in sockets {
                // What can be said at once is said.
                #expect(try await socket.receiveClose() == .init(1001))
                _ = await socket.end()
                await socket.close()
            }
            #expect(harness.server.connectionCount == 0)
            #expect(await eventually { await harness.remains == Remains() })
        }
    }

    @Test func `leaves no socket of a connection that was asked to exit and then forced (S9) (W20)`() async throws {
        try await ServerHarness.with(handler: { ws in
            try await ws.send(.text("in"))
            ws.pid.exit(.shutdown)
            await withCheckedContinuation { Stuck.keep($0) }
        }) { harness in
            let socket = try await harness.rawUpgraded()
            #expect(try await socket.receiveFrame()?.payload == Array("in".utf8))
            #expect(try await socket.receiveClose() == .init(1001))
            await harness.server.forceClose()
            #expect(await socket.end() == .endOfStream)
            await socket.close()
            #expect(await eventually { await harness.remains == Remains() })
            Stuck.release()
        }
    }

    // MARK: Leaks

    enum Way: CaseIterable, Sendable {
        case ourClose, theirClose, end, reset, handlerThrows, cancelled, killed, refused, ownerDied
    }

    @Test(arguments: Way.allCases)
    func `leaves nothing of connections that end in any way (W20)`(way: Way) async throws {
        let handler: WebSocket.Handler = { ws in
            switch way {
            case .ourClose: try await ws.close(code: .init(rawValue: 4000))
            case .handlerThrows: throw Oops()
            case .cancelled:
                ws.pid.exit(.shutdown)
                _ = try await ws.recv()
            case .killed:
                ws.pid.exit(.kill)
                _ = try await ws.recv()
            default: for try await message in ws { try await ws.send(message) }
            }
        }
        try await withSchedulers { clients in
            try await ServerHarness.with(count: 2, handler: handler) { harness in
                for _ in 0..<12 {
                    try await withThrowingTaskGroup(of: Void.self) { group in
                        for _ in 0..<10 { group.addTask { try await self.connectAndEnd(way, harness, clients) } }
                        try await group.waitForAll()
                    }
                }
                #expect(await harness.isIdleAgain())
                #expect(harness.server.connectionCount == 0)
                #expect(await eventually { await Remains.count(clients) == Remains() })
            }
        }
    }

    private func connectAndEnd(_ way: Way, _ harness: ServerHarness, _ clients: SchedulerGroup) async throws {
        let options = ConnectOptions(connectTimeout: nil, scheduler: clients.schedulers[0])
        switch way {
        case .refused:
            expectRefusal(try await harness.answer(to: "NO\r\n\r\n"), 400)
        case .theirClose:
            let ws = try await harness.client(options)
            try await ws.send(.text("bye"))
            #expect(try await ws.recv() == .text("bye"))
            try await ws.close()
        case .ownerDied:
            let url = harness.url
            let owner = Process<Int>.spawn(on: clients.schedulers[0]) { _ in
                let ws = try await WebSocket.connect(to: url, options: options)
                try await ws.send(.text("bye"))
            }
            _ = try await owner.down()
        case .end, .reset:
            let socket = try await harness.rawUpgraded()
            if way == .reset { await socket.reset() } else { await socket.close() }
        case .ourClose, .handlerThrows, .cancelled, .killed:
            let ws = try await harness.client(options)
            let error = await failure { _ = try await ws.recv() }
            #expect(error != nil)
            try await ws.close()
        }
    }
}

/// A continuation that a handler is stuck in until a test lets go of it.
private enum Stuck {
    private static let lock = Lock()
    private nonisolated(unsafe) static var kept: [CheckedContinuation<Void, Never>] = []

    static func keep(_ continuation: CheckedContinuation<Void, Never>) {
        lock.withLock { unsafe kept.append(continuation) }
    }

    static func release() {
        let all = lock.withLock { () -> [CheckedContinuation<Void, Never>] in
            defer { unsafe kept = [] }
            return unsafe kept
        }
        for continuation in all { continuation.resume() }
    }
}
