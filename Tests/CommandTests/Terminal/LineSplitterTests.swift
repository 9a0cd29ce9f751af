import Testing

@testable import hansom

struct LineSplitterTests {
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

    @Test func `bounds a line without end`() throws {
        var splitter = LineSplitter(longestLine: 4)
        #expect(try splitter.lines(in: Array("1234\n".utf8)) == ["1234"])
        let failure = #expect(throws: CommandFailure.self) { try splitter.lines(in: Array("12345".utf8)) }
        #expect(failure?.message == "line 2 of the input is longer than 4 bytes")
    }
}
