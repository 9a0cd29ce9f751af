import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct KeyDecoderTests {
    @Test(
        arguments: [
            ("a€𝄞", [.character("a"), .character("€"), .character("𝄞")]),
            ("\u{1B}[A\u{1B}[B\u{1B}[C\u{1B}[D", [.up, .down, .right, .left]),
            ("\u{1B}OA\u{1B}OH\u{1B}OF", [.up, .home, .end]),
            ("\u{1B}[H\u{1B}[F\u{1B}[1~\u{1B}[4~\u{1B}[7~\u{1B}[8~", [.home, .end, .home, .end, .home, .end]),
            ("\u{1B}[3~\u{1B}[5~\u{7F}\u{08}", [.delete, .unknown, .backspace, .backspace]),
            ("\u{1B}[1;5C\u{1B}[1;5D\u{1B}b\u{1B}f", [.wordRight, .wordLeft, .wordLeft, .wordRight]),
            ("\u{01}\u{02}\u{04}\u{05}\u{06}", [.home, .left, .endOfInput, .end, .right]),
            (
                "\u{0B}\u{15}\u{17}\u{0C}\u{10}\u{0E}",
                [.eraseToEnd, .eraseToStart, .eraseWord, .clearScreen, .up, .down]
            ),
            ("\n\r\t\u{1B}\u{7F}", [.enter, .enter, .character("\t"), .eraseWord]),
            ("\u{1B}\u{1B}[A\u{1B}x\u{00}", [.up, .unknown, .unknown]),
            ("\u{1B}[1\u{1B}[Ax", [.unknown, .up, .character("x")]),
        ] as [(String, [Key])])
    func `knows keys wherever the pieces end`(text: String, keys: [Key]) {
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            var decoder = KeyDecoder()
            #expect(decoder.keys(in: Array(bytes[..<split])) + decoder.keys(in: Array(bytes[split...])) == keys)
        }
    }

    @Test(
        arguments: [
            ([0xFF, 0x61], "\u{FFFD}a"), ([0xC3, 0x61], "\u{FFFD}a"), ([0xE2, 0x82, 0xC3, 0xA4], "\u{FFFD}ä"),
            ([0xC2, 0x9B], "\u{FFFD}"), ([0xED, 0xA0, 0x80], "\u{FFFD}"), ([0x80], "\u{FFFD}"),
        ] as [([UInt8], String)])
    func `replaces what is no character`(bytes: [UInt8], text: String) {
        var decoder = KeyDecoder()
        #expect(decoder.keys(in: bytes) == text.unicodeScalars.map { .character($0) })
    }

    @Test func `a sequence without end is dropped`() {
        var decoder = KeyDecoder()
        let keys = decoder.keys(in: [0x1B, 0x5B] + [UInt8](repeating: 0x31, count: 33) + [0x61])
        #expect(keys == [.unknown, .character("a")])
    }

    @Test func `any bytes at all make keys`() {
        var generator = SystemRandomNumberGenerator()
        var decoder = KeyDecoder()
        var editor = LineEditor()
        for _ in 0..<2000 {
            let bytes = (0..<32).map { _ in UInt8.random(in: 0...255, using: &generator) }
            for key in decoder.keys(in: bytes) { _ = editor.handle(key) }
            #expect((0...editor.characters.count).contains(editor.cursor))
        }
    }
}
