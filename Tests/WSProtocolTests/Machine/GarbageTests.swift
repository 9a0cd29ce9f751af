import HansomHTTP
import ProtocolTesting
import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct GarbageTests {
    @Test(arguments: 0..<300 as Range<UInt64>)
    func `makes the same of damaged frames however they are cut, and never crashes`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var bytes = [
            WireFrame.text("Grüße, 世界"), .ping("p"), .binary(Array(0...150), isFinal: false), .pong("q"),
            .continuation(Array(0...99)), .text("a", isFinal: false), .continuation("😀"), .close(1000, "bye"),
        ].bytes()
        for _ in 0..<Int.random(in: 1...4, using: &generator) {
            bytes[Int.random(in: bytes.indices, using: &generator)] ^= 1 << UInt8.random(in: 0...7, using: &generator)
        }
        var whole = makeServer()
        let expected = whole.receive(bytes)
        for size in [1, 2, 3, 7, 50] {
            var server = makeServer()
            let events = server.receive(bytes, inPiecesOf: size)
            // A failure comes no later in pieces than in one; what is delivered before it is the same.
            #expect(events == expected, "in pieces of \(size)")
            #expect(server.state == whole.state)
        }
    }

    @Test(arguments: 0..<300 as Range<UInt64>)
    func `survives bytes that mean nothing`(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        let bytes = (0..<200).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var server = makeServer()
        var client = makeClient()
        var requests = RequestHeadParser()
        let atServer = server.receive(bytes)
        let atClient = client.receive(bytes)
        #expect(atServer.filter(\.isEnd).count <= 1)
        #expect(atClient.filter(\.isEnd).count <= 1)
        #expect(throws: HeadError.self) { while true { _ = try requests.parse(bytes) } }
        let text = String(decoding: bytes, as: UTF8.self)
        #expect(throws: WebSocketURL.ParseError.self) { try WebSocketURL("ws://h/" + text) }
    }
}

extension ProtocolEvent {
    fileprivate var isEnd: Bool {
        switch self {
        case .close, .failure: true
        default: false
        }
    }
}
