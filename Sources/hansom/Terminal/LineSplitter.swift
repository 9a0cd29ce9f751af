/// Cuts a stream of bytes into lines of text, wherever its pieces end.
struct LineSplitter {
    private var pending: [UInt8] = []
    private var lineNumber = 0
    private let longestLine: Int

    /// - Parameter longestLine: bytes that a line may have, so that input without line ends cannot grow for ever.
    init(longestLine: Int = 16 << 20) { self.longestLine = longestLine }

    /// Takes the next piece and returns the lines that it completes.
    mutating func lines(in piece: [UInt8]) throws(CommandFailure) -> [String] {
        var lines: [String] = []
        var rest = piece[...]
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            pending += rest[..<end]
            lines.append(try takeLine())
            rest = rest[(end + 1)...]
        }
        pending += rest
        try checkLength()
        return lines
    }

    /// What stands behind the last line end, if anything.
    mutating func lastLine() throws(CommandFailure) -> String? { pending.isEmpty ? nil : try takeLine() }

    private mutating func takeLine() throws(CommandFailure) -> String {
        try checkLength()
        lineNumber += 1
        defer { pending = [] }
        guard let line = String(validating: pending, as: UTF8.self) else {
            throw CommandFailure(
                "line \(lineNumber) of the input is not UTF-8, as text must be (RFC 6455 section 5.6)")
        }
        return line
    }

    private func checkLength() throws(CommandFailure) {
        guard pending.count > longestLine else { return }
        throw CommandFailure("line \(lineNumber + 1) of the input is longer than \(longestLine) bytes")
    }
}
