import HansomTesting
import Testing
import WSConnection

/// Who waits to send goes on in order of arrival; and the ways to send one message.
@Suite(.timeLimit(.minutes(5))) struct SendOrderTests {
    private func limits(high: Int = 100, low: Int = 50) -> WebSocket.Limits {
        var limits = WebSocket.Limits()
        (limits.outboundHighWater, limits.outboundLowWater) = (high, low)
        return limits
    }

    private func bytes(_ count: Int, _ byte: Int = 0) -> [UInt8] { Array(repeating: UInt8(byte), count: count) }

    @Test func `those who wait go on strictly in order of arrival, however much each sends (W16)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(limits: limits(), capacity: 64)
            try await ws.send(.binary(bytes(500)))
            var senders: [Task<Int, any Error>] = []
            for index in 1...30 {
                senders.append(bench.task { try await ws.send(.binary(bytes(index * 37 % 150, index))) })
                await bench.settle()
            }
            #expect(try await peer.frame()?.payload.count == 500)
            for index in 1...30 {
                // Whoever comes now stands behind all of them.
                if index == 10 {
                    senders.append(bench.task { try await ws.send(.text("last")) })
                    await bench.settle()
                    #expect(await ws.trySend(.text("before its turn")) == .full)
                }
                try await expectReceived(.binary(bytes(index * 37 % 150, index)), by: peer)
            }
            try await expectReceived(.text("last"), by: peer)
            for sender in senders { _ = try await sender.value }
        }
    }

    @Test
    func `nothing comes between the messages of a batch that waits, nor is a part of it sent when cancelled (W16)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(limits: limits(), capacity: 64)
            try await ws.send(.binary(bytes(500)))
            let batch = (0..<10).map { WebSocket.Message.binary(bytes(90, $0)) }
            let before = bench.task { try await ws.send(.text("before")) }
            await bench.settle()
            let sending = bench.task { try await ws.send(batch) }
            await bench.settle()
            let cancelled = bench.task { await failure { try await ws.send(batch) } }
            await bench.settle()
            let after = bench.task { try await ws.send(.text("after")) }
            await bench.settle()
            cancelled.cancel()
            #expect(await cancelled.value?.code == .cancelled)
            #expect(try await peer.frame()?.payload.count == 500)
            try await expectReceived(.text("before"), by: peer)
            for index in 0..<10 { try await expectReceived(.binary(bytes(90, index)), by: peer) }
            try await expectReceived(.text("after"), by: peer)
            #expect(try await sending.value == 900)
            _ = try await (before.value, after.value)
        }
    }

    @Test func `a fragmented message that has begun goes before those who wait (W7, W16)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(limits: limits(), capacity: 64)
            let parts = (0..<5).map { bytes(200, $0) }
            let fragmented = bench.task { try await ws.send(fragments: parts) }
            await bench.settle()
            let other = bench.task { try await ws.send(.text("other")) }
            let second = bench.task { try await ws.send(fragments: ["x", "y"]) }
            await bench.settle()
            for index in 0..<5 {
                let frame = try await peer.frame()
                #expect(frame == .init(opcode: index == 0 ? 2 : 0, payload: parts[index], isFinal: index == 4))
            }
            try await expectReceived(.text("other"), by: peer)
            try await expectReceived(.text("x", isFinal: false), by: peer)
            try await expectReceived(.more("y", isFinal: true), by: peer)
            _ = try await (fragmented.value, other.value, second.value)
        }
    }

    @Test func `a sequence is gone through as the peer takes it, not before (W7)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(limits: limits(), capacity: 64)
            let made = Probe(of: Int.self)
            let sending = bench.task {
                try await ws.send(
                    fragments: (0..<50).lazy.map { index in
                        made.record(index)
                        return Array(repeating: UInt8(index), count: 100)
                    })
            }
            await bench.settle()
            #expect(made.count < 6)
            for index in 0..<50 {
                let frame = try await peer.frame()
                #expect(frame?.payload == bytes(100, index))
            }
            let sent = try await sending.value
            #expect(sent == 5000)
        }
    }

    @Test(arguments: [4, 5, 7, 100])
    func `a message may be sent in frames of a size, text cut between characters (W7)`(size: Int) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let text = "aé漢😀z漢😀é"
            #expect(try await ws.send(.text(text), options: .init(frameSize: size)) == text.utf8.count)
            var (gathered, isFinal, isFirst) = ("", false, true)
            while !isFinal {
                let frame = try await peer.frame()
                let part = try #require(String(validating: frame?.payload ?? [], as: UTF8.self))
                #expect(part.utf8.count <= size)
                #expect(frame?.opcode == (isFirst ? 1 : 0))
                gathered += part
                isFinal = frame?.isFinal ?? true
                isFirst = false
            }
            #expect(gathered == text)
            let data = (0..<10).map { UInt8($0) }
            #expect(try await ws.send(.binary(data), options: .init(frameSize: size)) == 10)
            var received: [UInt8] = []
            repeat {
                let frame = try await peer.frame()
                received += frame?.payload ?? []
                isFinal = frame?.isFinal ?? true
            } while !isFinal
            #expect(received == data)
            #expect(try await ws.send(.text(""), options: .init(frameSize: size)) == 0)
            try await expectReceived(.text(""), by: peer)
            #expect(await failure { try await ws.send(.text("x"), options: .init(frameSize: 3)) }?.code == .misuse)
        }
    }

    @Test func `a synchronous handler may begin the close, and hears of no more (W8, W21)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let seen = Probe(of: WebSocket.Message.self)
            await ws.setMessageHandler { ws, message in
                seen.record(message)
                #expect(throws: WebSocketError.self) { try ws.beginClose(code: .init(rawValue: 999)) }
                #expect(throws: WebSocketError.self) { try ws.beginClose(reason: String(repeating: "x", count: 124)) }
                #expect(ws.state == .open)
                try ws.beginClose(code: .init(rawValue: 4000), reason: "enough")
                try ws.beginClose()
                #expect(ws.trySend(.text("late")) == .closed)
            }
            try await peer.send(together: Wire.text("1"), Wire.text("2"), Wire.ping("3"))
            try await expectReceived(.close(4000, "enough"), by: peer)
            await bench.settle()
            #expect(seen.values == [.text("1")])
            try await peer.send(together: Wire.text("4"), Wire.close(4000))
            await expectEnd(of: peer)
            #expect(ws.closeCode?.rawValue == 4000)
            #expect(seen.count == 1)
        }
    }
}
