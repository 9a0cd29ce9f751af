/// Reads the requests of one connection, one after the other, by the strict grammar of HTTP/1.1: heads, then bodies.
///
/// It holds what came too early: the next requests of a client that does not wait for answers, or what follows a request
/// for a WebSocket. Whoever reads stops giving it bytes while it has some left, so that is one read's worth.
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
        headBytes += held.prefix(consumed)
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
