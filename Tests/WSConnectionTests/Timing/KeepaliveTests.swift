import HansomTesting
import Testing

@testable import WSConnection

@Suite(.timeLimit(.minutes(5))) struct KeepaliveTests {
    private let keepalive = Timing(pingInterval: .seconds(20), pingTimeout: .seconds(20))

    private func lateByOne(_ bench: Bench) async { await bench.pass(.nanoseconds(1)) }

    @Test(arguments: [true, false])
    func `a ping goes out each interval, not before, and its pong measures the latency (W13, W18)`(
        isServer: Bool
    ) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: isServer, keepalive)
            for _ in 0..<3 {
                let before = await ws.counters.framesSent
                await bench.pass(.seconds(20) - .nanoseconds(1))
                #expect(await ws.counters.framesSent == before)
                await lateByOne(bench)
                let payload = try await expectPing(by: peer)
                try await peer.send(Wire.frame(10, payload, masked: isServer))
                await bench.settle()
            }
            #expect(await ws.latency == .zero)
            await bench.pass(.seconds(20))
            let payload = try await expectPing(by: peer)
            await bench.pass(.milliseconds(70))
            try await peer.send(Wire.frame(10, payload, masked: isServer))
            await bench.settle()
            #expect(await ws.latency == .milliseconds(70))
            #expect(ws.state == .open)
        }
    }

    @Test(arguments: [true, false])
    func `a silent peer is lost at the timeout, not before: 1006, keepalive timeout (W13, T29)`(
        isServer: Bool
    ) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: isServer, keepalive)
            let receiving = bench.task { await failure { try await ws.recv() } }
            await bench.pass(.seconds(20))
            try await expectPing(by: peer)
            await bench.pass(.seconds(20) - .nanoseconds(1))
            #expect(ws.state == .open)
            await lateByOne(bench)
            #expect(ws.state == .closed)
            let error = await receiving.value
            #expect(error?.code == .connectionLost)
            #expect(error?.phase == .keepalive)
            #expect(error?.close == .init(code: .abnormal, reason: "keepalive timeout"))
            #expect(ws.closeCode == .abnormal)
            #expect(ws.closeReason == "keepalive timeout")
            await expectEnd(of: peer)
        }
    }

    @Test func `anything that arrives counts as life: data, a ping, a part of a large message (W13)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(keepalive)
            await bench.pass(.seconds(20))
            try await expectPing(by: peer)
            for piece in [Wire.text("data"), Wire.ping("x"), Wire.header(2, 1000), [1], [2]] {
                await bench.pass(.seconds(20) - .nanoseconds(1))
                try await peer.send(piece)
                await bench.settle()
                await lateByOne(bench)
                #expect(ws.state == .open)
            }
        }
    }

    @Test func `its pongs are not told to the application, others are (W5, W13)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(keepalive)
            await bench.pass(.seconds(20))
            let payload = try await expectPing(by: peer)
            try await peer.send(together: Wire.frame(10, payload), Wire.pong("other"), Wire.text("end"))
            #expect(try await ws.recvFrame() == .pong(Array("other".utf8)))
            #expect(try await ws.recvFrame() == .text("end"))
        }
    }

    @Test(arguments: [(1, 6), (1, 3), (2, 3), (3, 3), (6, 1)], [true, false])
    func `pings go out each interval however long their pong may take (W13)`(
        times: (interval: Int, timeout: Int), isServer: Bool
    ) async throws {
        try await Bench.run { bench in
            let timing = Timing(pingInterval: .seconds(times.interval), pingTimeout: .seconds(times.timeout))
            let (ws, peer) = await bench.connect(isServer: isServer, timing)
            for second in 1...12 {
                await bench.pass(.seconds(1))
                guard second % times.interval == 0 else { continue }
                let payload = try await expectPing(by: peer)
                try await peer.send(Wire.frame(10, payload, masked: isServer))
                await bench.settle()
                #expect(await ws.counters.framesSent == UInt64(second / times.interval))
            }
            #expect(ws.state == .open)
        }
    }

    @Test func `a pong that comes behind the next ping tells the latency too (W13, W18)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(Timing(pingInterval: .seconds(1), pingTimeout: .seconds(10)))
            await bench.pass(.seconds(1))
            let first = try await expectPing(by: peer)
            await bench.pass(.milliseconds(1500))
            try await expectPing(by: peer)
            try await peer.send(together: Wire.frame(10, first), Wire.text("end"))
            #expect(try await ws.recvFrame() == .text("end"))
            #expect(await ws.latency == .milliseconds(1500))
        }
    }

    @Test func `its pings carry printable ASCII, each of its own (W13)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(Timing(pingInterval: .milliseconds(1)))
            var seen: Set<[UInt8]> = []
            for _ in 0..<300 {
                await bench.pass(.milliseconds(1))
                let payload = try await expectPing(by: peer)
                #expect(payload.allSatisfy { (0x20...0x7E).contains($0) })
                #expect(payload.count <= 125)
                seen.insert(payload)
            }
            #expect(seen.count == 300)
            #expect(ws.state == .open)
        }
        for age in [0, 1, 9, 10, 0xFFFF_FFFF, 0xFFFF_FFFF_FFFF] as [UInt64] {
            #expect(KeepalivePayload.age(in: KeepalivePayload.bytes(age)) == age)
        }
        for other in ["", "keepalive ", "keepalive 00000000000g", "keepalive 00000000000A", "Keepalive 000000000000"] {
            #expect(KeepalivePayload.age(in: Array(other.utf8)) == nil)
        }
    }

    @Test func `a ping of the program that carries the same words gets its pong (W6, W13)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(keepalive)
            let words = KeepalivePayload.bytes(0)
            let pinging = bench.task { try await ws.ping(words) }
            #expect(try await expectPing(by: peer) == words)
            try await peer.send(Wire.frame(10, words))
            #expect(try await pinging.value == .zero)
        }
    }

    @Test func `while we do not read, nobody is lost; then the peer has its time again (W5, W13)`() async throws {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            limits.inboundMessages = 1
            let (ws, peer) = await bench.connect(keepalive, limits: limits)
            for index in 0..<3 { try await peer.send(Wire.text("\(index)")) }
            await bench.settle()
            for _ in 0..<10 { await bench.pass(.seconds(30)) }
            #expect(ws.state == .open)
            for index in 0..<3 { #expect(try await ws.recv() == .text("\(index)")) }
            await bench.settle()
            try await expectPing(by: peer)
            await bench.pass(.seconds(20) - .nanoseconds(1))
            #expect(ws.state == .open)
            await lateByOne(bench)
            #expect(ws.closeReason == "keepalive timeout")
        }
    }

    @Test func `what waits unread when the time is over counts, as after a thread was busy (W13)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(keepalive)
            await bench.pass(.seconds(20))
            try await expectPing(by: peer)
            // Written and over the time before the connection's thread has looked again.
            try await peer.send(Wire.pong("late for no fault of its own"))
            bench.time.advance(by: .seconds(20))
            await bench.settle()
            #expect(ws.state == .open)
        }
    }

    @Test func `off means off (W13)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(Timing())
            await bench.pass(.seconds(1_000_000))
            #expect(await bench.alarmCount() == 0)
            #expect(await ws.counters.framesSent == 0)
            let (never, other) = await bench.connect(Timing(pingInterval: .seconds(20)))
            for _ in 0..<5 {
                await bench.pass(.seconds(20))
                try await expectPing(by: other)
            }
            #expect(never.state == .open && ws.state == .open)
            await peer.close()
            await other.close()
        }
    }

    @Test func `one alarm a connection, which messages do not move (W13, W14)`() async throws {
        try await Bench.run { bench in
            let timing = Timing(
                pingInterval: .seconds(20), pingTimeout: .seconds(20), idleTimeout: .seconds(120),
                writeTimeout: .seconds(30), messageTimeout: .seconds(60))
            let (ws, peer) = await bench.connect(timing)
            #expect(await bench.alarmCount() == 1)
            for index in 0..<50 {
                try await peer.send(together: Wire.text("\(index)"), Wire.text("begun", isFinal: false))
                #expect(try await ws.recv() == .text("\(index)"))
                #expect(await bench.alarmCount() == 1)
                try await peer.send(Wire.more("ended", isFinal: true))
                #expect(try await ws.recv() == .text("begunended"))
                await bench.pass(.milliseconds(100))
            }
            let closing = bench.task { try await ws.close() }
            await bench.settle()
            #expect(await bench.alarmCount() == 1)
            await bench.pass(.seconds(10))
            try await closing.value
            #expect(await bench.alarmCount() == 0)
        }
    }

    @Test func `two of ours keep each other for hours (W13, W14)`() async throws {
        try await Bench.run { bench in
            let options = ConnectionOptions(
                timing: Timing(
                    pingInterval: .seconds(20), pingTimeout: .seconds(20), idleTimeout: .seconds(120),
                    writeTimeout: .seconds(30)))
            let pair = await WebSocketPair.connect(on: bench.group, client: options, server: options)
            for _ in 0..<1000 { await bench.pass(.seconds(10)) }
            #expect(pair.client.state == .open && pair.server.state == .open)
            #expect(await pair.client.latency != nil)
            try await pair.client.close()
        }
    }
}
