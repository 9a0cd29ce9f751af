/// A body that comes in chunks (RFC 9112 section 7.1): put together, and bounded in all its parts.
///
/// What is lenient in others is refused here, as in heads: a bare line feed, a space behind a size, a size that wraps
/// around have each let a request be smuggled past a proxy.
package struct ChunkedBody: Sendable {
    /// What is made of more content than the limit.
    package enum Excess: Sendable {
        /// It is 413.
        case refused
        /// It is left out, and the body ends at the limit; trailers are left out too. For a client, which only wants to
        /// know what an answer says.
        case leftOut
    }

    private enum State { case size, data(Int), carriageReturn, lineFeed, trailers, complete }

    package private(set) var content: [UInt8] = []
    private let limit: Int
    private let excess: Excess
    /// Whether the body ends with the present chunk, cut at the limit.
    private var isCutting = false
    private var state = State.size
    private var line: [UInt8] = []
    private var extensionBytes = 0
    private var trailers: HeadReader

    /// The bytes of a line with a chunk's size.
    private static let maxLineBytes = 256
    /// The bytes of all extensions together: chunks of one byte with long extensions would cost a lot and hold little.
    private static let maxExtensionBytes = 4096
    /// So many digits always fit in an `Int`.
    private static let maxSizeDigits = 15

    /// - Parameters:
    ///   - limit: how many bytes of content are taken.
    ///   - excess: what is made of more.
    package init(limit: Int, excess: Excess = .refused, trailerLimits: HeadLimits = .init()) {
        self.limit = limit
        self.excess = excess
        trailers = HeadReader(trailersWithin: trailerLimits)
    }

    package var isComplete: Bool { if case .complete = state { true } else { false } }

    /// Takes bytes up to the end of the body, and leaves the rest in `bytes`.
    ///
    /// - Throws: for what is malformed; `content` is what came before.
    package mutating func read(_ bytes: inout ArraySlice<UInt8>) throws(HeadError) {
        while !bytes.isEmpty {
            switch state {
            case .size: try readSize(&bytes)
            case .data(let count): readData(count, &bytes)
            case .carriageReturn: try skip("\r", &bytes, then: .lineFeed)
            case .lineFeed: try skip("\n", &bytes, then: .size)
            case .trailers: try readTrailers(&bytes)
            case .complete: return
            }
        }
    }

    private mutating func readSize(_ bytes: inout ArraySlice<UInt8>) throws(HeadError) {
        let part = bytes.prefix { $0 != UInt8(ascii: "\n") }
        guard line.count + part.count <= Self.maxLineBytes else { throw Self.badSize }
        line += part
        bytes = bytes.dropFirst(part.count)
        guard bytes.popFirst() != nil else { return }
        guard line.popLast() == UInt8(ascii: "\r") else { throw Self.badSize }
        let size = try Self.size(line, &extensionBytes)
        line.removeAll(keepingCapacity: true)
        try begin(size)
    }

    private mutating func begin(_ size: Int) throws(HeadError) {
        let room = limit - content.count
        switch excess {
        case .refused:
            guard size <= room else { throw .tooLong(limit) }
            state = size == 0 ? .trailers : .data(size)
        case .leftOut:
            isCutting = size > room
            state = min(size, room) == 0 ? .complete : .data(min(size, room))
        }
    }

    /// `1*HEXDIG [ chunk-ext ]`; extensions are passed over, as section 7.1.1 wants it, if they are well-formed: a
    /// quoted string that does not end has let others take the line's end for a part of it.
    private static func size(_ line: [UInt8], _ extensionBytes: inout Int) throws(HeadError) -> Int {
        let digits = line.prefix { $0.hexValue != nil }
        let rest = line[digits.endIndex...]
        guard 1...maxSizeDigits ~= digits.count, rest.isEmpty || areExtensions(rest) else { throw badSize }
        extensionBytes += rest.count
        guard extensionBytes <= maxExtensionBytes else {
            throw .badRequest("chunk extensions of more than \(maxExtensionBytes) bytes (RFC 9112 section 7.1.1)")
        }
        return digits.reduce(0) { $0 << 4 | Int($1.hexValue ?? 0) }
    }

    private static func areExtensions(_ text: ArraySlice<UInt8>) -> Bool {
        var parser = FieldListParser(text.makeIterator())
        return parser.passChunkExtensions()
    }

    private mutating func readData(_ count: Int, _ bytes: inout ArraySlice<UInt8>) {
        let part = bytes.prefix(count)
        content += part
        bytes = bytes.dropFirst(part.count)
        let end = isCutting ? State.complete : .carriageReturn
        state = part.count == count ? end : .data(count - part.count)
    }

    private mutating func skip(
        _ character: Unicode.Scalar, _ bytes: inout ArraySlice<UInt8>, then next: State
    ) throws(HeadError) {
        guard bytes.popFirst() == UInt8(ascii: character) else {
            throw .badRequest("chunk longer than its size, or without CR LF behind it (RFC 9112 section 7.1)")
        }
        state = next
    }

    /// Trailer fields must be well-formed; nobody here wants them (section 7.1.2).
    private mutating func readTrailers(_ bytes: inout ArraySlice<UInt8>) throws(HeadError) {
        let (consumed, isComplete) = try unsafe bytes.withUnsafeBufferPointer { memory throws(HeadError) in
            try unsafe trailers.read(UnsafeRawBufferPointer(memory)) { _ throws(HeadError) in }
        }
        bytes = bytes.dropFirst(consumed)
        if isComplete { state = .complete }
    }

    private static let badSize = HeadError.badRequest(
        "chunk without a size of 1 to \(maxSizeDigits) hexadecimal digits in a line of its own, with well-formed extensions (RFC 9112 section 7.1)"
    )
}

extension HeadError {
    static func tooLong(_ limit: Int) -> HeadError {
        HeadError(status: 413, message: "body longer than \(limit) bytes (RFC 9110 section 15.5.14)")
    }
}
