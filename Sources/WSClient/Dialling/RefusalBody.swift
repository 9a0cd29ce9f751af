internal import HTTPTypes
internal import WSProtocol

/// The body of a response that refused the handshake (RFC 9112 section 6.3), as far as it is kept.
///
/// Its form may be broken anywhere: then what came before counts. Each byte is looked at once, however it is cut.
struct RefusalBody {
    /// The longest body of a refusal that is kept.
    static let longest = 64 << 10

    private(set) var bytes: [UInt8] = []
    private let limit: Int
    private var length: Length

    private enum Length {
        /// So many bytes are still to come.
        case known(Int)
        /// In chunks (RFC 9112 section 7.1).
        case chunked(ChunkPart)
        /// Until the stream ends.
        case untilEnd
        case complete
    }

    /// What the next byte belongs to.
    private enum ChunkPart {
        /// The size, as far as it has come; `nil` before its first digit.
        case size(Int?)
        /// What may stand between the size and the line's end.
        case lineRest(Int)
        case data(left: Int)
        /// The line's end behind the data.
        case dataEnd(left: Int)
    }

    /// - Parameter limit: bytes that are kept.
    init(of response: ResponseHead, limit: Int) {
        self.limit = limit
        let fields = response.fields
        if response.status == 204 || response.status == 304 {
            length = .complete
        } else if let coding = fields[.transferEncoding] {
            length = coding.lowercased().hasSuffix("chunked") ? .chunked(.size(nil)) : .untilEnd
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
        var rest = new[...]
        while !rest.isEmpty, !isComplete {
            switch length {
            case .complete: return
            case .untilEnd: rest = keep(rest, at: .max)
            case .known(let left):
                let count = rest.count
                rest = keep(rest, at: left)
                length = count >= left ? .complete : .known(left - count)
            case .chunked(let part):
                length = decodeChunk(&rest, part).map { .chunked($0) } ?? .complete
            }
        }
    }

    /// Keeps at most `count` bytes of those at the front, as far as there is room, and returns the others.
    private mutating func keep(_ part: ArraySlice<UInt8>, at count: Int) -> ArraySlice<UInt8> {
        bytes += part.prefix(min(count, limit - bytes.count))
        return part.dropFirst(count)
    }

    /// Takes what belongs to `part`; `nil` after the last chunk, or where the form is broken.
    private mutating func decodeChunk(_ rest: inout ArraySlice<UInt8>, _ part: ChunkPart) -> ChunkPart? {
        switch part {
        case .data(let left):
            let count = rest.count
            rest = keep(rest, at: left)
            return count >= left ? .dataEnd(left: 2) : .data(left: left - count)
        case .dataEnd(let left):
            guard rest.popFirst() == (left == 2 ? UInt8(ascii: "\r") : UInt8(ascii: "\n")) else { return nil }
            return left == 2 ? .dataEnd(left: 1) : .size(nil)
        case .size(let size):
            guard let byte = rest.popFirst() else { return part }
            if let digit = Character(UnicodeScalar(byte)).hexDigitValue {
                // Beyond all that is kept the size does not matter any more.
                return .size(min((size ?? 0) * 16 + digit, limit + 1))
            }
            guard let size, size > 0 else { return nil }
            return byte == UInt8(ascii: "\n") ? .data(left: size) : .lineRest(size)
        case .lineRest(let size):
            return rest.popFirst() == UInt8(ascii: "\n") ? .data(left: size) : part
        }
    }
}
