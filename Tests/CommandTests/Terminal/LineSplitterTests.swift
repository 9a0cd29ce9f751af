import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct LineSplitterTests {
    private func lines(_ pieces: [[UInt8]]) throws -> [String] {
        var splitter = LineSplitter()
        var lines: [String] = []
        for piece in pieces { lines += try splitter.lines(in: piece) }
        if let last = try splitter.lastLine() { lines.append(last) }
        return lines
    }

    @Test(arguments: [
        ("", []), ("a", ["a"]), ("a\n", ["a"]), ("\n", [""]), ("a\n\nb", ["a", "", "b"]), ("ä€\n𝄞\n", ["ä€", "𝄞"]),
    ])
    func `finds the lines wherever the pieces end`(text: String, expected: [String]) throws {
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            #expect(try lines([Array(bytes[..<split]), Array(bytes[split...])]) == expected)
        }
        #expect(try lines(bytes.map { [$0] }) == expected)
    }

    @Test func `names the line that is not UTF-8`() {
        let failure = #expect(throws: CommandFailure.self) { try lines([Array("a\nb\n".utf8), [0xFF, 0x0A]]) }
        #expect(failure?.message.hasPrefix("line 3 of the input is not UTF-8") == true)
    }

    @Test func `takes a carriage return for a part of the line's end in text, and NULs where they are the ends`() throws
    {
        #expect(try lines([Array("a\r\n\r\nb\rc\r".utf8)]) == ["a", "", "b\rc"])
        var bytes = LineSplitter()
        #expect(try bytes.byteLines(in: Array("a\r\n".utf8)) == [Array("a\r".utf8)])
        var splitter = LineSplitter(separator: 0)
        #expect(try splitter.lines(in: Array("a\r\nb\r\0\n\0c".utf8)) == ["a\r\nb\r", "\n"])
        #expect(try splitter.lastLine() == "c")
    }

    @Test func `bounds a line without end`() throws {
        var splitter = LineSplitter(longestLine: 4)
        #expect(try splitter.lines(in: Array("1234\n".utf8)) == ["1234"])
        let failure = #expect(throws: CommandFailure.self) { try splitter.lines(in: Array("12345".utf8)) }
        #expect(failure?.message == "line 2 of the input is longer than 4 bytes")
    }
}
