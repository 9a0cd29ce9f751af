import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct CompressedSendingTests {
    private static let text = String(repeating: "the same words again, ", count: 40)

    @Test func `compresses from the threshold on, and as it is told (W17)`() throws {
        let options = CompressionOptions(threshold: 100)
        var pair = try CompressedPair(client: options, server: options)
        func reserved(_ text: String, _ wish: Bool?) throws -> UInt8 {
            let count = try pair.server.send(text: text, compress: wish)
            #expect(count == text.utf8.count)
            let sent = pair.server.sentFrames()
            #expect(sent.count == 1)
            return sent[0].reserved
        }
        #expect(try reserved(String(repeating: "a", count: 99), nil) == 0)
        #expect(try reserved(String(repeating: "a", count: 100), nil) == 4)
        #expect(try reserved(String(repeating: "a", count: 1000), false) == 0)
        #expect(try reserved("short", true) == 4)
        let plain = pair.server.counters
        #expect(plain.bytesSent < 1300)
    }

    @Test func `writes the examples of RFC 7692 section 7.2.3 (W17)`() throws {
        var pair = try CompressedPair()
        try pair.server.send(text: "Hello")
        try pair.server.send(text: "Hello")
        try pair.server.send(text: "")
        let sent = pair.server.sentFrames()
        #expect(
            sent == [
                .compressed(VectorTests.hello), .compressed([0xF2, 0x00, 0x11, 0x00, 0x00]), .compressed([0x00]),
            ])
    }

    @Test func `never compresses control frames (W17)`() throws {
        var pair = try CompressedPair()
        try pair.server.ping(Array(repeating: 1, count: 125))
        try pair.server.pong(Array(repeating: 1, count: 125))
        _ = pair.server.receive([.ping(String(repeating: "p", count: 125))])
        try pair.server.close(reason: String(repeating: "r", count: 123))
        let sent = pair.server.sentFrames()
        #expect(sent.map(\.reserved) == [0, 0, 0, 0])
        #expect(sent.map(\.opcode) == [9, 10, 10, 8])
    }

    @Test func `sends a compressed message in fragments, RSV1 on the first only (W7) (W17)`() throws {
        for options in [CompressionOptions.eager, .forgetful] {
            var pair = try CompressedPair(client: options, server: options)
            for _ in 0..<2 {
                try pair.client.sendFragment(text: "one ", isFinal: false)
                try pair.client.ping()
                try pair.client.sendFragment(text: "", isFinal: false)
                try pair.client.sendFragment(text: "two", isFinal: true)
                try pair.client.sendFragment(binary: [1], isFinal: false)
                try pair.client.sendFragment(binary: [], isFinal: true)
                let bytes = pair.client.output.drain()
                #expect(WireFrame.parse(bytes).map(\.reserved) == [4, 0, 0, 0, 4, 0])
                let events = pair.server.receive(bytes, inPiecesOf: 1)
                #expect(events == [.ping([]), .text("one two"), .binary([1])])
            }
        }
    }

    @Test func `the first fragment decides for its message (W17)`() throws {
        var pair = try CompressedPair(client: .init(), server: .init())
        try pair.server.sendFragment(text: "short", isFinal: false)
        try pair.server.sendFragment(text: Self.text, isFinal: true)
        try pair.server.sendFragment(text: Self.text, isFinal: false, compress: false)
        try pair.server.sendFragment(text: "", isFinal: true)
        let sent = pair.server.sentFrames()
        #expect(sent.map(\.reserved) == [0, 0, 0, 0])
        #expect(sent[1].payload == Array(Self.text.utf8))
    }

    @Test func `cuts a compressed message into frames (W7) (W17)`() throws {
        var pair = try CompressedPair()
        let count = try pair.client.sendCompressed(text: Self.text, nil, frameSize: 10)
        #expect(count == Self.text.utf8.count)
        let bytes = pair.client.output.drain()
        let frames = WireFrame.parse(bytes)
        #expect(frames.count > 1)
        #expect(frames.map(\.payload.count).max() == 10)
        #expect(frames.map(\.reserved).reduce(0, +) == 4)
        let events = pair.server.receive(bytes)
        #expect(events == [.text(Self.text)])
        #expect(throws: ProtocolMisuse.messageUnfinished) {
            try pair.client.sendFragment(text: "a", isFinal: false)
            _ = try pair.client.sendCompressed(text: Self.text, nil, frameSize: 10)
        }
    }

    @Test func `without context takeover nothing is held between messages, with it until the end (W17)`() throws {
        for options in [CompressionOptions.eager, .forgetful] {
            var pair = try CompressedPair(client: options, server: options)
            func exchange() throws {
                try pair.client.send(text: Self.text)
                let events = pair.server.receive(pair.client.output.drain())
                #expect(events == [.text(Self.text)])
            }
            #expect(pair.client.holdsCompressionContext == false)
            try exchange()
            let held = options == .eager
            #expect(pair.client.holdsCompressionContext == held)
            #expect(pair.server.holdsCompressionContext == held)
            #expect(pair.server.bytesBuffered == 0)
            try pair.client.sendFragment(text: Self.text, isFinal: false)
            #expect(pair.client.holdsCompressionContext == true)
            try pair.client.close()
            #expect(pair.client.holdsCompressionContext == false)
            let events = pair.server.receive(pair.client.output.drain())
            #expect(events == [.close(.init(code: .normal))])
            #expect(pair.server.holdsCompressionContext == false)
        }
    }

    @Test func `without context takeover it sends what does not get shorter as it is (W17)`() throws {
        var pair = try CompressedPair(client: .forgetful, server: .forgetful)
        try pair.server.send(text: "Hello")
        let sent = pair.server.sentFrames()
        #expect(sent == [.text("Hello")])
    }

    @Test func `a message that was encoded once is compressed once for all, contexts taken over or not (W17)`() throws {
        let message = EncodedMessage(text: Self.text, compression: .forgetful)
        var forgetful = try CompressedPair(client: .forgetful, server: .forgetful)
        var keeping = try CompressedPair()
        var plain = makeServer()
        for _ in 0..<2 {
            for sent in [try forgetful.server.send(message), try keeping.server.send(message), try plain.send(message)]
            {
                #expect(sent == Self.text.utf8.count)
            }
        }
        #expect(forgetful.server.holdsCompressionContext == false)
        let frames = forgetful.server.sentFrames()
        #expect(frames[0] == frames[1])
        #expect(frames.map(\.reserved) == [4, 4])
        let inflated = forgetful.client.receive(frames)
        #expect(inflated == [.text(Self.text), .text(Self.text)])
        let others = keeping.server.sentFrames()
        #expect(others == frames)
        let kept = keeping.client.receive(others)
        #expect(kept == [.text(Self.text), .text(Self.text)])
        let unchanged = plain.sentFrames()
        #expect(unchanged == [.text(Self.text), .text(Self.text)])
        // A client's too, masked anew.
        try forgetful.client.send(message)
        let events = forgetful.server.receive(forgetful.client.output.drain())
        #expect(events == [.text(Self.text)])
    }

    @Test func `own messages before, between and after shared ones are inflated right, with contexts taken over (W17)`()
        throws
    {
        var pair = try CompressedPair()
        let shared = (0..<3).map { EncodedMessage(text: "\($0) " + Self.text, compression: .init()) }
        var expected: [ProtocolEvent] = []
        for round in 0..<9 {
            try pair.server.send(shared[round % 3])
            // Own ones refer to each other, but never to what lies before the shared one.
            for own in 0..<round % 4 {
                try pair.server.send(text: "own \(own) " + Self.text)
            }
            expected.append(.text("\(round % 3) " + Self.text))
            expected += (0..<round % 4).map { .text("own \($0) " + Self.text) }
        }
        let events = pair.client.receive(pair.server.sentFrames())
        #expect(events == expected)
    }

    @Test func `what does not get shorter is not tried again by each (W17)`() throws {
        var state: UInt64 = 1
        let noise = (0..<1_000).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 56)
        }
        let message = EncodedMessage(binary: noise, compression: .init())
        var pair = try CompressedPair()
        try pair.server.send(message)
        let holds = pair.server.holdsCompressionContext
        #expect(!holds)
        let events = pair.client.receive(pair.server.output.drain())
        #expect(events == [.binary(noise)])
    }

    @Test func `a message encoded with a larger window than was agreed on is compressed anew (W17)`() throws {
        let message = EncodedMessage(
            binary: Array(Self.text.utf8), compression: .init(sendWindowBits: 15, sendContextTakeover: false))
        var options = CompressionOptions.forgetful
        options.sendWindowBits = 8
        var pair = try CompressedPair(client: .forgetful, server: options)
        try pair.server.send(message)
        let events = pair.client.receive(pair.server.output.drain())
        #expect(events == [.binary(Array(Self.text.utf8))])
    }

    @Test func `with options that zlib refuses nothing is compressed, and nothing can be inflated (W17)`() throws {
        var pair = try CompressedPair(
            client: .init(sendWindowBits: 15, threshold: 0),
            server: .init(receiveWindowBits: 20, threshold: 0, level: 42))
        try pair.server.send(text: Self.text)
        try pair.server.sendFragment(text: Self.text, isFinal: false)
        try pair.server.sendFragment(text: Self.text, isFinal: true)
        let sent = pair.server.sentFrames()
        #expect(
            sent == [.text(Self.text), .text(Self.text, isFinal: false), .continuation(Self.text)])
        #expect(EncodedMessage(text: Self.text, compression: .init(level: 42)).payloadCount == Self.text.utf8.count)
        try pair.client.send(text: Self.text)
        let events = pair.server.receive(pair.client.output.drain())
        let failure = ProtocolFailure(.cannotInflate)
        #expect(events == [.failure(failure)])
        #expect(failure.code == .internalError)
        let close = pair.server.sentFrames()
        #expect(close == [.close(1011, failure.description)])
    }

    @Test func `during the closing handshake what comes compressed is not inflated (W8)`() throws {
        var pair = try CompressedPair()
        try pair.client.sendFragment(text: "€" + Self.text, isFinal: false)
        let first = pair.client.output.drain()
        try pair.client.sendFragment(text: Self.text, isFinal: true)
        try pair.client.send(text: Self.text)
        try pair.client.close()
        var events = pair.server.receive(Array(first.prefix(9)))
        try pair.server.close()
        events += pair.server.receive(first.dropFirst(9) + pair.client.output.drain())
        #expect(events == [.close(.init(code: .normal))])
    }
}
