import HTTPTypes

/// Where a request's body ends (RFC 9112 section 6.3).
enum BodyFraming: Hashable, Sendable {
    /// So many bytes; none when the request says nothing of a body.
    case length(Int)
    case chunked

    /// Reads it off a head whose fields were checked by `checkFraming`.
    ///
    /// - Throws: 400 when the two ends of the connection could read it differently, 501 for a coding that is not known.
    init(_ head: RequestHead) throws(HeadError) {
        let codings = head.lines.count(of: .transferEncoding)
        guard codings > 0, let coding = head.lines.text(of: .transferEncoding) else {
            self = .length(head.lines.text(of: .contentLength).flatMap { Int($0) } ?? 0)
            return
        }
        // "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST treat
        // the message as if the framing is faulty" (RFC 9112 section 6.1).
        guard !head.isHTTP10 else { throw .badRequest("Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)") }
        guard codings == 1 else {
            throw .badRequest("\(codings) fields named Transfer-Encoding; one is allowed (RFC 9112 section 6.1)")
        }
        guard !coding.utf8.equalsIgnoringASCIICase("chunked".utf8) else {
            self = .chunked
            return
        }
        let members = coding.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
        let isChunked = members.map { $0.trimmingWhitespace.equalsIgnoringASCIICase("chunked".utf8) }
        guard isChunked.last == true, isChunked.count(where: { $0 }) == 1 else {
            throw .badRequest("Transfer-Encoding that does not end in one chunked (RFC 9112 section 6.3)")
        }
        throw HeadError(status: 501, message: "Transfer-Encoding other than chunked (RFC 9112 section 6.1)")
    }
}

extension FieldLines {
    /// Refuses what would let two parties read one message differently (RFC 9112 sections 3.2 and 6.3).
    package func checkFraming() throws(HeadError) {
        try checkIsSingle(.host)
        try checkIsSingle(.contentLength)
        try checkIsSingle(.secWebSocketKey)
        guard let length = text(of: .contentLength) else { return }
        guard !contains(.transferEncoding) else {
            throw .badRequest("Content-Length beside Transfer-Encoding (RFC 9112 section 6.3)")
        }
        guard !length.isEmpty, length.utf8.allSatisfy(\.isDigit), Int(length) != nil else {
            throw .badRequest("Content-Length that is not a number of bytes (RFC 9110 section 8.6)")
        }
    }

    private func checkIsSingle(_ name: Name) throws(HeadError) {
        let count = count(of: name)
        guard count > 1 else { return }
        throw .badRequest("\(count) fields named \(name.text); one is allowed (RFC 9110 section 5.3)")
    }
}

extension HTTPFields {
    /// Leaves of an answer's framing what is sure (RFC 9112 section 6.3): of lengths that are all the same one, and
    /// none that contradict each other or stand beside `Transfer-Encoding`, which goes before them.
    ///
    /// - Returns: what was wrong, if anything.
    mutating func settleFraming() -> HeadError? {
        do {
            try FieldLines(self).checkFraming()
            return nil
        } catch {
            let values = self[values: .contentLength].flatMap { $0.utf8.split(separator: UInt8(ascii: ",")) }
            let lengths = Set(values.map { String(decoding: $0.trimmingWhitespace, as: UTF8.self) })
            let length = lengths.count == 1 ? lengths.first : nil
            let isSure = self[.transferEncoding] == nil && length?.utf8.allSatisfy(\.isDigit) == true
            self[.contentLength] = isSure ? length.flatMap { Int($0) }.map { "\($0)" } : nil
            return error
        }
    }
}

extension RequestHead {
    /// Refuses a target that has none of the four forms, or one that is not the method's (RFC 9112 section 3.2). What
    /// it says is not repeated: it may hold a secret.
    package func checkTarget() throws(HeadError) {
        if RequestTarget.isPath(target), method != .connect { return }
        switch RequestTarget(target).form {
        case .origin where method != .connect, .absolute where method != .connect: return
        case .asterisk where method == .options: return
        case .authority where method == .connect: return
        case .asterisk: throw .badRequest("target *, which is for OPTIONS only (RFC 9112 section 3.2.4)")
        case .authority:
            throw .badRequest("target that is a host and port, which is for CONNECT only (RFC 9112 section 3.2.3)")
        default:
            let allowed = method == .connect ? "a host and port" : "a path, or an http or https URL with a host"
            throw .badRequest("target that is not \(allowed) (RFC 9112 section 3.2)")
        }
    }

    /// The host that the request is for: "the origin server MUST ignore the received Host header field (if any) and
    /// instead use the host information of the request-target" where that is a URL (RFC 9112 section 3.2.2).
    package var effectiveHost: String? { RequestTarget(target).host ?? lines.text(of: .host) }

    /// Refuses a request that does not say which host it is for (RFC 9112 section 3.2). HTTP/1.0 need not say it.
    package func checkHost() throws(HeadError) {
        guard let host = lines.value(of: .host) else {
            if isHTTP10 { return }
            throw .badRequest("no Host; an HTTP/1.1 request has one (RFC 9112 section 3.2)")
        }
        guard Authority.isWellFormed(host) else {
            throw .badRequest("Host that is not a host with an optional port (RFC 9110 section 7.2)")
        }
    }
}

/// Gathers the body of one request, up to a limit.
enum BodyReader: Sendable {
    case length(missing: Int, content: [UInt8])
    case chunked(ChunkedBody)

    /// - Throws: 413 when the body is announced as longer than `limit`.
    init(_ framing: BodyFraming, limit: Int, trailerLimits: HeadLimits = .init()) throws(HeadError) {
        switch framing {
        case .length(let count):
            guard count <= limit else { throw .tooLong(limit) }
            self = .length(missing: count, content: [])
        case .chunked: self = .chunked(ChunkedBody(limit: limit, trailerLimits: trailerLimits))
        }
    }

    /// The body, once all of it has come.
    var whole: [UInt8]? {
        switch self {
        case .length(let missing, let content): missing == 0 ? content : nil
        case .chunked(let body): body.isComplete ? body.content : nil
        }
    }

    /// Takes bytes up to the end of the body, and leaves the rest in `bytes`.
    mutating func read(_ bytes: inout ArraySlice<UInt8>) throws(HeadError) {
        switch self {
        case .length(let missing, var content):
            let part = bytes.prefix(missing)
            // Let go of it before it grows, or it would be copied.
            self = .length(missing: 0, content: [])
            content += part
            bytes = bytes.dropFirst(part.count)
            self = .length(missing: missing - part.count, content: content)
        case .chunked(var body):
            self = .length(missing: 0, content: [])
            try body.read(&bytes)
            self = .chunked(body)
        }
    }
}
