internal import HTTPTypes
internal import WSProtocol

/// The body of a response that refused the handshake (RFC 9112 section 6.3), as far as it is kept.
///
/// Its form may be broken anywhere: then what came before counts. Each byte is looked at once, however it is cut. What is read is
/// bounded too, not only what is kept: chunks of one byte could cost a lot and hold little.
struct RefusalBody {
    /// The longest body of a refusal that is kept.
    static let longest = 64 << 10

    private let limit: Int
    private var length: Length
    private var content: [UInt8] = []
    /// How many bytes came in all, what frames chunks included.
    private var bytesRead = 0

    private enum Length {
        /// So many bytes are still to come.
        case known(Int)
        /// In chunks (RFC 9112 section 7.1).
        case chunked(ChunkedBody)
        /// Until the stream ends.
        case untilEnd
        case complete
    }

    /// - Parameter limit: bytes that are kept; at most twice as many are read.
    init(of response: ResponseHead, limit: Int) {
        self.limit = limit
        let fields = response.fields
        if response.status == 204 || response.status == 304 || response.isCut {
            length = .complete
        } else if let coding = fields[values: .transferEncoding].last {
            let last = coding.split(separator: ",").last ?? ""
            let isChunked = last.lowercased().filter { $0 != " " && $0 != "\t" } == "chunked"
            length = isChunked ? .chunked(ChunkedBody(limit: limit, excess: .leftOut)) : .untilEnd
        } else if let text = fields[.contentLength] {
            length = Int(text).map { $0 > 0 ? .known($0) : .complete } ?? .untilEnd
        } else {
            length = .untilEnd
        }
    }

    /// What came of it.
    var bytes: [UInt8] {
        if case .chunked(let body) = length { body.content } else { content }
    }

    /// Whether no more is to come, or to be kept.
    var isComplete: Bool {
        if case .complete = length { return true }
        return content.count >= limit || bytesRead >= 2 * limit
    }

    mutating func append(_ new: [UInt8]) {
        guard !isComplete else { return }
        bytesRead += new.count
        switch length {
        case .complete: return
        case .untilEnd: keep(new[...])
        case .known(let left):
            keep(new.prefix(left))
            length = new.count >= left ? .complete : .known(left - new.count)
        case .chunked(var body):
            // Let go of it before it grows, or it would be copied.
            length = .complete
            var rest = new[...]
            do {
                try body.read(&rest)
                if body.isComplete { content = body.content } else { length = .chunked(body) }
            } catch {
                content = body.content
            }
        }
    }

    private mutating func keep(_ part: ArraySlice<UInt8>) { content += part.prefix(limit - content.count) }
}
