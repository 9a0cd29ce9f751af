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
        let codings = head.fields[values: .transferEncoding]
        guard !codings.isEmpty else {
            self = .length(head.fields[.contentLength].flatMap { Int($0) } ?? 0)
            return
        }
        // "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST treat
        // the message as if the framing is faulty" (RFC 9112 section 6.1).
        guard !head.isHTTP10 else { throw .badRequest("Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)") }
        guard codings.count == 1, let coding = codings.first else {
            throw .badRequest("\(codings.count) fields named Transfer-Encoding; one is allowed (RFC 9112 section 6.1)")
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
