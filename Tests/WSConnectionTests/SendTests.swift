import HansomTesting
import Testing
import WSConnection

@Suite(.timeLimit(.minutes(5))) struct SendTests {
    private struct Broken: Error {}

    @Test(arguments: [0, 1, 125, 126, 127, 8191, 8192, 65535, 65536, 200_000])
    func `send returns the payload's bytes, and the peer gets them (W7)`(count: Int) async throws {
        try await Bench.run { bench in
            for isServer in [true, false] {
                let (ws, peer) = await bench.connect(isServer: isServer)
                let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
                let sending = bench.task { try await ws.send(.binary(bytes)) }
                try await expectReceived(.binary(bytes), by: peer)
                #expect(try await sending.value == count)
                #expect(try await ws.send(.text("é")) == 2)
                try await expectReceived(.text("é"), by: peer)
            }
        }
    }

    @Test func `texts, parts of texts and slices of bytes are sent as they are (W7)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (text, bytes) = ("one two", [1, 2, 3, 4] as [UInt8])
            #expect(try await ws.send(text) == 7)
            #expect(try await ws.send("three") == 5)
            #expect(try await ws.send("\(text.count) four") == 6)
            #expect(try await ws.send(text.dropFirst(4)) == 3)
            #expect(try await ws.send("six", options: SendOptions(timeout: .seconds(1))) == 3)
            let outcomes = await [ws.trySend("seven"), ws.trySend(text)]
            #expect(outcomes == [.sent, .sent])
            #expect(try await ws.send(.binary(bytes[1...])) == 3)
            #expect(try await ws.send(["eight", .binary(bytes[..<1])]) == 6)
            #expect(try await ws.send(fragments: text.split(separator: " ")) == 6)
            #expect(try await ws.send(fragments: [bytes[..<2], bytes[2...]]) == 4)
            #expect(try await ws.send(fragments: [[1], [2, 3]]) == 3)
            let texts = ["one two", "three", "7 four", "two", "six", "seven", "one two"]
            for text in texts { try await expectReceived(.text(text), by: peer) }
            try await expectReceived(.binary([2, 3, 4]), by: peer)
            try await expectReceived(.text("eight"), by: peer)
            try await expectReceived(.binary([1]), by: peer)
            for sum in [6, 4, 3] {
                var total = 0
                while total < sum { total += try #require(await peer.frame()).payload.count }
                #expect(total == sum)
            }
        }
    }

    @Test func `a close code is a number (W8)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await ws.beginClose(code: 4001)
            let frame = try #require(await peer.frame())
            #expect(frame.payload == [0x0F, 0xA1])
        }
    }

    @Test func `a batch leaves in order (W16)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            #expect(try await ws.send([.text("a"), .binary([1, 2]), .text("ccc")]) == 6)
            try await expectReceived(.text("a"), by: peer)
            try await expectReceived(.binary([1, 2]), by: peer)
            try await expectReceived(.text("ccc"), by: peer)
        }
    }

    @Test func `many senders at once keep their own order and never interleave (W16)`() async throws {
        try await Bench.run(schedulers: 2) { bench in
            let (ws, peer) = await bench.connect(isServer: false, capacity: 2048)
            let (senders, each) = (8, 40)
            await withTaskGroup { group in
                for sender in 0..<senders {
                    group.addTask {
                        for index in 0..<each {
                            let filling = String(repeating: "x", count: (sender * 7 + index) * 97 % 1000)
                            _ = try? await ws.send(.text("\(sender) \(index) \(filling)"))
                        }
                    }
                }
                var next = Array(repeating: 0, count: senders)
                for _ in 0..<(senders * each) {
                    guard let words = try? await peer.frame()?.words.split(separator: " "),
                        let sender = Int(words[0]), let index = Int(words[1])
                    else {
                        Issue.record("a frame is broken")
                        return
                    }
                    #expect(next[sender] == index)
                    next[sender] = index + 1
                }
            }
        }
    }

    // MARK: High and low water

    @Test func `past the high water send waits, until the low water; trySend says full (W15, W21)`() async throws {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            (limits.outboundHighWater, limits.outboundLowWater) = (10_000, 2_000)
            let (ws, peer) = await bench.connect(limits: limits, capacity: 1000)
            #expect(await ws.trySend(.binary(Array(repeating: 1, count: 12_000))) == .sent)
            await bench.settle()
            #expect(await ws.bufferedBytes == 12_004 - 1000)
            #expect(await ws.trySend(.text("x")) == .full)
            let done = Notes<Int>()
            let senders = (0..<3).map { index in
                bench.task {
                    try await ws.send(.text("\(index)"))
                    await done.add(index)
                }
            }
            await bench.settle()
            _ = try await peer.receive(9_000)
            await bench.settle()
            #expect(await ws.bufferedBytes > 2_000 - 1_000)
            #expect(try await peer.receive(3_004).count == 3_004)
            for index in 0..<3 { try await expectReceived(.text("\(index)"), by: peer) }
            for sender in senders { try await sender.value }
            #expect(await done.all == [0, 1, 2])
            #expect(await ws.bufferedBytes == 0)
        }
    }

    @Test func `a cancelled sender that waits sends nothing, and those behind it go on (W16)`() async throws {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            (limits.outboundHighWater, limits.outboundLowWater) = (100, 50)
            let (ws, peer) = await bench.connect(limits: limits, capacity: 100)
            try await ws.send(.binary(Array(repeating: 0, count: 500)))
            let cancelled = bench.task { await failure { try await ws.send(.text("never")) } }
            let other = bench.task { try await ws.send(.text("after")) }
            await bench.settle()
            cancelled.cancel()
            #expect(await cancelled.value?.code == .cancelled)
            let late = bench.task {
                cancelThisTask()
                return await failure { try await ws.send(.text("never")) }
            }
            #expect(await late.value?.code == .cancelled)
            try await expectReceived(.binary(Array(repeating: 0, count: 500)), by: peer)
            try await expectReceived(.text("after"), by: peer)
            _ = try await other.value
            try await ws.send(.text("last"))
            try await expectReceived(.text("last"), by: peer)
        }
    }

    @Test func `senders that wait are told when the connection closes or is lost (W8, W11)`() async throws {
        try await Bench.run { bench in
            for isClosed in [true, false] {
                let (ws, peer) = await bench.connect(capacity: 100)
                try await ws.send(.binary(Array(repeating: 0, count: 100_000)))
                let waiting = bench.task { await failure { try await ws.send(.text("never")) } }
                await bench.settle()
                if isClosed {
                    let closing = bench.task { try await ws.close() }
                    #expect(await waiting.value?.code == .closed)
                    await bench.pass(.seconds(10))
                    try await closing.value
                } else {
                    await peer.reset()
                    let code = await waiting.value?.code
                    #expect(code == .connectionLost || code == .closed)
                }
            }
        }
    }

    // MARK: Fragments

    @Test func `fragments are sent one frame each, text and bytes; an empty sequence is an empty text (W7)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            #expect(try await ws.send(fragments: ["one", "two", "é"]) == 8)
            try await expectReceived(.text("one", isFinal: false), by: peer)
            try await expectReceived(.more("two", isFinal: false), by: peer)
            try await expectReceived(.more("é", isFinal: true), by: peer)
            #expect(try await ws.send(fragments: [[1, 2], [3]] as [[UInt8]]) == 3)
            try await expectReceived(.binary([1, 2], isFinal: false), by: peer)
            try await expectReceived(.init(opcode: 0, payload: [3]), by: peer)
            #expect(try await ws.send(fragments: [] as [String]) == 0)
            try await expectReceived(.text(""), by: peer)
            #expect(try await ws.send(fragments: [] as [[UInt8]]) == 0)
            try await expectReceived(.text(""), by: peer)
            #expect(try await ws.send(fragments: ["alone"]) == 5)
            try await expectReceived(.text("alone"), by: peer)
        }
    }

    @Test func `an asynchronous sequence is sent as it comes, and others wait for its end, but for pings (W7, W16)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (parts, source) = AsyncStream.makeStream(of: String.self)
            let sending = bench.task { try await ws.send(fragments: parts) }
            source.yield("a")
            source.yield("b")
            try await expectReceived(.text("a", isFinal: false), by: peer)
            let other = bench.task { try await ws.send(.text("other")) }
            let another = bench.task { try await ws.send(fragments: ["another"]) }
            await bench.settle()
            #expect(await ws.trySend(.text("full")) == .full)
            try await ws.sendPing([0x70])
            try await expectReceived(.ping("p"), by: peer)
            source.yield("c")
            source.finish()
            try await expectReceived(.more("b", isFinal: false), by: peer)
            try await expectReceived(.more("c", isFinal: true), by: peer)
            #expect(try await sending.value == 3)
            try await expectReceived(.text("other"), by: peer)
            try await expectReceived(.text("another"), by: peer)
            _ = try await (other.value, another.value)
            let (bytes, byteSource) = AsyncStream.makeStream(of: [UInt8].self)
            byteSource.yield([1])
            byteSource.finish()
            #expect(try await ws.send(fragments: bytes) == 1)
            try await expectReceived(.binary([1]), by: peer)
            let (none, noSource) = AsyncStream.makeStream(of: [UInt8].self)
            noSource.finish()
            #expect(try await ws.send(fragments: none) == 0)
            try await expectReceived(.text(""), by: peer)
        }
    }

    @Test func `a sequence that throws closes with 1011 once a part of its message is out (W7)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (parts, source) = AsyncThrowingStream.makeStream(of: String.self)
            source.yield("a")
            source.yield("b")
            source.finish(throwing: Broken())
            await #expect(throws: Broken.self) { try await ws.send(fragments: parts) }
            try await expectReceived(.text("a", isFinal: false), by: peer)
            #expect(try await peer.frame()?.closeCode == 1011)
        }
    }

    @Test func `a sequence that throws before anything is out hurts nobody (W7)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let (parts, source) = AsyncThrowingStream.makeStream(of: String.self)
            source.yield("a")
            source.finish(throwing: Broken())
            await #expect(throws: Broken.self) { try await ws.send(fragments: parts) }
            try await ws.send(.text("unhurt"))
            try await expectReceived(.text("unhurt"), by: peer)
        }
    }

    @Test(arguments: [false, true])
    func `a sender of fragments that is cancelled amid its message closes with 1011 (W7, W16)`(isAsync: Bool)
        async throws
    {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            (limits.outboundHighWater, limits.outboundLowWater) = (100, 50)
            let (ws, peer) = await bench.connect(limits: limits, capacity: 100)
            let parts = ["begun", String(repeating: "x", count: 400), "never"]
            let sending = bench.task {
                if !isAsync { return await failure { try await ws.send(fragments: parts) } }
                let (stream, source) = AsyncStream.makeStream(of: String.self)
                for part in parts { source.yield(part) }
                source.finish()
                return await failure { try await ws.send(fragments: stream) }
            }
            await bench.settle()
            let waiting = bench.task { await failure { try await ws.send(.text("never")) } }
            await bench.settle()
            sending.cancel()
            #expect(await sending.value?.code == .cancelled)
            #expect(await waiting.value?.code == .closed)
            try await expectReceived(.text("begun", isFinal: false), by: peer)
            try await expectReceived(.more(parts[1], isFinal: false), by: peer)
            #expect(try await peer.frame()?.closeCode == 1011)
        }
    }

    // MARK: Pings

    @Test func `ping measures the time to its pong (W6, W18)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            #expect(await ws.latency == nil)
            let pinging = bench.task { try await ws.ping(Array("mine".utf8)) }
            try await expectReceived(.ping("mine"), by: peer)
            await bench.pass(.milliseconds(40))
            try await peer.send(together: Wire.pong("not mine"), Wire.pong("mine"))
            #expect(try await pinging.value == .milliseconds(40))
            #expect(await ws.latency == .milliseconds(40))
        }
    }

    @Test func `pings that wait have payloads of their own; the pong to the newest answers all before it (W6)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let pings = (0..<3).map { _ in bench.task { try await ws.ping() } }
            var payloads: [[UInt8]] = []
            for _ in 0..<3 { payloads.append(try await peer.frame()?.payload ?? []) }
            #expect(Set(payloads).count == 3)
            try await peer.send(Wire.frame(10, payloads[2]))
            for ping in pings { #expect(try await ping.value == .zero) }
        }
    }

    @Test func `a ping may be cancelled, and none is longer than 125 bytes (W6)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let pinging = bench.task { await failure { try await ws.ping([1]) } }
            try await expectReceived(.init(opcode: 9, payload: [1]), by: peer)
            pinging.cancel()
            #expect(await pinging.value?.code == .cancelled)
            let cancelled = bench.task {
                cancelThisTask()
                return await failure { try await ws.ping([2]) }
            }
            #expect(await cancelled.value?.code == .cancelled)
            let long = [UInt8](repeating: 0, count: 126)
            #expect(await failure { try await ws.ping(long) }?.code == .misuse)
            #expect(await failure { try await ws.sendPing(long) }?.code == .misuse)
            #expect(await failure { try await ws.sendPong(long) }?.code == .misuse)
            try await ws.sendPong([9])
            try await expectReceived(.init(opcode: 10, payload: [9]), by: peer)
        }
    }

    @Test func `a ping may wait for so long and no longer, and its late pong is nobody's (W6)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let pinging = bench.task { await failure { try await ws.ping([1], timeout: .seconds(3)) } }
            try await expectReceived(.init(opcode: 9, payload: [1]), by: peer)
            await bench.pass(.seconds(3) - .nanoseconds(1))
            #expect(await ws.pendingPings == 1)
            await bench.pass(.nanoseconds(1))
            let error = await pinging.value
            #expect(error?.code == .timeout)
            #expect(error?.message == "no pong came within 3.0 seconds")
            #expect(ws.state == .open)
            // The late pong is no frame of the application's, and measures nothing for anybody else.
            let next = bench.task { try await ws.recvFrame() }
            try await peer.send(together: Wire.frame(10, [1]), Wire.text("next"))
            #expect(try await next.value == .text("next"))
            #expect(await ws.pendingPings == 0)

            let answered = bench.task { try await ws.ping([2], timeout: .seconds(3)) }
            try await expectReceived(.init(opcode: 9, payload: [2]), by: peer)
            await bench.pass(.seconds(1))
            try await peer.send(Wire.frame(10, [2]))
            #expect(try await answered.value == .seconds(1))
            #expect(await bench.alarmCount() == 0)
        }
    }

    @Test
    func `a ping with a timeout is told of the connection's end, of its task's too, and leaves no timer (W6, W20)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let cancelled = bench.task { await failure { try await ws.ping([1], timeout: .seconds(3)) } }
            try await expectReceived(.init(opcode: 9, payload: [1]), by: peer)
            cancelled.cancel()
            #expect(await cancelled.value?.code == .cancelled)
            await bench.settle()
            #expect(await bench.alarmCount() == 0)
            let ended = bench.task { await failure { try await ws.ping([2], timeout: .seconds(3)) } }
            try await expectReceived(.init(opcode: 9, payload: [2]), by: peer)
            await peer.close()
            #expect(await ended.value?.code == .connectionLost)
            #expect(await bench.alarmCount() == 0)
        }
    }

    @Test func `pings are answered at once in every mode, also amid a fragmented message (W5)`() async throws {
        try await Bench.run { bench in
            for mode in [nil, .off, .once, .on] as [WebSocket.ActiveMode?] {
                let (ws, peer) = await bench.connect()
                let events = mode == nil ? nil : try await ws.events(active: mode)
                try await peer.send(Wire.ping("1"))
                try await expectReceived(.pong("1"), by: peer)
                try await peer.send(together: Wire.text("a", isFinal: false), Wire.ping("2"))
                try await expectReceived(.pong("2"), by: peer)
                try await peer.send(Wire.more("b", isFinal: true))
                await bench.settle()
                if mode == nil { #expect(try await ws.recv() == .text("ab")) }
                withExtendedLifetime(events) {}
            }
        }
    }

    @Test func `pings are answered until the inbound queue is full, then nothing is read (W5, W15)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            for index in 0..<15 { try await peer.send(Wire.text("\(index)")) }
            try await peer.send(Wire.ping("still"))
            try await expectReceived(.pong("still"), by: peer)
            try await peer.send(together: Wire.text("15"), Wire.ping("unread"))
            await bench.settle()
            #expect(await ws.counters.framesSent == 1)
            for index in 0..<16 { #expect(try await ws.recv() == .text("\(index)")) }
            try await expectReceived(.pong("unread"), by: peer)
        }
    }

    @Test func `a flood of pings from a peer that never reads costs bounded memory (W5, T25)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(capacity: 4096)
            let payload = String(repeating: "p", count: 120)
            let flood = Array(repeating: Wire.ping(payload), count: 100).joined()
            for _ in 0..<50 {
                try await peer.send(Array(flood))
                #expect(await ws.bufferedBytes <= 4096 + 2 * 125)
            }
            try await peer.send(Wire.ping("newest"))
            await bench.settle()
            var newest: Wire.Frame?
            while let frame = try await peer.frame() {
                newest = frame
                if frame == .pong("newest") { break }
            }
            #expect(newest == .pong("newest"))
            // Only the newest 16 wait to be received.
            for _ in 0..<15 { #expect(try await ws.recvFrame() == .ping(Array(payload.utf8))) }
            #expect(try await ws.recvFrame() == .ping(Array("newest".utf8)))
            #expect(await failure { try await ws.recvFrame(timeout: .zero) }?.code == .timeout)
        }
    }

    // MARK: Limits of what waits

    @Test func `at most 16 messages wait, or so many bytes; recv takes up reading again (W15)`() async throws {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            (limits.messageSize, limits.inboundBytes) = (5_000, 6_000)
            for size in [10, 2_000, 5_000] {
                let (ws, peer) = await bench.connect(limits: limits)
                let bytes = [UInt8](repeating: 5, count: size)
                let sending = bench.task { for _ in 0..<40 { try await peer.send(Wire.binary(bytes)) } }
                await bench.settle()
                #expect(await ws.counters.framesReceived == (size == 10 ? 16 : size == 2_000 ? 3 : 2))
                for _ in 0..<40 { #expect(try await ws.recv() == .binary(bytes)) }
                try await sending.value
            }
        }
    }

    @Test func `a message of the largest size fits, however small the queue (W15)`() async throws {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            (limits.messageSize, limits.inboundBytes, limits.inboundMessages) = (200_000, 1, 1)
            let (ws, peer) = await bench.connect(limits: limits)
            let bytes = [UInt8](repeating: 5, count: 200_000)
            let sending = bench.task { for _ in 0..<2 { try await peer.send(Wire.binary(bytes)) } }
            for _ in 0..<2 { #expect(try await ws.recv() == .binary(bytes)) }
            try await sending.value
        }
    }

    @Test func `a hundred thousand messages keep their order, with few in memory (T26)`() async throws {
        try await Bench.run { bench in
            let pair = await bench.pair()
            let count = 100_000
            let sending = bench.task {
                for index in 0..<count {
                    try await pair.client.send(
                        .binary([UInt8(index & 0xFF), UInt8(index >> 8 & 0xFF), UInt8(index >> 16)]))
                }
            }
            for index in 0..<count {
                guard case .binary(let bytes) = try await pair.server.recv(), bytes.count == 3,
                    Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16 == index
                else {
                    Issue.record("out of order at \(index)")
                    return
                }
            }
            try await sending.value
            #expect(await pair.server.counters.framesReceived == UInt64(count))
        }
    }
}
