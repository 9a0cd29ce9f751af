internal import Actors
internal import Glibc
internal import HansomHTTP
internal import WSProtocol

/// Text from elsewhere, such that a terminal shows it and does nothing else.
///
/// Control characters (C0, DEL, C1) could move the cursor, recolour, rename the window or type for the user;
/// bidirectional controls show text in another order than it has; line breaks forge lines; what nobody sees (zero-width
/// characters, tags, variation selectors, fillers) makes texts differ that look the same, and carries hidden ones. All
/// of them are shown as one would write them in a string: `\n`, `\u{1B}`. Everything else stays, and so do the joiners
/// and selectors that belong to an emoji or to a script that needs them.
struct Printable: CustomStringConvertible {
    let description: String

    init(_ text: String) {
        guard !text.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            description = text
            return
        }
        var shown = String.UnicodeScalarView()
        Printable.forEachScalar(of: text) { scalar, isHarmful in
            if isHarmful {
                shown.append(contentsOf: Printable.escape(scalar).unicodeScalars)
            } else {
                shown.append(scalar)
            }
        }
        description = String(shown)
    }

    /// Goes through a text.
    ///
    /// - Parameter body: is given each scalar, and whether a terminal, or a reader, could be misled by it where it
    ///   stands.
    static func forEachScalar(of text: String, _ body: (Unicode.Scalar, Bool) -> Void) {
        var previous: Unicode.Scalar?
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            body(scalar, isHarmful(scalar, after: previous, before: rest.first))
            previous = scalar
        }
    }

    private static func isHarmful(
        _ scalar: Unicode.Scalar, after previous: Unicode.Scalar?, before next: Unicode.Scalar?
    ) -> Bool {
        switch scalar.value {
        case 0x20...0x7E: false
        case 0...0x9F: true
        // Marks of interlinear annotation.
        case 0xFFF9...0xFFFB: true
        // Joiners: between two that can be joined.
        case 0x200C, 0x200D: !(previous.map(isJoinable) == true && next.map(isJoinable) == true)
        // One selector behind what it selects a form of; the last 240 are for ideographs.
        case 0xFE00...0xFE0F: previous.map(hasForms) != true
        case 0xE0100...0xE01EF: previous?.properties.isIdeographic != true
        default:
            switch scalar.properties.generalCategory {
            case .lineSeparator, .paragraphSeparator: true
            default: scalar.properties.isBidiControl || scalar.properties.isDefaultIgnorableCodePoint
            }
        }
    }

    /// Whether a joiner beside it can be seen: letters of scripts that join, their marks, and emoji with their
    /// selector.
    private static func isJoinable(_ scalar: Unicode.Scalar) -> Bool {
        scalar.value == 0xFE0F || scalar.value >= 0x300 && !scalar.properties.isDefaultIgnorableCodePoint
    }

    private static func hasForms(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isEmoji || scalar.value >= 0x300 && !scalar.properties.isDefaultIgnorableCodePoint
    }

    private static func escape(_ scalar: Unicode.Scalar) -> String {
        switch scalar {
        case "\n": "\\n"
        case "\r": "\\r"
        case "\t": "\\t"
        default: "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        }
    }
}

/// Bytes in one line for a person: how many, and the first of them in hexadecimal.
struct HexDump: CustomStringConvertible {
    let description: String

    private static let most = 256

    init(_ bytes: [UInt8]) {
        let digits = bytes.prefix(HexDump.most).map { ($0 < 16 ? " 0" : " ") + String($0, radix: 16) }
        let more = bytes.count > HexDump.most ? " ..." : ""
        description = "binary, \(bytes.count) bytes:\(digits.joined())\(more)"
    }
}

extension JSONText {
    /// A line of JSON for a person or a program: an object of what `body` writes. No byte of it does anything to a
    /// terminal.
    static func line(_ body: (inout JSONText) -> Void) -> String {
        var json = JSONText(escaping: Printable.inJSON)
        json.object(nil, body)
        return json.text
    }

    /// Leaves out what is not there.
    mutating func member(_ key: String, optional value: String?) { if let value { member(key, value) } }

    mutating func member(_ key: String, optional value: Int?) { if let value { member(key, value) } }

    mutating func member(_ key: String, base64 bytes: [UInt8]) { member(key, Base64.encode(bytes)) }
}

extension Printable {
    /// As RFC 8259 section 7 writes a text; what a terminal would act on is escaped besides.
    static func inJSON(_ text: String) -> String {
        var result = ""
        forEachScalar(of: text) { scalar, isHarmful in
            switch scalar {
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            case _ where isHarmful || scalar == "\"" || scalar == "\\": result += LogText.escaped(String(scalar), .json)
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

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

/// A point in time as RFC 3339 writes it, in UTC and to the millisecond: `2026-05-04T03:02:01.000Z`.
struct Timestamp: CustomStringConvertible {
    let description: String

    /// - Parameters:
    ///   - seconds: since the beginning of 1970, without leap seconds.
    ///   - milliseconds: 0 to 999.
    init(seconds: Int, milliseconds: Int) {
        description = CalendarTime(secondsSince1970: Int64(seconds)).rfc3339(milliseconds: milliseconds)
    }

    static var now: Timestamp {
        var time = timespec()
        // Safety: the call fills one value that lives as long as the call.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: time.tv_sec, milliseconds: time.tv_nsec / 1_000_000)
    }
}
