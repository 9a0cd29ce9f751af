/// The application protocols of a context, and their form on the wire (RFC 7301 section 3.1).
struct TLSProtocolNames: Sendable {
    let names: [String]

    /// Each name behind a byte with its length.
    let wire: [UInt8]

    init(_ names: [String]) throws(TLSConfigurationError) {
        var wire: [UInt8] = []
        for name in names {
            let bytes = Array(name.utf8)
            guard let count = UInt8(exactly: bytes.count), count > 0 else {
                throw TLSConfigurationError(
                    .badProtocolName,
                    "ALPN protocol name '\(Printable.text(bytes))' has \(bytes.count) bytes; expected 1 to 255 (RFC 7301)"
                )
            }
            wire.append(count)
            wire += bytes
        }
        self.names = names
        self.wire = wire
    }

    /// Where in a client's list the best common protocol stands; the server's order decides.
    func choose(from offered: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        for name in names {
            // Safety: each range lies in the buffer.
            let match = unsafe Self.ranges(in: offered).first { range in
                unsafe offered[range].elementsEqual(name.utf8)
            }
            if let match { return match }
        }
        return nil
    }

    /// A client's list in words.
    static func text(_ offered: UnsafeBufferPointer<UInt8>) -> String {
        // Safety: each range lies in the buffer.
        unsafe ranges(in: offered).prefix(16).map { range in unsafe Printable.text(offered[range], limit: 32) }
            .joined(separator: ", ")
    }

    private static func ranges(in offered: UnsafeBufferPointer<UInt8>) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        var start = 0
        // Safety: `start` and the end of each range are checked against the size before they are used.
        while start < offered.count {
            let end = unsafe start + 1 + Int(offered[start])
            guard end <= offered.count else { break }
            ranges.append(start + 1..<end)
            start = end
        }
        return ranges
    }
}
