import Testing
import WSProtocol

/// An end that is held back, so that what came in front of it can be answered first.
@Suite(.timeLimit(.minutes(2))) struct HeldEndTests {
    /// Frames that end the connection, the event that they come to, and the close frame that is sent.
    static let ends: [([WireFrame], ProtocolEvent, CloseCode)] = [
        ([.close(4000, "bye")], .close(CloseFrame(code: .init(rawValue: 4000), reason: "bye")), .init(rawValue: 4000)),
        ([WireFrame(opcode: 5, payload: [])], .failure(.init(.reservedOpcode(.init(rawValue: 5)))), .protocolError),
        ([WireFrame(opcode: 1, payload: [0xFF])], .failure(.init(.textNotUTF8)), .invalidPayload),
        (
            [.text("half", isFinal: false), WireFrame(opcode: 0, payload: [0xFF])], .failure(.init(.textNotUTF8)),
            .invalidPayload
        ),
        ([WireFrame(opcode: 8, payload: [3])], .failure(.init(.closeBodyOfOneByte)), .protocolError),
    ]

    @Test(arguments: ends)
    func `what is sent while an end is held goes out in front of it (W9) (W10)`(
        frames: [WireFrame], event: ProtocolEvent, code: CloseCode
    ) throws {
        var server = makeServer()
        server.holdsEnd = true
        let before = server.receive([.text("question")] + frames + [.text("swallowed")])
        #expect(before == [.text("question")])
        #expect(server.isEndHeld == true)
        #expect(server.state == .open)
        let swallowed = server.receive([.text("swallowed too")])
        #expect(swallowed == [])

        try server.send(text: "answer")
        let end = server.takeHeldEnd()
        #expect(end == event)
        #expect(server.isEndHeld == false)
        #expect(server.bytesBuffered == 0)
        let sent = server.sentFrames()
        #expect(sent.count == 2)
        #expect(sent.first == .text("answer"))
        #expect(sent.last?.opcode == 8)
        #expect(
            sent.last.map { Array($0.payload.prefix(2)) } == [UInt8(code.rawValue >> 8), UInt8(code.rawValue & 0xFF)])
        let after = server.takeHeldEnd()
        #expect(after == nil)
    }

    @Test func `a close of our own while the peer's is held needs no answer (W8)`() throws {
        var server = makeServer()
        server.holdsEnd = true
        _ = server.receive([.close(1000)])
        try server.close(code: .goingAway)
        let end = server.takeHeldEnd()
        #expect(end == .close(CloseFrame(code: .normal)))
        #expect(server.state == .closed)
        let sent = server.sentFrames()
        #expect(sent == [.close(1001)])
    }

    @Test func `nothing is held when nothing ended`() {
        var server = makeServer()
        server.holdsEnd = true
        let events = server.receive([.text("a")])
        #expect(events == [.text("a")])
        let end = server.takeHeldEnd()
        #expect(end == nil)
        #expect(server.holdsEnd == false)
    }
}
