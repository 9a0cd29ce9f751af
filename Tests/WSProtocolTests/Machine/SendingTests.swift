import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct SendingTests {
    @Test(arguments: [0, 1, 125, 126, 127, 8191, 8192, 65535, 65536])
    func `encodes as the reference does, and the other end reads it back`(count: Int) throws {
        let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 13) }
        let text = String(repeating: "x", count: count)
        var server = makeServer()
        var client = makeClient()
        let counts = [
            try server.send(binary: payload), try server.send(text: text),
            try client.send(binary: payload), try client.send(text: text),
        ]
        #expect(counts == [count, count, count, count])
        let fromServer = server.output.drain()
        #expect(fromServer == [.binary(payload), .text(text)].bytes(mask: nil))
        let fromClient = client.output.drain()
        #expect(fromClient == [.binary(payload), .text(text)].bytes(mask: [0x9C, 0x01, 0xFE, 0x37]))
        let atClient = client.receive(fromServer)
        #expect(atClient == [.binary(payload), .text(text)])
        let atServer = server.receive(fromClient)
        #expect(atServer == [.binary(payload), .text(text)])
    }

    @Test func `asks for a new mask key for each frame (T23)`() throws {
        let keys = KeySource()
        var client = ProtocolMachine(role: .client(maskKeys: { keys.next() }))
        try client.send(text: "a")
        try client.send(binary: [1])
        try client.ping()
        _ = client.receive([.ping("p")])
        try client.close()
        #expect(keys.given == 5)
        let bytes = client.output.drain()
        #expect(Array(bytes[2..<6]) == [1, 0, 0, 0])
        #expect(Array(bytes[9..<13]) == [2, 0, 0, 0])
    }

    @Test func `sends a message in fragments, control frames between them (W7)`() throws {
        var server = makeServer()
        try server.sendFragment(text: "one ", isFinal: false)
        #expect(server.isSendingMessage == true)
        try server.ping([7])
        try server.sendFragment(text: "", isFinal: false)
        try server.sendFragment(text: "two", isFinal: true)
        #expect(server.isSendingMessage == false)
        try server.sendFragment(binary: [1], isFinal: false)
        let count = try server.sendFragment(binary: [2, 3], isFinal: true)
        #expect(count == 2)
        let sent = server.sentFrames()
        #expect(
            sent == [
                .text("one ", isFinal: false), WireFrame(opcode: 9, payload: [7]), .continuation("", isFinal: false),
                .continuation("two"), .binary([1], isFinal: false), .continuation([2, 3]),
            ])
    }

    @Test func `never interleaves two messages (W16)`() throws {
        var server = makeServer()
        try server.sendFragment(text: "begun", isFinal: false)
        #expect(throws: ProtocolMisuse.messageUnfinished) { try server.send(text: "other") }
        #expect(throws: ProtocolMisuse.messageUnfinished) { try server.send(binary: [1]) }
        #expect(throws: ProtocolMisuse.messageUnfinished) { try server.send(EncodedMessage(text: "other")) }
        #expect(throws: ProtocolMisuse.fragmentOfOtherKind) { try server.sendFragment(binary: [1], isFinal: true) }
        let sent = server.sentFrames()
        #expect(sent == [.text("begun", isFinal: false)])
    }

    @Test func `takes control payloads of 125 bytes, and throws for one more`() throws {
        var server = makeServer()
        let largest = [UInt8](repeating: 1, count: 125)
        try server.ping(largest)
        try server.pong(largest)
        #expect(throws: ProtocolMisuse.controlPayloadTooLong(count: 126)) { try server.ping(largest + [1]) }
        #expect(throws: ProtocolMisuse.controlPayloadTooLong(count: 126)) { try server.pong(largest + [1]) }
        let sent = server.sentFrames()
        #expect(sent == [WireFrame(opcode: 9, payload: largest), WireFrame(opcode: 10, payload: largest)])
    }

    @Test func `sends nothing after the close frame (W8)`() throws {
        var server = makeServer()
        try server.close()
        _ = server.sentFrames()
        #expect(throws: ProtocolMisuse.closed) { try server.send(text: "x") }
        #expect(throws: ProtocolMisuse.closed) { try server.send(binary: [1]) }
        #expect(throws: ProtocolMisuse.closed) { try server.send(EncodedMessage(binary: [1])) }
        #expect(throws: ProtocolMisuse.closed) { try server.sendFragment(text: "x", isFinal: true) }
        #expect(throws: ProtocolMisuse.closed) { try server.ping() }
        #expect(throws: ProtocolMisuse.closed) { try server.pong() }
        #expect(throws: ProtocolMisuse.closed) { try server.close() }
        #expect(server.output.isEmpty == true)
    }

    @Test func `says in every misuse what came and which section it breaks`() {
        let misuses: [ProtocolMisuse] = [
            .closed, .controlPayloadTooLong(count: 126), .reasonTooLong(count: 124), .forbiddenCloseCode(.abnormal),
            .reasonWithoutCode, .messageUnfinished, .fragmentOfOtherKind,
        ]
        for misuse in misuses { #expect(misuse.description.contains("(RFC 6455 section ")) }
        #expect(ProtocolMisuse.controlPayloadTooLong(count: 126).description.contains("126 bytes > 125"))
    }
}

/// Gives the keys 1, 2, 3 and so on. One test at a time uses it.
private final class KeySource: @unchecked Sendable {
    private(set) var given: UInt32 = 0

    func next() -> UInt32 {
        given += 1
        return given
    }
}
