import HTTPTypes

/// Cuts a head into lines, and gathers its fields: what requests and responses have in common (RFC 9112 section 2.1).
///
/// A byte is looked at once for the line's end, copied once, and parsed once, however the head is cut.
struct HeadReader: Sendable {
    /// The status for a start line that is too long: 414 for a request's, which is mostly its target.
    let longStartLineStatus: Int
    let limits: HeadLimits
    private(set) var fields = HTTPFields()

    private var line: [UInt8] = []
    private var byteCount = 0
    private var fieldLineCount = 0
    private var hasStartLine = false
    private var mayBeginWithEmptyLine: Bool

    init(limits: HeadLimits, longStartLineStatus: Int, mayBeginWithEmptyLine: Bool) {
        self.limits = limits
        self.longStartLineStatus = longStartLineStatus
        self.mayBeginWithEmptyLine = mayBeginWithEmptyLine
    }

    /// For what has no start line: the trailers of a body in chunks (RFC 9112 section 7.1.2).
    init(trailersWithin limits: HeadLimits) {
        self.init(limits: limits, longStartLineStatus: 431, mayBeginWithEmptyLine: false)
        hasStartLine = true
    }

    /// Whether not a byte of the head has come.
    var isAtStart: Bool { byteCount == 0 }

    /// Takes bytes up to the end of the head.
    ///
    /// - Parameter startLine: is given the first line.
    /// - Returns: how many bytes belong to the head, and whether it is complete.
    mutating func read(
        _ bytes: UnsafeRawBufferPointer, startLine: ([UInt8]) throws(HeadError) -> Void
    ) throws(HeadError) -> (consumed: Int, isComplete: Bool) {
        var offset = 0
        while unsafe try nextLine(bytes, from: &offset) {
            if !hasStartLine {
                if line.isEmpty, mayBeginWithEmptyLine {
                    // "A server ... SHOULD ignore at least one empty line (CRLF) received prior to the request-line"
                    // (RFC 9112 section 2.2).
                    mayBeginWithEmptyLine = false
                    continue
                }
                try startLine(line)
                hasStartLine = true
            } else if line.isEmpty {
                return (offset, true)
            } else {
                try appendField()
            }
            line.removeAll(keepingCapacity: true)
        }
        return (offset, false)
    }

    /// Gathers the next line in `line`, without its end; false when `bytes` end first.
    private mutating func nextLine(_ bytes: UnsafeRawBufferPointer, from offset: inout Int) throws(HeadError) -> Bool {
        let rest = unsafe UnsafeRawBufferPointer(rebasing: bytes[offset...])
        // One byte more than allowed is the carriage return, one more the line feed.
        let lineAndEnd = limits.maxLineBytes.addingReportingOverflow(2)
        let longest = lineAndEnd.overflow ? Int.max : lineAndEnd.partialValue
        let room = min(longest &- line.count, limits.maxHeadBytes &- byteCount)
        let visible = unsafe UnsafeRawBufferPointer(rebasing: rest.prefix(room))
        let end = unsafe visible.firstIndex(of: UInt8(ascii: "\n"))
        let part = end.map { $0 + 1 } ?? visible.count
        unsafe line.append(contentsOf: visible.prefix(part))
        offset += part
        byteCount += part
        guard end != nil else {
            if byteCount >= limits.maxHeadBytes {
                throw HeadError(
                    status: 431, message: "head longer than maxHeadBytes \(limits.maxHeadBytes) (RFC 6585 section 5)")
            }
            if line.count >= longest { throw longLine }
            return false
        }
        line.removeLast()
        guard line.popLast() == UInt8(ascii: "\r") else {
            throw .badRequest(
                "line feed without a carriage return before it; lines end with CR LF (RFC 9112 section 2.2)")
        }
        return true
    }

    private var longLine: HeadError {
        HeadError(
            status: hasStartLine ? 431 : longStartLineStatus,
            message: "line longer than maxLineBytes \(limits.maxLineBytes) (RFC 6585 section 5)")
    }

    private mutating func appendField() throws(HeadError) {
        fieldLineCount += 1
        guard fieldLineCount <= limits.maxLines else {
            throw HeadError(
                status: 431, message: "more field lines than maxLines \(limits.maxLines) (RFC 6585 section 5)")
        }
        fields.append(try Self.field(line))
    }

    /// One field line (RFC 9112 section 5).
    private static func field(_ line: [UInt8]) throws(HeadError) -> HTTPField {
        guard line[0] != UInt8(ascii: " "), line[0] != UInt8(ascii: "\t") else {
            throw .badRequest("folded field line; line folding is obsolete (RFC 9112 section 5.2)")
        }
        guard let colon = line.firstIndex(of: UInt8(ascii: ":")) else {
            throw .badRequest("field line without a colon (RFC 9112 section 5)")
        }
        if let bad = line[..<colon].first(where: { !$0.isToken }) {
            throw .badRequest(
                "\(bad.shown) in a field name; names are tokens, no space before the colon (RFC 9112 section 5.1)")
        }
        let value = line[(colon + 1)...].trimmingWhitespace
        if let bad = value.first(where: { !$0.isFieldContent }) {
            throw .badRequest(
                "\(bad.shown) in a field value; allowed are space, tab, visible bytes (RFC 9110 section 5.5)")
        }
        guard let name = HTTPField.Name(String(decoding: line[..<colon], as: UTF8.self)) else {
            throw .badRequest("field line without a name (RFC 9112 section 5)")
        }
        return HTTPField(name: name, lenientValue: value)
    }
}
