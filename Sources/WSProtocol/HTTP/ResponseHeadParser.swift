/// Reads response heads, in pieces of any size, by the strict grammar of HTTP/1.1 (RFC 9112 sections 2 to 5). Folded lines are
/// unfolded, as a user agent must (section 5.2).
public struct ResponseHeadParser: Sendable {
    private var reader: HeadReader
    private let acceptsHTTP10: Bool
    private let isForgiving: Bool
    private var status = 0
    private var reasonPhrase = ""

    /// - Parameters:
    ///   - acceptsHTTP10: many proxies answer CONNECT with HTTP/1.0; nothing else may.
    ///   - isForgiving: whether of an answer that grants nothing, one that is no 101, is taken what is sure: a line that is
    ///     malformed, too long or one too many is passed over, a head that is too long ends at the limit, and `fault` of the
    ///     head says what was wrong first. Otherwise such a head is refused, and its status is lost with it.
    public init(limits: HeadLimits = .init(), acceptsHTTP10: Bool = false, isForgiving: Bool = false) {
        reader = HeadReader(
            limits: limits, longStartLineStatus: 431, mayBeginWithEmptyLine: false,
            manner: .response(isForgiving: isForgiving))
        self.acceptsHTTP10 = acceptsHTTP10
        self.isForgiving = isForgiving
    }

    /// Takes the next bytes. Those behind the head are left alone: they belong to what follows.
    ///
    /// - Returns: how many bytes were taken, all of them unless the head is complete; and the head once it is. The parser is
    ///   then ready for the next one.
    /// - Throws: `HeadError`; the parser is of no further use.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(HeadError) -> (
        consumed: Int, head: ResponseHead?
    ) {
        if reader.isAtStart, let first = unsafe bytes.first, first != UInt8(ascii: "H") {
            let hint = first == 0x15 ? ", which begins a TLS alert; the port speaks TLS" : ""
            throw .badRequest("\(first.shown) where HTTP/1.1 begins\(hint) (RFC 9112 section 4)")
        }
        var (status, reasonPhrase) = (status, reasonPhrase)
        let (acceptsHTTP10, isForgiving) = (acceptsHTTP10, isForgiving)
        let (consumed, isComplete) = unsafe try reader.read(bytes) { line throws(HeadError) in
            (status, reasonPhrase) = try Self.statusLine(line, acceptsHTTP10: acceptsHTTP10, isForgiving: isForgiving)
        }
        (self.status, self.reasonPhrase) = (status, reasonPhrase)
        // It decides what the bytes behind it are: frames.
        if status == 101, let fault = reader.fault { throw fault }
        guard isComplete else { return (consumed, nil) }
        var head = headSoFar
        if status == 101 || !isForgiving {
            try head.fields.checkFraming()
        } else if let fault = head.fields.settleFraming() {
            head.fault = head.fault ?? fault
        }
        self = ResponseHeadParser(limits: reader.limits, acceptsHTTP10: acceptsHTTP10, isForgiving: isForgiving)
        return (consumed, head)
    }

    /// What is known of a head that is not complete; `nil` before the end of its status line, and of a 101, which means
    /// nothing unless it is whole.
    package var begun: ResponseHead? {
        guard isForgiving, status != 0, status != 101 else { return nil }
        var last = self
        // A parser that forgives does not throw here.
        try? last.reader.breakOff()
        var head = last.headSoFar
        head.isCut = true
        head.fault = head.fault ?? .badRequest("head that ends before its empty line (RFC 9112 section 2.1)")
        return head
    }

    private var headSoFar: ResponseHead {
        var head = ResponseHead(status: status, reasonPhrase: reasonPhrase, fields: reader.fields)
        (head.fault, head.isCut) = (reader.fault, reader.isCut)
        return head
    }

    /// Takes the next bytes; see the other form.
    public mutating func parse(_ bytes: [UInt8]) throws(HeadError) -> (consumed: Int, head: ResponseHead?) {
        try unsafe bytes.withUnsafeBufferPointer { memory throws(HeadError) in
            try unsafe parse(UnsafeRawBufferPointer(memory))
        }
    }

    /// `HTTP/1.1 SP status SP reason` (RFC 9112 section 4). The last space is left out by some servers when there is no
    /// reason; that deceives nobody.
    private static func statusLine(
        _ line: [UInt8], acceptsHTTP10: Bool, isForgiving: Bool
    ) throws(HeadError) -> (Int, String) {
        let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        guard try HTTPVersion.isOneDotOne(parts[0]) || acceptsHTTP10 && parts[0].elementsEqual("HTTP/1.0".utf8) else {
            throw HTTPVersion.unsupported(parts[0])
        }
        guard parts.count > 1, parts[1].count == 3, parts[1].allSatisfy(\.isDigit) else {
            throw .badRequest("status line without a status of three digits (RFC 9112 section 4)")
        }
        let reason = parts.count == 3 ? parts[2] : []
        let status = parts[1].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        if let bad = reason.first(where: { !$0.isFieldContent }) {
            // "A client SHOULD ignore the reason-phrase content" (RFC 9112 section 4).
            if isForgiving, status != 101 { return (status, "") }
            throw .badRequest("\(bad.shown) in the reason phrase (RFC 9112 section 4)")
        }
        return (status, String(decoding: reason, as: UTF8.self))
    }
}
