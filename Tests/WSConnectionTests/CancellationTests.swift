import HansomTesting
import Testing
import WSConnection

/// Cancellation wherever a call on an established connection can wait: it ends the call, and leaves nothing.
@Suite(.timeLimit(.minutes(5))) struct CancellationTests {
    /// Each place where a call waits.
    enum AwaitPoint: String, CaseIterable, Sendable {
        case recv, recvWithTimeout, recvFrame, iteration, recvStream, recvStreamMidMessage
        case send, sendBatch, sendWithTimeout, sendFragmentsToBegin, sendFragmentsForRoom
        case sendAsyncForRoom, sendAsyncForSource
        case ping, close, closeAsHandlerWould, nextEvent, nextOfStream, nextOfMailbox

        /// Whether it waits for room, and so needs a full output.
        var needsFullOutput: Bool {
            switch self {
            case .send, .sendBatch, .sendWithTimeout, .sendFragmentsToBegin: true
            default: false
            }
        }

        /// Whether cancelling it ends the connection: a close is cut short, a message cannot be finished.
        var endsConnection: Bool {
            switch self {
            case .close, .closeAsHandlerWould, .sendFragmentsForRoom, .sendAsyncForRoom, .sendAsyncForSource: true
            default: false
            }
        }
    }

    private static let timing = Timing(
        pingInterval: .seconds(20), pingTimeout: .seconds(20), idleTimeout: .seconds(120), writeTimeout: .seconds(30),
        messageTimeout: .seconds(60))

    private static var limits: WebSocket.Limits {
        var limits = WebSocket.Limits()
        (limits.outboundHighWater, limits.outboundLowWater) = (100, 50)
        return limits
    }

    /// Waits at `point`, until the task is cancelled.
    private static func wait(at point: AwaitPoint, _ ws: WebSocket) async throws {
        let large = [UInt8](repeating: 0, count: 400)
        switch point {
        case .recv: _ = try await ws.recv()
        case .recvWithTimeout: _ = try await ws.recv(timeout: .seconds(1000))
        case .recvFrame: _ = try await ws.recvFrame()
        case .iteration: for try await _ in ws {}
        case .recvStream, .recvStreamMidMessage: for try await _ in try await ws.recvStream() {}
        case .send: try await ws.send(.text("never"))
        case .sendBatch: try await ws.send([.text("never"), .text("ever")])
        case .sendWithTimeout: try await ws.send(.text("never"), options: .init(timeout: .seconds(1000)))
        case .sendFragmentsToBegin: try await ws.send(fragments: ["never"])
        case .sendFragmentsForRoom: try await ws.send(fragments: [large, large, large])
        case .sendAsyncForRoom:
            try await ws.send(
                fragments: AsyncStream { source in
                    for _ in 0..<3 { source.yield(large) }
                    source.finish()
                })
        case .sendAsyncForSource:
            // Two parts, of which one is out, and then none for ever.
            let (parts, source) = AsyncStream.makeStream(of: String.self)
            for part in ["one", "two"] { source.yield(part) }
            try await ws.send(fragments: parts)
        case .ping: try await ws.ping()
        case .close: try await ws.close()
        case .closeAsHandlerWould: try await ws.close(code: .init(rawValue: 4000), reason: "quick")
        case .nextEvent: for await _ in try await ws.events(active: .on) {}
        case .nextOfStream: for await _ in try await ws.subscribe(active: .on) {}
        case .nextOfMailbox:
            let mailbox = EventMailbox()
            try await ws.subscribe(mailbox, active: .on)
            while await mailbox.next() != nil {}
        }
    }

    private func connect(_ point: AwaitPoint, _ isServer: Bool, _ bench: Bench) async throws -> (WebSocket, RawPeer) {
        let (ws, peer) = await bench.connect(
            isServer: isServer, CancellationTests.timing, limits: CancellationTests.limits, capacity: 64)
        if point.needsFullOutput { try await ws.send(.binary(Array(repeating: 0, count: 500))) }
        await bench.settle()
        return (ws, peer)
    }

    /// Lets the call go as far as it can.
    private func letWait(_ point: AwaitPoint, _ peer: RawPeer, _ isServer: Bool, _ bench: Bench) async throws {
        await bench.settle()
        if point == .recvStreamMidMessage {
            try await peer.send(Wire.text("begun", isFinal: false, masked: isServer))
            await bench.settle()
        }
    }

    @Test(arguments: AwaitPoint.allCases, [true, false])
    func `a call that is cancelled while it waits ends at once, and leaves nothing (W1, W2, W6, W7, W8, W20)`(
        point: AwaitPoint, isServer: Bool
    ) async throws {
        var left: WeakReference<WebSocket>?
        try await Bench.run { bench in
            let (ws, peer) = try await connect(point, isServer, bench)
            left = WeakReference(ws)
            let hasReturned = Probe(of: Bool.self)
            let waiting = bench.task {
                _ = try? await CancellationTests.wait(at: point, ws)
                hasReturned.record(true)
            }
            try await letWait(point, peer, isServer, bench)
            #expect(hasReturned.count == 0, "\(point) does not wait")
            waiting.cancel()
            await bench.settle()
            #expect(hasReturned.count == 1, "\(point) goes on waiting")
            #expect(ws.isClosed == point.endsConnection)
            if !point.endsConnection { try await expectUnhurt(ws, peer, point, isServer, bench) }
            await peer.close()
            await bench.settle()
            #expect(ws.state == .closed)
            #expect(await bench.alarmCount() == 0)
            #expect(await bench.watchCount() == 0)
            #expect(await bench.group.processCount() == 0)
        }
        #expect(left?.object == nil, "\(point) holds the connection")
    }

    /// Nothing is lost, and what was to be sent is not.
    private func expectUnhurt(
        _ ws: WebSocket, _ peer: RawPeer, _ point: AwaitPoint, _ isServer: Bool, _ bench: Bench
    ) async throws {
        // One alarm: its deadlines. That of the call is gone.
        #expect(await bench.alarmCount() == 1)
        if point == .recvStreamMidMessage { try await peer.send(Wire.more("", isFinal: true, masked: isServer)) }
        try await peer.send(Wire.text("kept", masked: isServer))
        #expect(try await ws.recv() == .text("kept"))
        if point == .ping { #expect(try await peer.frame()?.opcode == 9) }
        if point.needsFullOutput { #expect(try await peer.frame()?.payload.count == 500) }
        try await ws.send(.text("next"))
        try await expectReceived(.text("next"), by: peer)
    }

    @Test(arguments: AwaitPoint.allCases)
    func `an exit signal ends a handler wherever it waits, and leaves nothing (W12, W20)`(
        point: AwaitPoint
    ) async throws {
        try await Bench.run { bench in
            let (ws, peer) = try await connect(point, true, bench)
            let hasReturned = Probe(of: Bool.self)
            await ws.start { ws in
                defer { hasReturned.record(true) }
                try await CancellationTests.wait(at: point, ws)
            }
            try await letWait(point, peer, true, bench)
            #expect(hasReturned.count == 0, "\(point) does not wait")
            ws.pid.exit(.shutdown)
            // A continuation of a handler takes its way over another thread.
            await bench.until("\(point) goes on waiting") { hasReturned.count == 1 }
            await peer.close()
            await bench.until("\(point) leaves a process") { await bench.group.processCount() == 0 }
            #expect(await bench.alarmCount() == 0)
        }
    }
}
