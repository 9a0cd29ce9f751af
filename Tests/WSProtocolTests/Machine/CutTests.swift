import Testing
import WSProtocol

/// What must not depend on where the stream of bytes is cut. Each was found by a fuzzer: see Fuzz/README.md.
@Suite(.timeLimit(.minutes(2))) struct CutTests {
    @Test(arguments: TextTests.bad.map(\.0) + [[0xC3], [0x61, 0xF0, 0x9F, 0x98]])
    func `a frame whose text is bad is not counted, however it is cut`(payload: [UInt8]) {
        let bytes = [WireFrame.text("good"), WireFrame(opcode: 1, payload: payload)].bytes()
        for size in 1...bytes.count {
            var server = makeServer()
            let events = server.receive(bytes, inPiecesOf: size)
            #expect(events == [.text("good"), .failure(ProtocolFailure(.textNotUTF8))])
            #expect(server.counters.framesReceived == 1, "in pieces of \(size)")
            #expect(server.counters.bytesReceived == 4, "in pieces of \(size)")
        }
    }

    @Test(arguments: [[UInt8](repeating: 0x61, count: 50), [UInt8](repeating: 0x61, count: 150)])
    func `a bad byte within the limit comes before the limit, however it is cut (T1, T11)`(good: [UInt8]) throws {
        // One block that is stored, not compressed: what goes in comes out.
        let content = good + [0xFF] + [UInt8](repeating: 0x61, count: 199 - good.count)
        let count = UInt8(content.count)
        let payload = [0, count, 0, ~count, 0xFF] + content
        try expectCompressedServer(
            receiving: [.compressed(payload)], limits: MessageLimits(maxMessageSize: 150),
            yields: [.failure(ProtocolFailure(.textNotUTF8))])
    }
}
