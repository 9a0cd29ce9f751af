import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct EncodedMessageTests {
    @Test(arguments: [0, 1, 125, 126, 8191, 8192, 70_000])
    func `is what a server would have sent, and a client too`(count: Int) throws {
        let payload = [UInt8](repeating: 0x61, count: count)
        let text = String(repeating: "a", count: count)
        let messages = [EncodedMessage(binary: payload), EncodedMessage(text: text)]
        #expect(messages.map(\.payloadCount) == [count, count])
        var server = makeServer()
        var client = makeClient()
        for message in messages {
            let counts = [try server.send(message), try client.send(message)]
            #expect(counts == [count, count])
        }
        let (fromServer, fromClient) = (server.output.drain(), client.output.drain())
        #expect(fromServer == [.binary(payload), .text(text)].bytes(mask: nil))
        #expect(fromClient == [.binary(payload), .text(text)].bytes(mask: [0x9C, 0x01, 0xFE, 0x37]))
        #expect(server.counters.framesSent == 2)
        #expect(server.counters.bytesSent == 2 * count)
    }

    @Test func `is not copied when it is large`() throws {
        let message = EncodedMessage(binary: Array(repeating: 1, count: 10_000))
        var one = makeServer()
        var other = makeServer()
        try one.send(message)
        try other.send(message)
        let isShared = unsafe one.output.chunk(1).baseAddress == other.output.chunk(1).baseAddress
        #expect(isShared)
    }
}
