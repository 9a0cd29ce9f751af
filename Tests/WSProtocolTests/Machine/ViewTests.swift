import Testing

@testable import WSProtocol

/// Messages shown where they lie: the same as those that are handed out.
@Suite(.timeLimit(.minutes(2))) struct ViewTests {
    /// What a machine shows and tells, as events.
    private func events(of pieces: [[UInt8]], _ machine: inout ProtocolMachine) -> [ProtocolEvent] {
        var events: [ProtocolEvent] = []
        for piece in pieces {
            var bytes = piece
            machine.receive(
                &bytes,
                onMessage: { machine, message in
                    switch MessagePayload(copying: message) {
                    case .text(let text): events.append(.text(text))
                    case .binary(let bytes): events.append(.binary(bytes))
                    }
                    #expect(message.withBytes { $0.byteCount } == message.byteCount)
                },
                onEvent: { events.append($1) })
        }
        return events
    }

    private static let streams: [[WireFrame]] = [
        [.text("one"), .binary([1, 2, 3]), .text(""), .ping("p"), .text("h\u{E9}llo")],
        [.text("a", isFinal: false), .ping("p"), .continuation("b"), .pong("q"), .binary([]), .close(1000, "bye")],
        [.text("good"), WireFrame(opcode: 1, payload: [0x61, 0xC3]), .text("never")],
        [.text("good"), WireFrame(opcode: 1, payload: [0xED, 0xA0, 0x80]), .text("never")],
        [.binary([1]), WireFrame(reserved: 2, opcode: 2, payload: [1]), .text("never")],
        [.text("a", isFinal: false), .text("b")], [.binary([UInt8](repeating: 1, count: 51))],
        [.continuation("b")], [.close(1000), .text("never")],
    ]

    @Test(arguments: streams)
    func `the machine shows what it would hand out, and answers alike, wherever it is cut (W22)`(frames: [WireFrame]) {
        for isServer in [true, false] {
            let limits = MessageLimits(maxMessageSize: 50)
            let bytes = frames.bytes(mask: isServer ? [0x11, 0x22, 0x33, 0x44] : nil)
            for cut in 0...bytes.count {
                let pieces = [Array(bytes[..<cut]), Array(bytes[cut...])]
                var plain = isServer ? makeServer(limits) : makeClient(limits)
                var showing = isServer ? makeServer(limits) : makeClient(limits)
                let expected = pieces.flatMap { plain.receive($0) }
                #expect(events(of: pieces, &showing) == expected)
                #expect(showing.counters == plain.counters)
                #expect(showing.state == plain.state)
                #expect(showing.sentFrames() == plain.sentFrames())
            }
        }
    }

    @Test(arguments: [0, 20, 125, 126, 8_191, 8_192, 65_536])
    func `a message can be sent back while it is shown (W22)`(count: Int) {
        for isServer in [true, false] {
            for isText in [true, false] {
                let frame = WireFrame(opcode: isText ? 1 : 2, payload: [UInt8](repeating: 0x61, count: count))
                var machine = isServer ? makeServer() : makeClient()
                var bytes = [frame, frame].bytes(mask: isServer ? [0x11, 0x22, 0x33, 0x44] : nil)
                machine.receive(
                    &bytes,
                    onMessage: { machine, message in
                        #expect(message.isText == isText)
                        #expect((try? machine.send(copying: message)) == count)
                    },
                    onEvent: { _, event in Issue.record("\(event)") })
                #expect(machine.sentFrames() == [frame, frame])
            }
        }
    }

    @Test func `a view is refused as any other message is (W22)`() throws {
        var machine = makeServer()
        try machine.sendFragment(text: "begun", isFinal: false)
        var errors: [ProtocolMisuse?] = []
        for _ in 0..<2 {
            var bytes = [WireFrame.text("x")].bytes(mask: [1, 2, 3, 4])
            machine.receive(
                &bytes,
                onMessage: { machine, message in
                    do throws(ProtocolMisuse) {
                        try machine.send(copying: message)
                        errors.append(nil)
                    } catch {
                        errors.append(error)
                    }
                },
                onEvent: { _, event in Issue.record("\(event)") })
            if errors == [.messageUnfinished] { try machine.sendFragment(text: "", isFinal: true) }
        }
        #expect(errors == [.messageUnfinished, nil])
    }

    @Test func `a view encoded once is sent to many as the message would be (S10, W22)`() throws {
        for count in [5, 10_000] {
            let text = String(repeating: "v", count: count)
            var encoded: EncodedMessage?
            var receiver = makeServer()
            var bytes = [WireFrame.text(text)].bytes(mask: [1, 2, 3, 4])
            receiver.receive(
                &bytes, onMessage: { encoded = EncodedMessage(copying: $1) },
                onEvent: { _, event in Issue.record("\(event)") })
            let message = try #require(encoded)
            var server = makeServer()
            #expect(try server.send(message) == count)
            #expect(server.sentFrames() == [.text(text)])
        }
    }
}
