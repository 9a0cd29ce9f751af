import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct StreamingTests {
    private func streamingServer() -> ProtocolMachine {
        var server = makeServer()
        server.delivery = .fragments
        return server
    }

    /// Joins parts, and expects that first and last are marked so, and no other.
    private func joined(_ events: [ProtocolEvent]) -> [ProtocolEvent.Joined] {
        var messages: [ProtocolEvent.Joined] = []
        for case .fragment(let part) in events {
            if part.isFirst { messages.append(.init()) }
            messages[messages.count - 1].add(part)
        }
        return messages
    }

    @Test(arguments: [1, 2, 3, 5, 8, 13, 1000])
    func `hands out parts as they come, never cut inside a character (W7)`(size: Int) {
        var server = streamingServer()
        let frames: [WireFrame] = [
            .text("", isFinal: false), .continuation(Array("Grü😀".utf8.dropLast(2)), isFinal: false),
            .continuation(Array("😀".utf8.suffix(2)) + Array("世界".utf8)), .binary([1, 2, 3, 4, 5]), .text(""),
        ]
        let messages = joined(server.receive(frames.bytes(), inPiecesOf: size))
        #expect(messages.map(\.text) == ["Grü😀世界", "", ""])
        #expect(messages.map(\.bytes) == [[], [1, 2, 3, 4, 5], []])
        #expect(messages.map(\.finals) == [1, 1, 1])
    }

    @Test func `holds nothing but an unfinished character`() {
        var server = streamingServer()
        let events = server.receive(
            WireFrame(isFinal: false, opcode: 1, payload: Array("abc😀".utf8.dropLast())).bytes())
        #expect(events == [.fragment(MessageFragment(payload: .text("abc"), isFirst: true, isFinal: false))])
        #expect(server.isMidMessage == true)
        let held = server.bytesBuffered
        #expect(held <= 64)
    }

    @Test func `takes effect at the next message's start`() {
        var server = makeServer()
        _ = server.receive([.text("a", isFinal: false)])
        server.delivery = .fragments
        let first = server.receive([.continuation("b"), .text("c", isFinal: false)])
        server.delivery = .messages
        let second = server.receive([.continuation("d"), .text("e")])
        #expect(
            first == [.text("ab"), .fragment(MessageFragment(payload: .text("c"), isFirst: true, isFinal: false))])
        #expect(
            second == [.fragment(MessageFragment(payload: .text("d"), isFirst: false, isFinal: true)), .text("e")])
    }

    @Test func `fails bad text in a later part, when the good part is out (W19)`() {
        var server = streamingServer()
        let events = server.receive([.text("ok", isFinal: false), .continuation([0xFF])])
        #expect(
            events == [
                .fragment(MessageFragment(payload: .text("ok"), isFirst: true, isFinal: false)),
                .failure(ProtocolFailure(.textNotUTF8)),
            ])
    }
}

extension ProtocolEvent {
    /// A message put together from its parts.
    struct Joined {
        var text = ""
        var bytes: [UInt8] = []
        var finals = 0

        mutating func add(_ part: MessageFragment) {
            switch part.payload {
            case .text(let more): text += more
            case .binary(let more): bytes += more
            }
            finals += part.isFinal ? 1 : 0
        }
    }
}
