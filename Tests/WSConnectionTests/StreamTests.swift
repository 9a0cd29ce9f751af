import Actors
import HansomTesting
import Testing
import WSConnection

/// Receiving a message piece by piece.
@Suite(.timeLimit(.minutes(2))) struct StreamTests {
    private func joined(_ stream: MessageStream) async throws -> [UInt8] {
        var all: [UInt8] = []
        for try await piece in stream {
            guard case .binary(let bytes) = piece else { throw NotBinary() }
            all += bytes
        }
        return all
    }

    private struct NotBinary: Error {}

    @Test func `a message far beyond the queue's bytes comes in pieces, whole and in order, and only it (W7)`()
        async throws
    {
        var limits = WebSocket.Limits()
        limits.messageSize = 8 << 20
        limits.inboundBytes = 64 << 10
        let bytes = (0..<2 << 20).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try await Bench.run { [limits] bench in
            let pair = await WebSocketPair.connect(on: bench.group, serverLimits: limits)
            let stream = try await pair.server.recvStream()
            let sending = bench.task {
                _ = try? await pair.client.send(.binary(bytes))
                _ = try? await pair.client.send(.text("after"))
            }
            var (total, pieces, largest) = (0, 0, 0)
            var isSame = true
            for try await piece in stream {
                guard case .binary(let part) = piece else { throw NotBinary() }
                isSame = isSame && part.elementsEqual(bytes[total..<total + part.count])
                (total, pieces, largest) = (total + part.count, pieces + 1, max(largest, part.count))
            }
            #expect(isSame && total == bytes.count)
            #expect(pieces > 16 && largest <= 64 << 10)
            #expect(try await pair.server.recv() == .text("after"))
            await sending.value
            try await pair.client.close()
        }
    }

    @Test func `text is cut between characters only, across fragments too (W7, W19)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let stream = try await ws.recvStream()
            let text = Array("zähes Öl — 😀!".utf8)
            for (index, byte) in text.enumerated() {
                try await peer.send(Wire.frame(index == 0 ? 1 : 0, [byte], isFinal: index == text.count - 1))
            }
            var all = ""
            for try await piece in stream {
                guard case .text(let part) = piece else { throw NotBinary() }
                all += part
            }
            #expect(all == "zähes Öl — 😀!")
            await peer.close()
        }
    }

    @Test func `a message that has arrived already comes as one piece (W7, W24)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(Wire.binary([1, 2, 3]) + Wire.binary([4]))
            await bench.settle()
            #expect(try await joined(ws.recvStream()) == [1, 2, 3])
            #expect(try await joined(ws.recvStream()) == [4])
            await peer.close()
        }
    }

    @Test func `a stream that is dropped takes the rest of its message with it, and nothing else (W7)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            do {
                var pieces = try await ws.recvStream().makeAsyncIterator()
                try await peer.send(Wire.frame(2, [1], isFinal: false))
                #expect(try await pieces.next() == .binary([1]))
            }
            await bench.settle()
            let next = try await ws.recvStream()
            try await peer.send(Wire.frame(0, [2], isFinal: true) + Wire.binary([3]) + Wire.binary([4]))
            #expect(try await joined(next) == [3])
            #expect(try await ws.recv() == .binary([4]))
            await peer.close()
        }
    }

    @Test func `one reader at a time, in passive mode, and the end is thrown (W7, W11)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let stream = try await ws.recvStream()
            await #expect(throws: WebSocketError.self) { _ = try await ws.recvStream() }
            try await peer.send(Wire.frame(2, [1], isFinal: false))
            var pieces = stream.makeAsyncIterator()
            #expect(try await pieces.next() == .binary([1]))
            try await peer.send(Wire.close(1001))
            await #expect { _ = try await pieces.next() } throws: { ($0 as? WebSocketError)?.close?.code == .goingAway }
            await peer.close()
        }
    }

    @Test func `a cancelled reader hears so, and the next goes on where it stopped (W1, W7)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let stream = try await ws.recvStream()
            let reading = bench.task { () -> WebSocketError.Code? in
                var pieces = stream.makeAsyncIterator()
                do { _ = try await pieces.next() } catch { return (error as? WebSocketError)?.code }
                return nil
            }
            await bench.settle()
            reading.cancel()
            #expect(await reading.value == .cancelled)
            try await peer.send(Wire.binary([7]))
            #expect(try await joined(stream) == [7])
            await peer.close()
        }
    }

    // MARK: One stream after the other

    /// Receives `count` messages, each as a stream of its own, with nothing between one and the next.
    private static func readAll(_ ws: WebSocket, _ count: Int) async throws -> [[UInt8]] {
        var messages: [[UInt8]] = []
        for _ in 0..<count {
            var all: [UInt8] = []
            for try await piece in try await ws.recvStream() {
                guard case .binary(let bytes) = piece else { throw NotBinary() }
                all += bytes
            }
            messages.append(all)
        }
        return messages
    }

    /// Sends `count` messages, each when the one before has been taken.
    private func sendAll(_ count: Int, _ peer: RawPeer, masked: Bool = true, _ bench: Bench) async throws {
        await bench.settle()
        for index in 0..<count {
            try await peer.send(Wire.binary([UInt8(index)], masked: masked))
            await bench.settle()
        }
    }

    @Test(arguments: [true, false])
    func `stream after stream reaches a handler, however soon the next is asked for (W7)`(isServer: Bool) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: isServer)
            let notes = Notes<[[UInt8]]>()
            await ws.start { ws in await notes.add(try await StreamTests.readAll(ws, 20)) }
            try await sendAll(20, peer, masked: isServer, bench)
            await bench.until("a stream hangs") { await !notes.all.isEmpty }
            #expect(await notes.all.first == (0..<20).map { [UInt8($0)] })
            await peer.close()
        }
    }

    @Test(arguments: [1, 2])
    func `stream after stream reaches a process, on the connection's scheduler or another (W7)`(schedulers: Int)
        async throws
    {
        try await Bench.run(schedulers: schedulers) { bench in
            let (ws, peer) = await bench.connect()
            let notes = Notes<[[UInt8]]>()
            let process = Process<Int>.spawn(on: bench.group.schedulers[schedulers - 1]) { _ in
                await notes.add(try await StreamTests.readAll(ws, 20))
            }
            try await sendAll(20, peer, bench)
            await bench.until("a stream hangs") { await !notes.all.isEmpty }
            #expect(await notes.all.first == (0..<20).map { [UInt8($0)] })
            process.exit(.kill)
            await peer.close()
        }
    }

    @Test func `who breaks off in the middle of a message can ask for the next at once (W7)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let notes = Notes<[UInt8?]>()
            await ws.start { ws in
                var firsts: [UInt8?] = []
                for _ in 0..<5 {
                    var pieces = try ws.recvStream().makeAsyncIterator()
                    guard case .binary(let bytes)? = try await pieces.next(isolation: ws) else { throw NotBinary() }
                    firsts.append(bytes.first)
                }
                await notes.add(firsts)
            }
            await bench.settle()
            for index in 0..<5 {
                try await peer.send(Wire.frame(2, [UInt8(index)], isFinal: false))
                await bench.settle()
                try await peer.send(Wire.frame(0, [99], isFinal: true))
                await bench.settle()
            }
            await bench.until("a stream hangs") { await !notes.all.isEmpty }
            #expect(await notes.all.first == (0..<5).map { UInt8($0) })
            await peer.close()
        }
    }
}
