public import HTTPTypes

/// A request without its content (RFC 9112 section 3).
public struct RequestHead: Sendable {
    /// What the client asks to be done with the target (RFC 9110 section 9); any token, upper and lower case apart.
    public var method: HTTPRequest.Method
    /// The request target as it came: path and query, as a rule.
    public var target: String
    /// The header fields in their order. Where the target is a URL, a parser has made `Host` agree with it (RFC 9112
    /// section 3.2.2).
    public var fields: HTTPFields {
        get { lines.fields }
        set { lines = FieldLines(newValue) }
    }
    /// The same as they came.
    package private(set) var lines: FieldLines
    /// Whether it came as HTTP/1.0, whose senders know neither `Upgrade` nor chunks, and need not say `Host`.
    public var isHTTP10: Bool

    /// A head by its parts, as a parser would give it; nothing is checked.
    ///
    /// - Parameters:
    ///   - method: default GET, the only one that begins a WebSocket.
    ///   - target: path and query as they stand on the wire, percent-encoded.
    ///   - fields: the header fields; an HTTP/1.1 request needs `Host` among them.
    ///   - isHTTP10: whether it came as HTTP/1.0; default no.
    public init(method: HTTPRequest.Method = .get, target: String, fields: HTTPFields, isHTTP10: Bool = false) {
        self.init(method, target, FieldLines(fields), isHTTP10: isHTTP10)
    }

    init(_ method: HTTPRequest.Method, _ target: String, _ lines: FieldLines, isHTTP10: Bool) {
        self.method = method
        self.target = target
        self.lines = lines
        self.isHTTP10 = isHTTP10
    }

    /// The same head with these fields.
    func with(_ lines: FieldLines) -> RequestHead { RequestHead(method, target, lines, isHTTP10: isHTTP10) }
}

extension RequestHead: Hashable {
    public static func == (one: RequestHead, other: RequestHead) -> Bool {
        one.method == other.method && one.target == other.target && one.isHTTP10 == other.isHTTP10
            && one.fields == other.fields
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(method)
        hasher.combine(target)
        hasher.combine(fields)
        hasher.combine(isHTTP10)
    }
}

/// The version in a start line (RFC 9112 section 2.3).
enum HTTPVersion {
    /// Whether the version is HTTP/1.1, the one that can be upgraded from (RFC 6455 section 4.1).
    ///
    /// - Throws: 400 when it is no HTTP version at all.
    static func isOneDotOne(_ bytes: Span<UInt8>) throws(HeadError) -> Bool {
        guard bytes.count == 8, bytes.isExactly(0..<5, "HTTP/"), bytes[5].isDigit, bytes[6] == UInt8(ascii: "."),
            bytes[7].isDigit
        else {
            throw .badRequest("start line without an HTTP version, such as HTTP/1.1 (RFC 9112 section 2.3)")
        }
        return bytes[5] == UInt8(ascii: "1") && bytes[7] == UInt8(ascii: "1")
    }

    static func unsupported(_ bytes: Span<UInt8>) -> HeadError {
        HeadError(
            status: 505,
            message: "\(bytes.text); only HTTP/1.1 is spoken (RFC 9110 section 15.6.6)")
    }
}

/// Reads request heads, in pieces of any size, by the strict grammar of HTTP/1.1 (RFC 9112 sections 2 to 5).
///
/// What is lenient in others is refused here, for each such leniency has let a request be smuggled past a proxy. Where
/// the target is a URL, its host is what `Host` of the head says, whatever came (RFC 9112 section 3.2.2).
public struct RequestHeadParser: Sendable {
    private var reader: HeadReader
    private let acceptsHTTP10: Bool
    private var head = RequestHead(.get, "", .none, isHTTP10: false)

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
    /// - Returns: how many bytes were taken, all of them unless the head is complete; and the head once it is. The
    ///   parser is then ready for the next one.
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
        head = head.with(reader.lines)
        try head.lines.checkFraming()
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
    private static func requestLine(_ line: Span<UInt8>, acceptsHTTP10: Bool) throws(HeadError) -> RequestHead {
        let space = UInt8(ascii: " ")
        guard let methodEnd = line.firstIndex(of: space),
            let targetEnd = line.firstIndex(of: space, from: methodEnd + 1),
            line.firstIndex(of: space, from: targetEnd + 1) == nil
        else {
            let parts = line.indices.count { line[$0] == space } + 1
            throw .badRequest(
                "request line of \(parts) parts; allowed are method, target, version, one space between (RFC 9112 section 3)"
            )
        }
        let isGET = line.isExactly(0..<methodEnd, "GET")
        guard let method = isGET ? .get : HTTPRequest.Method(line.extracting(0..<methodEnd).text) else {
            throw .badRequest("method that is not a token (RFC 9110 section 9.1)")
        }
        let target = line.extracting((methodEnd + 1)..<targetEnd)
        guard !target.isEmpty else { throw .badRequest("empty request target (RFC 9112 section 3.2)") }
        for index in target.indices where !target[index].isVisible || target[index] == UInt8(ascii: "#") {
            throw .badRequest("\(target[index].shown) in the request target (RFC 9112 section 3.2)")
        }
        let version = line.extracting((targetEnd + 1)..<line.count)
        let isHTTP10 = version.isExactly(version.indices, "HTTP/1.0")
        guard try HTTPVersion.isOneDotOne(version) || acceptsHTTP10 && isHTTP10 else {
            throw HTTPVersion.unsupported(version)
        }
        return RequestHead(method, target.text, .none, isHTTP10: isHTTP10)
    }
}

/// Reads the requests of one connection, one after the other, by the strict grammar of HTTP/1.1: heads, then bodies.
///
/// It holds what came too early: the next requests of a client that does not wait for answers, or what follows a
/// request for a WebSocket. Whoever reads stops giving it bytes while it has some left, so that is one read's worth.
package struct RequestReader: Sendable {
    private let maxBodyBytes: Int
    private let limits: HeadLimits
    private var parser: RequestHeadParser
    private var held: ArraySlice<UInt8> = []
    private var headBytes: [UInt8] = []
    private var body: BodyReader?

    /// - Parameters:
    ///   - limits: of each head, and of the trailers behind a body in chunks.
    ///   - maxBodyBytes: a longer body is 413.
    package init(limits: HeadLimits = .init(), maxBodyBytes: Int) {
        self.maxBodyBytes = maxBodyBytes
        self.limits = limits
        parser = RequestHeadParser(limits: limits, acceptsHTTP10: true)
    }

    /// Whether a byte of the next request has come.
    package var hasBegun: Bool { !headBytes.isEmpty || !held.isEmpty }

    /// How many bytes wait that came too early.
    package var heldCount: Int { held.count }

    /// Takes what was read.
    package mutating func receive(_ bytes: [UInt8]) {
        if held.isEmpty { held = bytes[...] } else { held += bytes }
    }

    /// The next request's head; `nil`: it takes more bytes.
    ///
    /// - Throws: with the status to answer before the connection ends; the reader is of no further use.
    package mutating func nextHead() throws(HeadError) -> IncomingRequest? {
        let (consumed, head) = try unsafe held.withUnsafeBufferPointer { memory throws(HeadError) in
            try unsafe parser.parse(UnsafeRawBufferPointer(memory))
        }
        // Nearly always one read has brought the head, and nothing else: then it is the head as it came.
        if headBytes.isEmpty, consumed == held.count {
            headBytes = Array(held)
        } else {
            headBytes += held.prefix(consumed)
        }
        drop(consumed)
        guard let head else { return nil }
        let request = try IncomingRequest(head, headBytes)
        headBytes = []
        body = try BodyReader(request.framing, limit: maxBodyBytes, trailerLimits: limits)
        return request
    }

    /// The body of the request whose head came last; `nil`: it takes more bytes.
    ///
    /// - Throws: as `nextHead`.
    package mutating func nextBody() throws(HeadError) -> [UInt8]? {
        guard var reader = body else { return [] }
        body = nil
        try reader.read(&held)
        drop(0)
        if let whole = reader.whole { return whole }
        body = reader
        return nil
    }

    /// An empty slice would keep what it is a slice of.
    private mutating func drop(_ count: Int) {
        held = held.count == count ? [] : held.dropFirst(count)
    }

    /// What came behind the last request: it belongs to the WebSocket.
    package mutating func takeRest() -> [UInt8] {
        defer { held = [] }
        return Array(held)
    }
}

/// A request whose head has come, and what follows from the head (RFC 9112 sections 6 and 9).
package struct IncomingRequest: Hashable, Sendable {
    package let head: RequestHead
    /// The head as it came.
    package let bytes: [UInt8]
    let framing: BodyFraming

    init(_ head: RequestHead, _ bytes: [UInt8]) throws(HeadError) {
        self.head = head
        self.bytes = bytes
        framing = try BodyFraming(head)
        if let expectation = head.lines.value(of: .expect), !head.isHTTP10,
            !expectation.equalsIgnoringASCIICase("100-continue".utf8)
        {
            throw HeadError(status: 417, message: "Expect other than 100-continue (RFC 9110 section 10.1.1)")
        }
    }

    /// Whether a body follows.
    package var hasBody: Bool { framing != .length(0) }

    /// Whether the client waits to be told before it sends the body. "A server that receives a 100-continue expectation
    /// in an HTTP/1.0 request MUST ignore that expectation" (RFC 9110 section 10.1.1).
    package var expectsContinue: Bool { hasBody && !head.isHTTP10 && head.lines.contains(.expect) }

    /// Whether another request may follow on the connection (RFC 9112 section 9.3).
    ///
    /// Not behind one that asked for a WebSocket and got another answer: a proxy may believe that what follows is no
    /// HTTP any more, and let anything through.
    package var mayKeepAlive: Bool {
        !head.isHTTP10 && !head.lines.lists("close", in: .connection) && !head.lines.lists("websocket", in: .upgrade)
    }
}
