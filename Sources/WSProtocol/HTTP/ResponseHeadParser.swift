/// Reads response heads, in pieces of any size, by the strict grammar of HTTP/1.1 (RFC 9112 sections 2 to 5).
public struct ResponseHeadParser: Sendable {
    private var reader: HeadReader
    private let acceptsHTTP10: Bool
    private var status = 0
    private var reasonPhrase = ""

    /// - Parameter acceptsHTTP10: many proxies answer CONNECT with HTTP/1.0; nothing else may.
    public init(limits: HeadLimits = .init(), acceptsHTTP10: Bool = false) {
        reader = HeadReader(limits: limits, longStartLineStatus: 431, mayBeginWithEmptyLine: false)
        self.acceptsHTTP10 = acceptsHTTP10
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
        let acceptsHTTP10 = acceptsHTTP10
        let (consumed, isComplete) = unsafe try reader.read(bytes) { line throws(HeadError) in
            (status, reasonPhrase) = try Self.statusLine(line, acceptsHTTP10: acceptsHTTP10)
        }
        (self.status, self.reasonPhrase) = (status, reasonPhrase)
        guard isComplete else { return (consumed, nil) }
        let head = ResponseHead(status: status, reasonPhrase: reasonPhrase, fields: reader.fields)
        try head.fields.checkFraming()
        self = ResponseHeadParser(limits: reader.limits, acceptsHTTP10: acceptsHTTP10)
        return (consumed, head)
    }

    /// Takes the next bytes; see the other form.
    public mutating func parse(_ bytes: [UInt8]) throws(HeadError) -> (consumed: Int, head: ResponseHead?) {
        try unsafe bytes.withUnsafeBufferPointer { memory throws(HeadError) in
            try unsafe parse(UnsafeRawBufferPointer(memory))
        }
    }

    /// `HTTP/1.1 SP status SP reason` (RFC 9112 section 4). The last space is left out by some servers when there is no
    /// reason; that deceives nobody.
    private static func statusLine(_ line: [UInt8], acceptsHTTP10: Bool) throws(HeadError) -> (Int, String) {
        let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 2, omittingEmptySubsequences: false)
        guard try HTTPVersion.isOneDotOne(parts[0]) || acceptsHTTP10 && parts[0].elementsEqual("HTTP/1.0".utf8) else {
            throw HTTPVersion.unsupported(parts[0])
        }
        guard parts.count > 1, parts[1].count == 3, parts[1].allSatisfy(\.isDigit) else {
            throw .badRequest("status line without a status of three digits (RFC 9112 section 4)")
        }
        let reason = parts.count == 3 ? parts[2] : []
        if let bad = reason.first(where: { !$0.isFieldContent }) {
            throw .badRequest("\(bad.shown) in the reason phrase (RFC 9112 section 4)")
        }
        let status = parts[1].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return (status, String(decoding: reason, as: UTF8.self))
    }
}
