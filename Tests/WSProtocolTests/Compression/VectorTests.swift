import ProtocolTesting
import Testing
import WSProtocol

/// The examples of RFC 7692 section 7.2.3, and what may not be.
@Suite(.timeLimit(.minutes(2))) struct VectorTests {
    static let hello: [UInt8] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]

    @Test(
        arguments: [
            ("one block", [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00], "Hello"),
            ("stored", [0x00, 0x05, 0x00, 0xFA, 0xFF, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00], "Hello"),
            ("a block that says it is the last", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00], "Hello"),
            ("two blocks", [0xF2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xCA, 0xC9, 0xC9, 0x07, 0x00], "Hello"),
            ("empty", [0x00], ""),
            ("empty, without the byte it should have", [], ""),
        ] as [(String, [UInt8], String)])
    func `inflates the examples of RFC 7692 section 7.2.3 (W17)`(example: (String, [UInt8], String)) throws {
        try expectCompressedServer(receiving: [.compressed(example.1)], yields: [.text(example.2)])
        try expectCompressedServer(
            receiving: [.compressed(example.1), .text("plain"), .compressed(example.1)], options: .forgetful,
            yields: [.text(example.2), .text("plain"), .text(example.2)])
    }

    @Test func `inflates a message in fragments, cut anywhere, with control frames between them (W7) (W17)`() throws {
        for cut in 0...Self.hello.count {
            try expectCompressedServer(
                receiving: [
                    .compressed(Array(Self.hello[..<cut]), isFinal: false), .ping("p"),
                    .continuation(Array(Self.hello[cut...])),
                ], yields: [.ping(Array("p".utf8)), .text("Hello")])
        }
    }

    @Test func `inflates what refers to an earlier message (W17)`() throws {
        let second: [UInt8] = [0xF2, 0x00, 0x11, 0x00, 0x00]
        try expectCompressedServer(
            receiving: [.compressed(Self.hello), .compressed(second)], yields: [.text("Hello"), .text("Hello")])
        // A block that says it is the last ends the stream, not the window.
        try expectCompressedServer(
            receiving: [.compressed([0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x00]), .compressed(second)],
            yields: [.text("Hello"), .text("Hello")])
    }

    @Test func `refuses what refers to an earlier message without context takeover (T14)`() throws {
        try expectCompressedServer(
            receiving: [.compressed(Self.hello), .compressed([0xF2, 0x00, 0x11, 0x00, 0x00])], options: .forgetful,
            yields: [.text("Hello"), .failure(.init(.malformedCompression))])
    }

    @Test func `refuses what refers to what lies beyond the window agreed on (T14) (W17)`() throws {
        var generator = SeededGenerator(seed: 9)
        let unit = (0..<600).map { _ in UInt8.random(in: 0...255, using: &generator) }
        var wide = try CompressedPair()
        try wide.client.send(binary: unit)
        try wide.client.send(binary: Array(unit.prefix(100)))
        try expectCompressedServer(
            receiving: wide.client.sentFrames(), options: CompressionOptions(receiveWindowBits: 9, threshold: 0),
            yields: [.binary(unit), .failure(.init(.malformedCompression))])
    }

    @Test(
        arguments: [
            ("a block of type 3", [0x07]),
            (
                "a stored block whose lengths differ",
                [0x00, 0x05, 0x00, 0xFA, 0xFE, 0x48, 0x65, 0x6C, 0x6C, 0x6F, 0x00]
            ),
            ("a stored block without its end", [0x00, 0x09, 0x00, 0xF6, 0xFF, 0x48, 0x65]),
            ("a distance past the beginning", [0xF2, 0x00, 0x11, 0x00, 0x00]),
            ("no end", [0xF2, 0x48]),
            ("a last block and nothing behind it", [0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
            (
                "the head of zlib's format",
                [0x78, 0x9C, 0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00, 0x05, 0x8C, 0x01, 0xF5]
            ),
            ("a preset dictionary", [0x78, 0xBB, 0x05, 0x8C, 0x01, 0xF5, 0xF3, 0x48, 0xCD]),
            ("the head of gzip", [0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00]),
            ("all ones", [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
        ] as [(String, [UInt8])])
    func `ends with 1007 for a malformed stream, at whichever point it is cut (T14)`(stream: (String, [UInt8])) throws {
        let failure = ProtocolFailure(.malformedCompression)
        #expect(failure.code == .invalidPayload)
        try expectCompressedServer(
            receiving: [.compressed(stream.1, isText: false)], yields: [.failure(failure)])
    }

    @Test func `a dictionary set anew in mid-message ends with 1007, and its neighbour goes on (T14)`() throws {
        var pair = try CompressedPair()
        try expectCompressedServer(
            receiving: [
                .compressed(Self.hello, isFinal: false), .continuation([0x78, 0xBB, 0x05, 0x8C, 0x01, 0xF5]),
            ], yields: [.failure(.init(.malformedCompression))])
        try pair.client.send(text: "fine")
        let events = pair.server.receive(pair.client.output.drain())
        #expect(events == [.text("fine")])
    }

    @Test func `RSV1 stands on a message's first frame only (T10) (W17)`() throws {
        let failure = ProtocolEvent.failure(.init(.reservedBit(1)))
        try expectCompressedServer(receiving: [WireFrame(reserved: 4, opcode: 9)], yields: [failure])
        try expectCompressedServer(receiving: [WireFrame(reserved: 4, opcode: 8)], yields: [failure])
        try expectCompressedServer(
            receiving: [.compressed(Self.hello, isFinal: false), WireFrame(reserved: 4, opcode: 0, payload: [0])],
            yields: [failure])
        try expectCompressedServer(
            receiving: [.text("a", isFinal: false), WireFrame(reserved: 4, opcode: 0, payload: [0])], yields: [failure])
        try expectCompressedServer(
            receiving: [.text("a", isFinal: false), .compressed(Self.hello)],
            yields: [.failure(.init(.messageInterrupted(by: .text)))])
        for reserved: UInt8 in [2, 6] {
            try expectCompressedServer(
                receiving: [WireFrame(reserved: reserved, opcode: 1)], yields: [.failure(.init(.reservedBit(2)))])
        }
        expectServer(
            receiving: WireFrame.compressed(Self.hello).bytes(), failsWith: .reservedBit(1), code: .protocolError)
    }

    @Test func `checks inflated text as it comes, between blocks and fragments too (T11) (W19)`() throws {
        let failure = ProtocolEvent.failure(.init(.textNotUTF8))
        // Stored blocks with the two halves of "ä", and with what is none.
        func block(_ bytes: [UInt8]) -> [UInt8] {
            [0x00, UInt8(bytes.count), 0x00, ~UInt8(bytes.count), 0xFF] + bytes
        }
        let halves = (block([0x61, 0xC3]), block([0xA4]))
        try expectCompressedServer(receiving: [.compressed(halves.0 + halves.1 + [0])], yields: [.text("aä")])
        try expectCompressedServer(
            receiving: [.compressed(halves.0, isFinal: false), .continuation(halves.1 + [0])], yields: [.text("aä")])
        try expectCompressedServer(receiving: [.compressed(halves.0 + [0])], yields: [failure])
        for bad: [UInt8] in [[0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF5], [0x80], [0xF4, 0x90]] {
            // It fails there, not at the end, which never comes.
            try expectCompressedServer(receiving: [.compressed(block(bad), isFinal: false)], yields: [failure])
            for cut in 1..<bad.count {
                try expectCompressedServer(
                    receiving: [
                        .compressed(block(Array(bad[..<cut])), isFinal: false),
                        .continuation(block(Array(bad[cut...])), isFinal: false),
                    ], yields: [failure])
            }
        }
    }
}
