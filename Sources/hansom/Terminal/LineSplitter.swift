/// Cuts a stream of bytes into lines, wherever its pieces end: at line feeds, or at NULs.
struct LineSplitter {
    private var pending: [UInt8] = []
    /// Of the lines returned so far.
    private var lineCount = 0
    private let longestLine: Int
    private let separator: UInt8

    /// - Parameters:
    ///   - longestLine: bytes that a line may have, so that input without line ends cannot grow for ever.
    ///   - separator: what ends a line.
    init(longestLine: Int = 16 << 20, separator: UInt8 = UInt8(ascii: "\n")) {
        self.longestLine = longestLine
        self.separator = separator
    }

    /// Takes the next piece and returns the lines that it completes.
    mutating func byteLines(in piece: [UInt8]) throws(CommandFailure) -> [[UInt8]] {
        var lines: [[UInt8]] = []
        var rest = piece[...]
        while let end = rest.firstIndex(of: separator) {
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

    /// As `byteLines(in:)`, of text. A carriage return in front of the line feed belongs to the line's end.
    mutating func lines(in piece: [UInt8]) throws(CommandFailure) -> [String] {
        let first = lineCount + 1
        var lines: [String] = []
        for line in try byteLines(in: piece) { lines.append(try text(line, number: first + lines.count)) }
        return lines
    }

    /// As `lastByteLine()`, of text.
    mutating func lastLine() throws(CommandFailure) -> String? {
        guard let line = try lastByteLine() else { return nil }
        return try text(line, number: lineCount)
    }

    private mutating func takeLine() throws(CommandFailure) -> [UInt8] {
        try checkLength()
        lineCount += 1
        defer { pending = [] }
        return pending
    }

    private func text(_ bytes: [UInt8], number: Int) throws(CommandFailure) -> String {
        let isCRLF = separator == UInt8(ascii: "\n") && bytes.last == UInt8(ascii: "\r")
        let line = isCRLF ? bytes.dropLast() : bytes[...]
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
