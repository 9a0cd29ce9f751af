import ProtocolTesting
import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct ReceivingTests {
    @Test(arguments: [0, 1, 125, 126, 127, 65535, 65536])
    func `reads a frame of any length form`(count: Int) {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        let bytes = WireFrame.binary(payload).bytes()
        for size in [1, 2, 3, 7, 64, 1000, 4096, bytes.count] where count < 1000 || size > 1 {
            var server = makeServer()
            let events = server.receive(bytes, inPiecesOf: size)
            #expect(events == [.binary(payload)], "in pieces of \(size)")
        }
        var client = makeClient()
        let events = client.receive([.binary(payload)])
        #expect(events == [.binary(payload)])
    }

    @Test func `reads a frame cut at every point`() {
        expectServer(receiving: WireFrame.text("Grüße, 世界 😀").bytes(), yields: [.text("Grüße, 世界 😀")], sends: [])
        expectServer(receiving: WireFrame.binary(Array(0...200)).bytes(), yields: [.binary(Array(0...200))], sends: [])
        expectServer(receiving: WireFrame.text("").bytes(), yields: [.text("")], sends: [])
    }

    @Test func `joins fragments, with control frames between them (W5, W7)`() {
        let frames: [WireFrame] = [
            .text("Hel", isFinal: false), .ping("a"), .continuation("", isFinal: false), .pong("b"),
            .continuation("lo"), .binary([1], isFinal: false), .continuation([2, 3]), .text("end"),
        ]
        expectServer(
            receiving: frames.bytes(),
            yields: [
                .ping(Array("a".utf8)), .pong(Array("b".utf8)), .text("Hello"), .binary([1, 2, 3]), .text("end"),
            ],
            sends: [.pong("a")])
    }

    @Test func `takes all input in, so that the caller may use its memory again`() {
        let bytes = [WireFrame.text("one"), .binary([1, 2, 3]), .ping("p")].bytes()
        var memory = [UInt8](repeating: 0, count: 5)
        var server = makeServer()
        var events: [ProtocolEvent] = []
        for start in stride(from: 0, to: bytes.count, by: 5) {
            let piece = bytes[start..<min(start + 5, bytes.count)]
            memory.replaceSubrange(..<piece.count, with: piece)
            unsafe memory.withUnsafeMutableBytes { buffer in
                var window = unsafe InputWindow(UnsafeMutableRawBufferPointer(rebasing: buffer[..<piece.count]))
                while let event = server.nextEvent(&window) { events.append(event) }
                #expect(window.isEmpty)
                #expect(window.count == 0)
            }
            memory = [UInt8](repeating: 0xEE, count: 5)
        }
        #expect(events == [.text("one"), .binary([1, 2, 3]), .ping([0x70])])
    }

    @Test func `delivers data before the close that came with it (W3)`() {
        expectServer(
            receiving: [WireFrame.text("last"), .close(1000, "bye"), .text("never")].bytes(),
            yields: [.text("last"), .close(CloseFrame(code: .normal, reason: "bye"))], sends: [.close(1000)])
    }

    @Test func `knows whether a message is under way, and what it holds`() {
        var server = makeServer()
        #expect(server.isMidMessage == false)
        #expect(server.bytesBuffered == 0)
        _ = server.receive([.text("begin", isFinal: false)])
        #expect(server.isMidMessage == true)
        let held = server.bytesBuffered
        #expect(held >= 5)
        _ = server.receive([.ping("x"), .continuation("end")])
        #expect(server.isMidMessage == false)
        #expect(server.bytesBuffered == 0)
    }

    @Test func `counts frames and payload bytes each way (W18)`() throws {
        var server = makeServer()
        _ = server.receive([.text("abc"), .ping("de"), .binary([1], isFinal: false), .continuation([2])])
        try server.send(text: "four")
        var expected = FrameCounters()
        (expected.framesReceived, expected.bytesReceived) = (4, 7)
        (expected.framesSent, expected.bytesSent) = (2, 6)
        #expect(server.counters == expected)
    }

    @Test(arguments: 0..<60 as Range<UInt64>)
    func `makes the same of a generated stream however it is cut`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        var expected: [ProtocolEvent] = []
        for _ in 0..<8 {
            let payload = (0..<Int.random(in: 0...300, using: &generator)).map {
                UInt8(truncatingIfNeeded: $0 &+ Int(seed))
            }
            let mask = (0..<4).map { _ in UInt8.random(in: 0...255, using: &generator) }
            let cut = Int.random(in: 0...payload.count, using: &generator)
            bytes += WireFrame.binary(Array(payload[..<cut]), isFinal: false).bytes(mask: mask)
            bytes += WireFrame.continuation(Array(payload[cut...])).bytes(mask: mask)
            expected.append(.binary(payload))
        }
        for size in [1, 2, 5, 13, 100, bytes.count] {
            var server = makeServer()
            let events = server.receive(bytes, inPiecesOf: size)
            #expect(events == expected, "in pieces of \(size)")
        }
    }
}
