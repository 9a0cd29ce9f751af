import Actors
import HansomTesting
import Testing
import WSConnection

/// Connections that receive in pieces from the start, and messages that are streamed from where they are.
@Suite(.timeLimit(.minutes(5))) struct PiecesTests {
    private struct OtherKind: Error {}

    private func connect(
        _ bench: Bench, isServer: Bool = true, _ limits: WebSocket.Limits = .init(), inPieces: Bool = true,
        leftover: [UInt8] = []
    ) async -> (WebSocket, RawPeer) {
        let (connection, peer) = await RawPeer.connect(
            on: bench.group, isServer: isServer, ConnectionOptions(limits: limits, receivesInPieces: inPieces),
            leftover: leftover)
        return (connection, peer)
    }

    private func pieces(_ stream: MessageStream) async throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        for try await piece in stream {
            switch piece {
            case .text(let text): all.append(Array(text.utf8))
            case .binary(let bytes): all.append(bytes)
            }
        }
        return all
    }

    private func joined(_ stream: MessageStream) async throws -> [UInt8] { Array(try await pieces(stream).joined()) }

    // MARK: A message that has begun

    @Test(arguments: [true, false])
    func `a message that is arriving is streamed from where it is (W7, W24)`(isServer: Bool) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await connect(bench, isServer: isServer, inPieces: false)
            let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let frame = Wire.binary(bytes, masked: isServer)
            let sending = bench.task { try await peer.send(Array(frame[..<150_000])) }
            _ = try await sending.value
            await bench.settle()
            let stream = try await ws.recvStream()
            var iterator = stream.makeAsyncIterator()
            guard case .binary(let first)? = try await iterator.next() else { throw OtherKind() }
            #expect(first.count > 100_000)
            #expect(await ws.heldBytes < 1000)
            let rest = bench.task {
                try await peer.send(Array(frame[150_000...]) + Wire.text("next", masked: isServer))
            }
            var all = first
            while let piece = try await iterator.next() {
                guard case .binary(let more) = piece else { throw OtherKind() }
                all += more
            }
            #expect(all == bytes)
            _ = try await rest.value
            #expect(try await ws.recv() == .text("next"))
            await peer.close()
        }
    }

    @Test func `text that is arriving is cut between characters where streaming begins (W7, W19, W24)`() async throws {
        try await Bench.run { bench in
            let text = Array("aé漢😀z".utf8)
            for cut in 0...text.count {
                let (ws, peer) = await connect(bench, inPieces: false)
                try await peer.send(Wire.frame(1, Array(text[..<cut]), isFinal: false))
                await bench.settle()
                let stream = try await ws.recvStream()
                try await peer.send(Wire.frame(0, Array(text[cut...]), isFinal: true) + Wire.text("next"))
                #expect(try await joined(stream) == text)
                #expect(try await ws.recv() == .text("next"))
                await peer.close()
            }
        }
    }

    // MARK: From the start

    @Test(arguments: [true, false])
    func `what came before anybody asked comes message by message, none of it whole (W7, W24)`(isServer: Bool)
        async throws
    {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            limits.messageSize = 10
            let large = [UInt8](repeating: 5, count: 5000)
            let early =
                Wire.text("one", masked: isServer) + Wire.binary([], masked: isServer)
                + Wire.ping("p", masked: isServer)
                + Wire.binary(large, masked: isServer) + Wire.frame(2, [1], isFinal: false, masked: isServer)
            let (ws, peer) = await connect(bench, isServer: isServer, limits, leftover: Array(early))
            await bench.settle()
            #expect(try await peer.frame()?.payload == Array("p".utf8))
            #expect(try await joined(ws.recvStream()) == Array("one".utf8))
            #expect(try await pieces(ws.recvStream()) == [[]])
            #expect(try await joined(ws.recvStream()) == large)
            let last = try await ws.recvStream()
            try await peer.send(Wire.frame(0, [2], isFinal: true, masked: isServer))
            #expect(try await joined(last) == [1, 2])
            await peer.close()
        }
    }

    @Test func `each byte on its own comes out the same (W7, W19, W24)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await connect(bench)
            let frames =
                Wire.text("zä", isFinal: false) + Wire.more("h", isFinal: true) + Wire.binary([1, 2]) + Wire.text("")
            for byte in frames { try await peer.send([byte]) }
            #expect(try await joined(ws.recvStream()) == Array("zäh".utf8))
            #expect(try await joined(ws.recvStream()) == [1, 2])
            #expect(try await joined(ws.recvStream()) == [])
            await peer.close()
        }
    }

    @Test func `a stream that is dropped takes its message with it, and no other (W7, W24)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await connect(bench)
            try await peer.send(Wire.text("first") + Wire.text("second") + Wire.frame(1, [65], isFinal: false))
            await bench.settle()
            do { _ = try await ws.recvStream() }
            #expect(try await joined(ws.recvStream()) == Array("second".utf8))
            do {
                var iterator = try await ws.recvStream().makeAsyncIterator()
                #expect(try await iterator.next() == .text("A"))
            }
            await bench.settle()
            try await peer.send(Wire.frame(0, [66], isFinal: true) + Wire.text("last"))
            #expect(try await joined(ws.recvStream()) == Array("last".utf8))
            // One that waits for a message that has not begun takes none with it.
            do { _ = try await ws.recvStream() }
            await bench.settle()
            try await peer.send(Wire.text("kept"))
            #expect(try await joined(ws.recvStream()) == Array("kept".utf8))
            await peer.close()
        }
    }

    @Test func `what arrived before the end can be read, then the end is thrown (W4, W11, W24)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await connect(bench)
            let events = try await ws.subscribe(active: .off)
            try await peer.send(Wire.text("whole") + Wire.frame(1, [65], isFinal: false) + Wire.close(4000))
            await bench.settle()
            #expect(try await joined(ws.recvStream()) == Array("whole".utf8))
            var iterator = try await ws.recvStream().makeAsyncIterator()
            #expect(try await iterator.next() == .text("A"))
            await #expect { _ = try await iterator.next() } throws: {
                ($0 as? WebSocketError)?.close?.code.rawValue == 4000
            }
            #expect(await failure { try await ws.recvStream() }?.code == .misuse)
            var told: [Told] = []
            for await event in events { told.append(Told(event)) }
            #expect(told == [.closed(4000)])
        }
    }

    @Test func `whatever would hold a whole message is refused (W24)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await connect(bench)
            try await peer.send(Wire.text("waits"))
            await bench.settle()
            #expect(await failure { try await ws.recv() }?.code == .misuse)
            #expect(await failure { try await ws.recv(timeout: .zero) }?.code == .misuse)
            #expect(await failure { try await ws.recvFrame() }?.code == .misuse)
            #expect(await failure { for try await _ in ws {} }?.code == .misuse)
            #expect(await failure { try await ws.subscribe(active: .once) }?.code == .misuse)
            #expect(await failure { try await ws.subscribe(EventMailbox(), active: .on) }?.code == .misuse)
            let events = try await ws.events(active: .off)
            #expect(await failure { try await ws.setActive(.on) }?.code == .misuse)
            withExtendedLifetime(events) {}
            #expect(try await joined(ws.recvStream()) == Array("waits".utf8))
            await peer.close()
        }
    }

    // MARK: Limits

    @Test(arguments: [true, false])
    func `a limit of its own bounds the whole, by one frame's header or over many (W15, W24)`(inPieces: Bool)
        async throws
    {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            limits.messageSize = 10
            limits.fragments = 2
            limits.streamedMessageSize = 100
            for frames in [
                Wire.header(2, 101),
                Wire.frame(2, [UInt8](repeating: 1, count: 60), isFinal: false) + Wire.header(0, 41),
            ] {
                let (ws, peer) = await connect(bench, limits, inPieces: inPieces)
                let stream = try await ws.recvStream()
                try await peer.send(frames)
                let frame = try await peer.frame()
                #expect(frame?.closeCode == 1009)
                #expect(frame?.words.contains("streamedMessageSize 100") == true)
                #expect(await failure { try await joined(stream) }?.code == .protocolViolation)
                await peer.close()
            }
            for limit in [100, nil] {
                limits.streamedMessageSize = limit
                let (ws, peer) = await connect(bench, limits, inPieces: inPieces)
                let stream = try await ws.recvStream()
                let frames = (0..<10).map {
                    Wire.frame($0 == 0 ? 2 : 0, [UInt8](repeating: 1, count: 10), isFinal: $0 == 9)
                }
                try await peer.send(Array(frames.joined()))
                #expect(try await joined(stream).count == 100)
                await peer.close()
            }
        }
    }

    @Test func `without a limit a message goes on as long as its peer likes (W15, W24)`() async throws {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            limits.streamedMessageSize = nil
            let (ws, peer) = await connect(bench, limits)
            let stream = try await ws.recvStream()
            let part = [UInt8](repeating: 9, count: 60_000)
            let (first, more, last) = (
                Wire.frame(2, part, isFinal: false), Wire.frame(0, part, isFinal: false),
                Wire.frame(0, part, isFinal: true)
            )
            // More than the limit would be, and than as many fragments as a message may else have.
            let count = 1200
            let sending = bench.task {
                for index in 0..<count { try await peer.send(index == 0 ? first : index == count - 1 ? last : more) }
            }
            var total = 0
            for try await piece in stream { total += piece.byteCount }
            #expect(total == count * part.count)
            _ = try await sending.value
            await peer.close()
        }
    }

    // MARK: Memory

    @Test(arguments: [true, false])
    func `early peers cost no more than the inbound queue and one read, however much they send (W15, W24)`(
        isServer: Bool
    ) async throws {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            limits.inboundBytes = 100_000
            let size = 4 << 20
            let frame = Wire.binary([UInt8](repeating: 3, count: size), masked: isServer)
            var ends: [(ws: WebSocket, sending: Task<Void, any Error>, peer: RawPeer)] = []
            for _ in 0..<10 {
                let (ws, peer) = await connect(bench, isServer: isServer, limits)
                ends.append((ws, bench.task { try await peer.send(frame) }, peer))
            }
            await bench.settle()
            for end in ends {
                let held = await end.ws.heldBytes
                #expect(held >= limits.inboundBytes && held <= limits.inboundBytes + 2 * (64 << 10), "\(held)")
            }
            for end in ends {
                var total = 0
                for try await piece in try await end.ws.recvStream() {
                    total += piece.byteCount
                    let held = await end.ws.heldBytes
                    #expect(held <= limits.inboundBytes + 2 * (64 << 10))
                }
                #expect(total == size)
                _ = try await end.sending.value
                await end.peer.close()
            }
        }
    }

    @Test
    func
        `pieces of one byte are joined while nobody reads, and messages of one byte wait in bounded number (W15, W24)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await connect(bench)
            let count = 50_000
            let frames = (0..<count).map {
                Wire.frame($0 == 0 ? 2 : 0, [UInt8(truncatingIfNeeded: $0)], isFinal: $0 == count - 1)
            }
            let sending = bench.task { try await peer.send(Array(frames.joined())) }
            await bench.settle()
            let parts = try await pieces(ws.recvStream())
            #expect(Array(parts.joined()) == (0..<count).map { UInt8(truncatingIfNeeded: $0) })
            // Once somebody reads, what a turn has brought comes at once: 256 frames at most (W28).
            #expect(parts.count <= count / 100, "\(parts.count)")
            _ = try await sending.value

            let many = bench.task {
                try await peer.send((0..<5000).flatMap { Wire.binary([UInt8(truncatingIfNeeded: $0)]) })
            }
            await bench.settle()
            #expect(await ws.counters.framesReceived <= UInt64(count + 17))
            for index in 0..<5000 {
                let message = try await joined(ws.recvStream())
                if message != [UInt8(truncatingIfNeeded: index)] { Issue.record("\(message) instead of \(index)") }
            }
            _ = try await many.value
            await peer.close()
        }
    }
}
