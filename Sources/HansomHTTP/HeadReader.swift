/// Cuts a head into lines, and gathers its fields: what requests and responses have in common (RFC 9112 section 2.1).
///
/// A byte is looked at once for the line's end, copied once, and parsed once, however the head is cut. A line of a request
/// that has come in one piece is parsed where it lies.
struct HeadReader: Sendable {
    /// What is made of lines that are not as they should be.
    enum Manner: Hashable, Sendable {
        /// Each is refused: each leniency has let a request be smuggled past a proxy.
        case request
        /// Folded lines are unfolded, as a user agent must (RFC 9112 section 5.2). All else is refused, or, where it is
        /// forgiving, passed over and remembered as `fault`: the other lines keep their sense.
        case response(isForgiving: Bool)
    }

    /// The status for a start line that is too long: 414 for a request's, which is mostly its target.
    let longStartLineStatus: Int
    let limits: HeadLimits
    private var gathered = FieldLines.Gathered()
    /// The first thing that was wrong, where that is forgiven.
    private(set) var fault: HeadError?
    /// Whether the head was given up at its limit, where that is forgiven: where it ends is not known.
    private(set) var isCut = false

    private let manner: Manner
    private var line: [UInt8] = []
    /// Whether only the beginning of the line is in `line`.
    private var isLineCut = false
    /// A response's field line that may be continued by the next one.
    private var heldField: [UInt8] = []
    /// Whether the last field line was passed over, and what continues it is too.
    private var passesOverFolds = false
    private var byteCount = 0
    private var fieldLineCount = 0
    private var hasStartLine = false
    private var mayBeginWithEmptyLine: Bool

    init(limits: HeadLimits, longStartLineStatus: Int, mayBeginWithEmptyLine: Bool, manner: Manner = .request) {
        self.limits = limits
        self.longStartLineStatus = longStartLineStatus
        self.mayBeginWithEmptyLine = mayBeginWithEmptyLine
        self.manner = manner
    }

    /// For what has no start line: the trailers of a body in chunks (RFC 9112 section 7.1.2).
    init(trailersWithin limits: HeadLimits) {
        self.init(limits: limits, longStartLineStatus: 431, mayBeginWithEmptyLine: false)
        hasStartLine = true
    }

    /// The fields that have come.
    var lines: FieldLines { FieldLines(gathered) }

    /// Whether not a byte of the head has come.
    var isAtStart: Bool { byteCount == 0 }

    /// Takes bytes up to the end of the head.
    ///
    /// - Parameter startLine: is given the first line.
    /// - Returns: how many bytes belong to the head, and whether it is complete.
    mutating func read(
        _ bytes: UnsafeRawBufferPointer, startLine: (Span<UInt8>) throws(HeadError) -> Void
    ) throws(HeadError) -> (consumed: Int, isComplete: Bool) {
        // Safety: the caller's memory, which is there until this returns.
        let all = unsafe Span<UInt8>(_unsafeBytes: bytes)
        var offset = 0
        while true {
            if let whole = try wholeLine(all, from: &offset) {
                if try take(all.extracting(whole), startLine, expecting: all.count) { return (offset, true) }
                continue
            }
            guard unsafe try nextLine(bytes, from: &offset) else { break }
            var whole: [UInt8] = []
            swap(&whole, &line)
            if try take(whole.span, startLine, expecting: all.count) { return (offset, true) }
            swap(&whole, &line)
            line.removeAll(keepingCapacity: true)
            isLineCut = false
        }
        guard isCut else { return (offset, false) }
        if !hasStartLine { try startLine(line.span) }
        try endField()
        return (offset, true)
    }

    /// Takes a line without its end.
    ///
    /// - Returns: whether it ends the head.
    private mutating func take(
        _ line: Span<UInt8>, _ startLine: (Span<UInt8>) throws(HeadError) -> Void, expecting count: Int
    ) throws(HeadError) -> Bool {
        if !hasStartLine {
            if line.isEmpty, mayBeginWithEmptyLine {
                // "A server ... SHOULD ignore at least one empty line (CRLF) received prior to the request-line"
                // (RFC 9112 section 2.2).
                mayBeginWithEmptyLine = false
                return false
            }
            try startLine(line)
            hasStartLine = true
            return false
        }
        if line.isEmpty {
            try endField()
            return true
        }
        try takeFieldLine(line, expecting: count)
        return false
    }

    // MARK: Lines

    /// No more will come: what is held counts, unless a part of what continues it has come.
    mutating func breakOff() throws(HeadError) {
        if let first = line.first, first == UInt8(ascii: " ") || first == UInt8(ascii: "\t") { heldField = [] }
        try endField()
    }

    /// Where the next line of a request is, without its end, if all of it is there and nothing before; `nil`: it is to be
    /// gathered, or refused.
    private mutating func wholeLine(_ all: Span<UInt8>, from offset: inout Int) throws(HeadError) -> Range<Int>? {
        guard manner == .request, line.isEmpty, offset < all.count else { return nil }
        let visible = min(all.count - offset, max(0, limits.maxHeadBytes &- byteCount))
        let start = offset
        guard let end = all.extracting(start..<start + visible).firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        guard end > 0, end - 1 <= limits.maxLineBytes, all[start + end - 1] == UInt8(ascii: "\r") else { return nil }
        offset += end + 1
        byteCount += end + 1
        return start..<start + end - 1
    }

    /// Gathers the next line in `line`, without its end; false when `bytes` end first, or the head is given up.
    private mutating func nextLine(_ bytes: UnsafeRawBufferPointer, from offset: inout Int) throws(HeadError) -> Bool {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...])
        // One byte more than allowed is the carriage return, one more the line feed.
        let lineAndEnd = limits.maxLineBytes.addingReportingOverflow(2)
        let longest = lineAndEnd.overflow ? Int.max : lineAndEnd.partialValue
        let visible = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(max(0, limits.maxHeadBytes &- byteCount)))
        let end = unsafe visible.firstIndex(of: UInt8(ascii: "\n"))
        let part = end.map { $0 + 1 } ?? visible.count
        let room = max(0, longest &- line.count)
        unsafe line.append(contentsOf: visible.prefix(min(part, room)))
        offset += part
        byteCount += part
        if part > room || end == nil && part == room {
            try meet(longLine)
            isLineCut = true
        }
        guard end != nil else {
            if byteCount >= limits.maxHeadBytes {
                try meet(
                    HeadError(
                        status: 431,
                        message: "head longer than headLimits.maxHeadBytes \(limits.maxHeadBytes) (RFC 6585 section 5)")
                )
                isCut = true
            }
            return false
        }
        if !isLineCut { try takeLineEnd() }
        return true
    }

    private mutating func takeLineEnd() throws(HeadError) {
        line.removeLast()
        if line.last == UInt8(ascii: "\r") {
            line.removeLast()
        } else {
            try meet(
                .badRequest(
                    "line feed without a carriage return before it; lines end with CR LF (RFC 9112 section 2.2)"))
        }
    }

    private var longLine: HeadError {
        HeadError(
            status: hasStartLine ? 431 : longStartLineStatus,
            message: "line longer than headLimits.maxLineBytes \(limits.maxLineBytes) (RFC 6585 section 5)")
    }

    /// Refuses, or forgives.
    private mutating func meet(_ error: HeadError) throws(HeadError) {
        guard manner == .response(isForgiving: true) else { throw error }
        fault = fault ?? error
    }

    // MARK: Fields

    private mutating func takeFieldLine(_ line: Span<UInt8>, expecting count: Int) throws(HeadError) {
        fieldLineCount += 1
        let isBeyond = fieldLineCount > limits.maxLines
        if isBeyond {
            try meet(
                HeadError(
                    status: 431,
                    message: "more field lines than headLimits.maxLines \(limits.maxLines) (RFC 6585 section 5)"))
        }
        if manner == .request { return try add(line, expecting: count) }
        if line[0].isBlank { return try unfold(line) }
        try endField()
        passesOverFolds = isLineCut || isBeyond
        if !passesOverFolds { unsafe line.withUnsafeBufferPointer { unsafe heldField.append(contentsOf: $0) } }
    }

    /// "A user agent that receives an obs-fold in a response message ... MUST replace each received obs-fold with one
    /// or more SP octets prior to interpreting the field value" (RFC 9112 section 5.2).
    private mutating func unfold(_ line: Span<UInt8>) throws(HeadError) {
        if passesOverFolds { return }
        guard !heldField.isEmpty else {
            passesOverFolds = true
            return try meet(.badRequest("white space before the first field line (RFC 9112 section 2.2)"))
        }
        let more = line.extracting(line.trimmed(line.indices))
        guard !isLineCut, heldField.count + 1 + more.count <= limits.maxLineBytes else {
            passesOverFolds = true
            heldField.removeAll(keepingCapacity: true)
            return try meet(longLine)
        }
        heldField.append(UInt8(ascii: " "))
        unsafe more.withUnsafeBufferPointer { unsafe heldField.append(contentsOf: $0) }
    }

    /// Nothing continues the field line that is held.
    private mutating func endField() throws(HeadError) {
        guard !heldField.isEmpty else { return }
        do throws(HeadError) {
            try closeNameUp()
            let field = heldField
            try add(field.span, expecting: 0)
        } catch {
            try meet(error)
        }
        heldField.removeAll(keepingCapacity: true)
    }

    /// White space between a name and its colon is taken away where it is forgiven, as proxies must do with responses
    /// (RFC 9112 section 5.1).
    private mutating func closeNameUp() throws(HeadError) {
        guard let colon = heldField.firstIndex(of: UInt8(ascii: ":")) else { return }
        let name = heldField[..<colon].trimmingWhitespace
        guard name.endIndex < colon else { return }
        try meet(
            .badRequest("white space between a field's name and its colon (RFC 9112 section 5.1)"))
        heldField.removeSubrange(name.endIndex..<colon)
    }

    /// One field line (RFC 9112 section 5).
    private mutating func add(_ line: Span<UInt8>, expecting count: Int) throws(HeadError) {
        guard !line[0].isBlank else {
            throw .badRequest("folded field line; line folding is obsolete (RFC 9112 section 5.2)")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw .badRequest("field line without a colon (RFC 9112 section 5)")
        }
        for index in 0..<colon where !line[index].isToken {
            throw .badRequest(
                "\(line[index].shown) in a field name; names are tokens, no space before the colon (RFC 9112 section 5.1)"
            )
        }
        let value = line.extracting(line.trimmed((colon + 1)..<line.count))
        if let bad = value.firstNoContent {
            throw .badRequest(
                "\(bad.shown) in a field value; allowed are space, tab, visible bytes (RFC 9110 section 5.5)")
        }
        guard colon > 0 else {
            throw .badRequest("field line without a name (RFC 9112 section 5)")
        }
        gathered.append(line.extracting(0..<colon), value, expecting: count)
    }
}

/// Why an HTTP head, or the body behind it, was refused, and the status that says so (RFC 9110 section 15.5).
public struct HeadError: Error, Hashable, Sendable {
    /// 400, 413, 414, 417, 431, 501 or 505.
    public let status: Int
    /// What came, what is allowed, and where it is written.
    public let message: String

    /// An error by its parts; neither is checked.
    ///
    /// - Parameters:
    ///   - status: what the request is to be answered with.
    ///   - message: why, for a person; a server that answers sends it as the body.
    public init(status: Int, message: String) {
        self.status = status
        self.message = message
    }

    static func badRequest(_ message: String) -> HeadError { HeadError(status: 400, message: message) }
}

extension HeadError: CustomStringConvertible {
    public var description: String { "\(status): \(message)" }
}

/// How much of an HTTP head is read before it is refused (RFC 9112 section 2.3, RFC 6585 section 5).
public struct HeadLimits: Hashable, Sendable {
    /// The bytes of one line, without its end. 8 KiB unless told otherwise; cookies and tokens may want more.
    public var maxLineBytes: Int
    /// The field lines. 100 unless told otherwise.
    public var maxLines: Int
    /// The bytes of the whole head. 64 KiB unless told otherwise.
    public var maxHeadBytes: Int

    /// Limits by their parts, the first for each line, the second for their number, the last for the whole head.
    ///
    /// Each must be at least 1: `connect` and `listen` throw `.invalidConfiguration` for less.
    public init(maxLineBytes: Int = 8 << 10, maxLines: Int = 100, maxHeadBytes: Int = 64 << 10) {
        self.maxLineBytes = maxLineBytes
        self.maxLines = maxLines
        self.maxHeadBytes = maxHeadBytes
    }

    /// For a head that was taken already.
    package static let none = HeadLimits(maxLineBytes: .max, maxLines: .max, maxHeadBytes: .max)

    /// Which of these no head could keep, by the name of the option, or `nil`.
    package var objection: String? {
        let limits = [("maxLineBytes", maxLineBytes), ("maxLines", maxLines), ("maxHeadBytes", maxHeadBytes)]
        return limits.first { $0.1 < 1 }.map { "headLimits.\($0.0) \($0.1); at least 1 is needed" }
    }
}
