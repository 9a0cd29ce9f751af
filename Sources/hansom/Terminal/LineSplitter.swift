/// Cuts a stream of bytes into lines, wherever its pieces end.
struct LineSplitter {
    private var pending: [UInt8] = []
    /// Of the lines returned so far.
    private var lineCount = 0
    private let longestLine: Int

    /// - Parameter longestLine: bytes that a line may have, so that input without line ends cannot grow for ever.
    init(longestLine: Int = 16 << 20) { self.longestLine = longestLine }

    /// Takes the next piece and returns the lines that it completes.
    mutating func byteLines(in piece: [UInt8]) throws(CommandFailure) -> [[UInt8]] {
        var lines: [[UInt8]] = []
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
    mutating func lastByteLine() throws(CommandFailure) -> [UInt8]? { pending.isEmpty ? nil : try takeLine() }

    /// As `byteLines(in:)`, of text.
    mutating func lines(in piece: [UInt8]) throws(CommandFailure) -> [String] {
        let first = lineCount + 1
        var lines: [String] = []
        for line in try byteLines(in: piece) { lines.append(try LineSplitter.text(line, number: first + lines.count)) }
        return lines
    }

    /// As `lastByteLine()`, of text.
    mutating func lastLine() throws(CommandFailure) -> String? {
        guard let line = try lastByteLine() else { return nil }
        return try LineSplitter.text(line, number: lineCount)
    }

    private mutating func takeLine() throws(CommandFailure) -> [UInt8] {
        try checkLength()
        lineCount += 1
        defer { pending = [] }
        return pending
    }

    private static func text(_ line: [UInt8], number: Int) throws(CommandFailure) -> String {
        guard let text = String(validating: line, as: UTF8.self) else {
            throw CommandFailure("line \(number) of the input is not UTF-8, as text must be (RFC 6455 section 5.6)")
        }
        return text
    }

    private func checkLength() throws(CommandFailure) {
        guard pending.count > longestLine else { return }
        throw CommandFailure("line \(lineCount + 1) of the input is longer than \(longestLine) bytes")
    }
}
