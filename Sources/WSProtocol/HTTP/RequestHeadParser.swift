import HTTPTypes

/// Reads request heads, in pieces of any size, by the strict grammar of HTTP/1.1 (RFC 9112 sections 2 to 5).
///
/// What is lenient in others is refused here, for each such leniency has let a request be smuggled past a proxy. Where the target
/// is a URL, its host is what `Host` of the head says, whatever came (RFC 9112 section 3.2.2).
public struct RequestHeadParser: Sendable {
    private var reader: HeadReader
    private let acceptsHTTP10: Bool
    private var head = RequestHead(target: "", fields: [:])

    /// - Parameter acceptsHTTP10: for a server of ordinary requests too; no WebSocket begins with one.
    public init(limits: HeadLimits = .init(), acceptsHTTP10: Bool = false) {
        reader = Self.reader(limits)
        self.acceptsHTTP10 = acceptsHTTP10
    }

    private static func reader(_ limits: HeadLimits) -> HeadReader {
        HeadReader(limits: limits, longStartLineStatus: 414, mayBeginWithEmptyLine: true)
    }

    /// Takes the next bytes. Those behind the head are left alone: they belong to what follows.
    ///
    /// - Returns: how many bytes were taken, all of them unless the head is complete; and the head once it is. The parser is
    ///   then ready for the next one.
    /// - Throws: `HeadError` with the status to answer; the parser is of no further use.
    public mutating func parse(_ bytes: UnsafeRawBufferPointer) throws(HeadError) -> (consumed: Int, head: RequestHead?)
    {
        if reader.isAtStart, let first = unsafe bytes.first { try Self.checkFirst(first) }
        var head = head
        let acceptsHTTP10 = acceptsHTTP10
        let (consumed, isComplete) = unsafe try reader.read(bytes) { line throws(HeadError) in
            head = try Self.requestLine(line, acceptsHTTP10: acceptsHTTP10)
        }
        self.head = head
        guard isComplete else { return (consumed, nil) }
        head.fields = reader.fields
        try head.fields.checkFraming()
        try head.checkHost()
        if let host = RequestTarget(head.target).host { head.fields[.hostField] = host }
        self = RequestHeadParser(limits: reader.limits, acceptsHTTP10: acceptsHTTP10)
        return (consumed, head)
    }

    /// Takes the next bytes; see the other form.
    public mutating func parse(_ bytes: [UInt8]) throws(HeadError) -> (consumed: Int, head: RequestHead?) {
        try unsafe bytes.withUnsafeBufferPointer { memory throws(HeadError) in
            try unsafe parse(UnsafeRawBufferPointer(memory))
        }
    }

    /// Refuses at the first byte what cannot become a request, so that a client that speaks something else is not left
    /// waiting for a deadline.
    private static func checkFirst(_ byte: UInt8) throws(HeadError) {
        guard byte.isToken || byte == UInt8(ascii: "\r") || byte == UInt8(ascii: "\n") else {
            let hint = byte == 0x16 ? ", which begins a TLS handshake; this port speaks plain HTTP" : ""
            throw .badRequest("\(byte.shown) where a method begins\(hint) (RFC 9112 section 3)")
        }
    }

    /// `method SP target SP HTTP/1.1` (RFC 9112 section 3).
    private static func requestLine(_ line: [UInt8], acceptsHTTP10: Bool) throws(HeadError) -> RequestHead {
        let parts = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard parts.count == 3 else {
            throw .badRequest(
                "request line of \(parts.count) parts; allowed are method, target, version, one space between (RFC 9112 section 3)"
            )
        }
        guard let method = HTTPRequest.Method(String(decoding: parts[0], as: UTF8.self)) else {
            throw .badRequest("method that is not a token (RFC 9110 section 9.1)")
        }
        guard !parts[1].isEmpty else { throw .badRequest("empty request target (RFC 9112 section 3.2)") }
        if let bad = parts[1].first(where: { !$0.isVisible || $0 == UInt8(ascii: "#") }) {
            throw .badRequest("\(bad.shown) in the request target (RFC 9112 section 3.2)")
        }
        let isHTTP10 = parts[2].elementsEqual("HTTP/1.0".utf8)
        guard try HTTPVersion.isOneDotOne(parts[2]) || acceptsHTTP10 && isHTTP10 else {
            throw HTTPVersion.unsupported(parts[2])
        }
        return RequestHead(
            method: method, target: String(decoding: parts[1], as: UTF8.self), fields: [:], isHTTP10: isHTTP10)
    }
}
