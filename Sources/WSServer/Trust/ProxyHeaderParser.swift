/// Reads one PROXY protocol header, in pieces of any size, and holds no more of it than has come.
///
/// What cannot become a header is refused at its first wrong byte, so that a peer that speaks TLS or HTTP at once is not left
/// waiting; nothing is guessed, as the protocol's text demands of receivers (sections 2 and 5).
struct ProxyHeaderParser: Sendable {
    private enum State: Sendable {
        /// Bytes that both versions may still begin with.
        case signature
        /// The line of version 1.
        case line
        /// The 16 bytes that each header of version 2 begins with.
        case fixedPart
        /// The rest of it, up to so many bytes in all.
        case body(total: Int)
    }

    private var state = State.signature
    private var held: [UInt8] = []

    /// The longest line of version 1 with its end (section 2.1).
    static let longestLine = 107

    /// How many bytes are missing at least: so many can be read without any that belong to what follows.
    var leastMissing: Int {
        switch state {
        // The shortest there is: `PROXY UNKNOWN` and its line's end.
        case .signature: ProxyHeaderParser.shortest - held.count
        case .line: max(ProxyHeaderParser.shortest - held.count, 1)
        case .fixedPart: ProxyHeaderV2.fixedLength - held.count
        case .body(let total): total - held.count
        }
    }

    private static let shortest = 15

    /// Takes the next bytes. Those behind the header are left alone.
    ///
    /// - Returns: how many bytes were taken, all of them unless the header is complete; and the header once it is.
    /// - Throws: `ProxyHeader.Malformed`; the parser is of no further use.
    mutating func parse(_ bytes: [UInt8]) throws(ProxyHeader.Malformed) -> (consumed: Int, header: ProxyHeader?) {
        var offset = 0
        while offset < bytes.count {
            let room = if case .body(let total) = state { total - held.count } else { 1 }
            let part = bytes[offset..<min(offset + room, bytes.count)]
            held += part
            offset = part.endIndex
            if let header = try advance() { return (offset, header) }
        }
        return (offset, nil)
    }

    private mutating func advance() throws(ProxyHeader.Malformed) -> ProxyHeader? {
        switch state {
        case .signature: try advanceSignature()
        case .line: return try advanceLine()
        case .fixedPart: return try advanceFixedPart()
        case .body(let total): return held.count == total ? try ProxyHeaderV2.header(held) : nil
        }
        return nil
    }

    private mutating func advanceSignature() throws(ProxyHeader.Malformed) {
        if held == ProxyHeaderV1.signature {
            state = .line
        } else if held == ProxyHeaderV2.signature {
            state = .fixedPart
        } else if !ProxyHeaderV1.signature.starts(with: held), !ProxyHeaderV2.signature.starts(with: held) {
            throw .init("byte \(held.count) is \(held[held.count - 1]), where a header of version 1 or 2 was to come")
        }
    }

    private mutating func advanceLine() throws(ProxyHeader.Malformed) -> ProxyHeader? {
        if held.last == UInt8(ascii: "\n") { return try ProxyHeaderV1.header(held) }
        guard held.count < ProxyHeaderParser.longestLine else {
            throw .init("line of version 1 without an end within \(ProxyHeaderParser.longestLine) bytes (section 2.1)")
        }
        return nil
    }

    private mutating func advanceFixedPart() throws(ProxyHeader.Malformed) -> ProxyHeader? {
        guard held.count == ProxyHeaderV2.fixedLength else { return nil }
        let total = try ProxyHeaderV2.totalLength(held)
        state = .body(total: total)
        return total == held.count ? try ProxyHeaderV2.header(held) : nil
    }
}
