import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct ClosingTests {
    @Test(arguments: [1000, 1001, 1002, 1003, 1007, 1010, 1014, 3000, 3999, 4000, 4999] as [UInt16])
    func `answers a close with the same code (W9)`(code: UInt16) {
        expectServer(
            receiving: WireFrame.close(code, "why ☂").bytes(),
            yields: [.close(CloseFrame(code: CloseCode(rawValue: code), reason: "why ☂"))], sends: [.close(code)])
    }

    @Test func `reports an empty close as 1005, and answers it empty (W9)`() {
        expectServer(
            receiving: WireFrame.close().bytes(), yields: [.close(CloseFrame(code: .noStatus))], sends: [.close()])
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535] as [UInt16])
    func `refuses a close code that no frame may carry (T12)`(code: UInt16) {
        expectServer(
            receiving: WireFrame.close(code).bytes(), failsWith: .forbiddenCloseCode(CloseCode(rawValue: code)),
            code: .protocolError)
    }

    @Test func `refuses a close body of one byte (T12)`() {
        expectServer(
            receiving: WireFrame(opcode: 8, payload: [3]).bytes(), failsWith: .closeBodyOfOneByte, code: .protocolError)
    }

    @Test func `refuses a close reason that is not UTF-8 (T12)`() {
        expectServer(
            receiving: WireFrame(opcode: 8, payload: [3, 0xE8, 0xFF]).bytes(), failsWith: .reasonNotUTF8,
            code: .invalidPayload)
    }

    @Test func `closes in the middle of a fragmented message`() {
        var server = makeServer()
        let events = server.receive([.text("never", isFinal: false), .close(1001)])
        #expect(events == [.close(CloseFrame(code: .goingAway))])
        #expect(server.state == .closed)
        #expect(server.bytesBuffered == 0)
    }

    @Test func `sends its close frame, then waits for the peer's (W8)`() throws {
        var server = makeServer()
        try server.close(code: .goingAway, reason: "restart")
        #expect(server.state == .closeSent)
        let sent = server.sentFrames()
        #expect(sent == [.close(1001, "restart")])
        let events = server.receive([.close(1001)])
        #expect(events == [.close(CloseFrame(code: .goingAway))])
        #expect(server.state == .closed)
        let reply = server.sentFrames()
        #expect(reply.isEmpty)
    }

    @Test func `sends an empty close frame when there is no code`() throws {
        var server = makeServer()
        try server.close(code: nil)
        let sent = server.sentFrames()
        #expect(sent == [.close()])
    }

    @Test func `checks and throws away data after its close, and answers no ping (W8)`() throws {
        for size in [1, 3, 1000] {
            var server = makeServer()
            _ = server.receive([.text("unfinished", isFinal: false)])
            try server.close()
            #expect(server.bytesBuffered == 0)
            _ = server.sentFrames()
            let frames: [WireFrame] = [
                .continuation("more"), .text("whole"), .binary([1], isFinal: false), .ping("?"), .continuation([2]),
                .close(1000),
            ]
            let events = server.receive(frames.bytes(), inPiecesOf: size)
            #expect(events == [.ping(Array("?".utf8)), .close(CloseFrame(code: .normal))])
            let sent = server.sentFrames()
            #expect(sent.isEmpty)
        }
    }

    @Test(arguments: [
        (WireFrame.text("x"), ProtocolFailure.Kind?.none),
        (WireFrame(opcode: 1, payload: [0xFF]), .textNotUTF8),
        (WireFrame(opcode: 3), .reservedOpcode(Opcode(rawValue: 3))),
    ])
    func `reports a violation after its close without a second close frame`(
        frame: WireFrame, kind: ProtocolFailure.Kind?
    ) throws {
        var server = makeServer()
        try server.close()
        _ = server.sentFrames()
        let events = server.receive([frame])
        #expect(events == (kind.map { [.failure(ProtocolFailure($0))] } ?? []))
        #expect(server.state == (kind == nil ? .closeSent : .failed))
        let sent = server.sentFrames()
        #expect(sent.isEmpty)
    }

    @Test func `closes from both sides at once (W8)`() throws {
        var server = makeServer()
        var client = makeClient()
        try server.close(code: .goingAway)
        try client.close(code: .normal)
        let atClient = client.receive(server.output.drain())
        let atServer = server.receive(client.output.drain())
        #expect(atClient == [.close(CloseFrame(code: .goingAway))])
        #expect(atServer == [.close(CloseFrame(code: .normal))])
        #expect(server.state == .closed)
        #expect(client.state == .closed)
    }

    @Test(arguments: [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000] as [UInt16])
    func `will not send a forbidden code (W9)`(code: UInt16) {
        var server = makeServer()
        let code = CloseCode(rawValue: code)
        #expect(throws: ProtocolMisuse.forbiddenCloseCode(code)) { try server.close(code: code) }
        #expect(server.state == .open)
        #expect(server.output.isEmpty == true)
    }

    @Test func `takes a reason of 123 bytes, and throws for one more (W9)`() throws {
        var server = makeServer()
        let longest = String(repeating: "é", count: 61) + "x"
        #expect(throws: ProtocolMisuse.reasonTooLong(count: 124)) { try server.close(reason: longest + "y") }
        #expect(throws: ProtocolMisuse.reasonWithoutCode) { try server.close(code: nil, reason: "x") }
        try server.close(reason: longest)
        let sent = server.sentFrames()
        #expect(sent == [.close(1000, longest)])
    }
}
