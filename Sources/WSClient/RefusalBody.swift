internal import HTTPTypes

/// The body of a response that refused the handshake (RFC 9112 section 6.3), as far as it is kept.
struct RefusalBody {
    private(set) var bytes: [UInt8] = []
    private let limit: Int
    private var length: Length

    private enum Length {
        /// So many bytes are still to come.
        case known(Int)
        /// In chunks; what has come of an unfinished one.
        case chunked(pending: [UInt8])
        /// Until the stream ends.
        case untilEnd
        case complete
    }

    init(_ fields: HTTPFields, limit: Int) {
        self.limit = limit
        if let coding = fields[.transferEncoding] {
            length = coding.lowercased().hasSuffix("chunked") ? .chunked(pending: []) : .untilEnd
        } else if let text = fields[.contentLength] {
            length = Int(text).map { $0 > 0 ? .known($0) : .complete } ?? .complete
        } else {
            length = .untilEnd
        }
    }

    /// Whether no more is to come, or to be kept.
    var isComplete: Bool {
        if case .complete = length { return true }
        return bytes.count >= limit
    }

    mutating func append(_ new: [UInt8]) {
        switch length {
        case .complete: return
        case .untilEnd: keep(new[...])
        case .known(let left):
            keep(new.prefix(left))
            length = new.count >= left ? .complete : .known(left - new.count)
        case .chunked(let pending): decodeChunks(pending + new)
        }
    }

    private mutating func keep(_ part: ArraySlice<UInt8>) { bytes += part.prefix(limit - bytes.count) }

    /// Takes whole chunks off the front (RFC 9112 section 7.1) and leaves the rest for later.
    private mutating func decodeChunks(_ input: [UInt8]) {
        var rest = input[...]
        while let lineEnd = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let digits = rest[..<lineEnd].prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: "\r") }
            let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
            // A size that is none, or beyond all that is kept, ends the reading.
            guard let size, size > 0, size <= limit else {
                if let size, size > limit { keep(rest[(lineEnd + 1)...]) }
                length = .complete
                return
            }
            let data = rest[(lineEnd + 1)...]
            guard data.count >= size + 2 else { break }
            keep(data.prefix(size))
            rest = data.dropFirst(size + 2)
        }
        length = .chunked(pending: Array(rest.prefix(2 * limit)))
    }
}
