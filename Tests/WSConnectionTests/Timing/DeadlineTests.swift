import HansomTesting
import Testing
import WSConnection

/// Idle, write, message and send deadlines of a connection, at their exact moments.
@Suite(.timeLimit(.minutes(5))) struct DeadlineTests {
    private let instant = Duration.nanoseconds(1)

    // MARK: Idle

    @Test(arguments: [true, false])
    func `nothing for so long ends the connection, with 1001 to the peer (W14)`(isServer: Bool) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: isServer, Timing(idleTimeout: .seconds(120)))
            let receiving = bench.task { await failure { try await ws.recv() } }
            await bench.pass(.seconds(100))
            try await peer.send(Wire.ping("alive", masked: isServer))
            try await expectReceived(.pong("alive"), by: peer)
            await bench.pass(.seconds(120) - instant)
            #expect(ws.state == .open)
            await bench.pass(instant)
            let error = await receiving.value
            #expect(error?.code == .connectionLost)
            #expect(error?.phase == .idle)
            #expect(error?.close == .init(code: .goingAway, reason: "idle timeout"))
            try await expectReceived(.close(1001, "idle timeout"), by: peer)
            #expect(ws.state == .closing)
            await peer.close()
            await bench.settle()
            #expect(ws.state == .closed)
        }
    }

    @Test func `a peer that is gone is cut at the close deadline after that (W8, W14)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(Timing(idleTimeout: .seconds(120)))
            await bench.pass(.seconds(120))
            #expect(ws.state == .closing)
            await bench.pass(.seconds(10) - instant)
            #expect(ws.state == .closing)
            await bench.pass(instant)
            #expect(ws.state == .closed)
            #expect(ws.closeReason == "idle timeout")
            await peer.close()
        }
    }

    @Test func `what we send does not count as the peer's life (W14)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(Timing(idleTimeout: .seconds(120)))
            for _ in 0..<12 {
                #expect(ws.state == .open)
                try await ws.send(.text("news"))
                await bench.pass(.seconds(10))
            }
            #expect(ws.closeReason == "idle timeout")
            await peer.close()
        }
    }

    @Test func `the idle timeout changes at run time, and counts from the last byte (W14)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(Timing())
            #expect(await ws.idleTimeout == nil)
            await bench.pass(.seconds(50))
            await ws.setIdleTimeout(.seconds(60))
            #expect(await ws.idleTimeout == .seconds(60))
            await bench.pass(.seconds(10) - instant)
            #expect(ws.state == .open)
            await ws.setIdleTimeout(.seconds(600))
            await bench.pass(.seconds(100))
            #expect(ws.state == .open)
            await ws.setIdleTimeout(nil)
            await bench.pass(.seconds(10_000))
            #expect(ws.state == .open)
            await ws.setIdleTimeout(.seconds(60))
            await bench.pass(.zero)
            #expect(ws.state == .closing)
            await peer.close()
        }
    }

    // MARK: Writing

    @Test(arguments: [true, false])
    func `a peer that takes nothing for so long is cut, not before (W14, T29)`(isServer: Bool) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(
                isServer: isServer, Timing(writeTimeout: .seconds(30)), capacity: 100)
            try await ws.send(.binary(Array(repeating: 0, count: 100_000)))
            await bench.settle()
            let waiting = bench.task { await failure { try await ws.send(.text("never")) } }
            await bench.pass(.seconds(30) - instant)
            #expect(ws.state == .open)
            await bench.pass(instant)
            #expect(ws.state == .closed)
            let error = await waiting.value
            #expect(error?.code == .connectionLost)
            #expect(error?.phase == .write)
            #expect(error?.close == .init(code: .abnormal, reason: "write timeout"))
            await peer.close()
        }
    }

    @Test func `a slow peer is not cut while it takes something (W14)`() async throws {
        try await Bench.run { bench in
            let keepalive = Timing(pingInterval: .seconds(20), pingTimeout: .seconds(20), writeTimeout: .seconds(30))
            let (ws, peer) = await bench.connect(keepalive, capacity: 100)
            try await ws.send(.binary(Array(repeating: 0, count: 1000)))
            await bench.settle()
            for _ in 0..<9 {
                await bench.pass(.seconds(29))
                #expect(ws.state == .open)
                #expect(try await peer.receive(100).count == 100)
                await bench.settle()
            }
            await bench.pass(.seconds(29))
            #expect(ws.state == .open)
            #expect(try await peer.receive(104).count == 104)
            await bench.settle()
            // All is taken: from now on it is the keepalive that asks.
            try await expectPing(by: peer)
            await bench.pass(.seconds(20))
            #expect(ws.closeReason == "keepalive timeout")
        }
    }

    @Test func `one send may wait shorter than the others, and then has sent nothing (W7, W14)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(Timing(), capacity: 100)
            try await ws.send(.binary(Array(repeating: 0, count: 100_000)))
            let patient = bench.task { try await ws.send(.text("patient")) }
            await bench.settle()
            let hasty = bench.task {
                await failure { try await ws.send(.text("never"), options: .init(timeout: .seconds(3))) }
            }
            await bench.settle()
            await bench.pass(.seconds(3) - instant)
            #expect(await bench.alarmCount() == 1)
            await bench.pass(instant)
            let error = await hasty.value
            #expect(error?.code == .timeout)
            #expect(error?.phase == .write)
            #expect(await bench.alarmCount() == 0)
            #expect(try await peer.frame()?.payload.count == 100_000)
            try await expectReceived(.text("patient"), by: peer)
            _ = try await patient.value
            #expect(try await ws.send(.text("in time"), options: .init(timeout: .seconds(3))) == 7)
            try await expectReceived(.text("in time"), by: peer)
        }
    }

    // MARK: Messages

    @Test(arguments: [true, false])
    func `a message that is not complete in time ends the connection with 1008 (W10, W14)`(
        isServer: Bool
    ) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: isServer, Timing(messageTimeout: .seconds(5)))
            let receiving = bench.task { await failure { try await ws.recv() } }
            await bench.pass(.seconds(500))
            let frame = Wire.text("dribbled", masked: isServer)
            try await peer.send(Array(frame.prefix(8)))
            await bench.pass(.seconds(4))
            try await peer.send([frame[8]])
            await bench.pass(.seconds(1) - instant)
            #expect(ws.state == .open)
            await bench.pass(instant)
            let error = await receiving.value
            #expect(error?.code == .protocolViolation)
            #expect(error?.phase == .message)
            try await expectReceived(.close(1008, "message timeout"), by: peer)
            await peer.close()
        }
    }

    @Test func `fragments do not put it off, the next message has its own time (W14)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(Timing(messageTimeout: .seconds(5)))
            for index in 0..<3 {
                try await peer.send(Wire.text("\(index)", isFinal: false))
                await bench.pass(.seconds(4))
                // The end of one and the beginning of the next in one read.
                try await peer.send(together: Wire.more("!", isFinal: true), Wire.text("x", isFinal: false))
                #expect(try await ws.recv() == .text("\(index)!"))
                await bench.pass(.seconds(4))
                try await peer.send(together: Wire.ping("amid"), Wire.more("y", isFinal: true))
                #expect(try await ws.recv() == .text("xy"))
                await bench.pass(.seconds(100))
            }
            try await peer.send(Wire.text("a", isFinal: false))
            for _ in 0..<4 {
                await bench.pass(.seconds(1))
                try await peer.send(Wire.more("b", isFinal: false))
            }
            await bench.settle()
            #expect(ws.state == .open)
            await bench.pass(.seconds(1))
            #expect(ws.closeCode == .policyViolation)
            await peer.close()
        }
    }

    @Test func `while we do not read, a message is not late (W5, W14)`() async throws {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            limits.inboundMessages = 1
            let (ws, peer) = await bench.connect(Timing(messageTimeout: .seconds(5)), limits: limits)
            try await peer.send(together: Wire.text("1"), Wire.text("2"), Wire.text("3", isFinal: false))
            await bench.pass(.seconds(1000))
            #expect(try await ws.recv() == .text("1"))
            #expect(try await ws.recv() == .text("2"))
            await bench.settle()
            await bench.pass(.seconds(4))
            #expect(ws.state == .open)
            try await peer.send(Wire.more("!", isFinal: true))
            #expect(try await ws.recv() == .text("3!"))
        }
    }
}
