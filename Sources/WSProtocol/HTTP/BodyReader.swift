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
