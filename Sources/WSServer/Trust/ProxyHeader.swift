internal import HansomTransport

/// What a proxy says of a connection in front of its bytes (the PROXY protocol of HAProxy, versions 1 and 2).
struct ProxyHeader: Sendable, Hashable {
    /// The two ends of the connection that the proxy took.
    struct Ends: Sendable, Hashable {
        /// Who connected to the proxy.
        var source: SocketAddress
        /// Where it connected to.
        var destination: SocketAddress
    }

    /// `nil` when the proxy speaks for itself (a health check: LOCAL) or does not know (UNKNOWN, UNSPEC): the
    /// connection's own ends count then.
    var ends: Ends?
    /// Whether the client spoke TLS to the proxy, where the proxy says so (PP2_TYPE_SSL).
    var isSecure: Bool?

    /// A header that is none.
    struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        /// What came, and what is allowed.
        let description: String

        init(_ description: String) { self.description = "PROXY protocol: \(description)" }
    }
}

/// Reads one PROXY protocol header, in pieces of any size, and holds no more of it than has come.
///
/// What cannot become a header is refused at its first wrong byte, so that a peer that speaks TLS or HTTP at once is
/// not left waiting; nothing is guessed, as the protocol's text demands of receivers (sections 2 and 5).
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

/// What stands behind the addresses of a PROXY header of version 2: types, lengths, values (section 2.2).
///
/// Most are skipped; all are checked for their length, and a checksum is verified.
struct ProxyHeaderTLVs: Sendable, Hashable {
    /// Whether the client spoke TLS to the proxy (PP2_TYPE_SSL with PP2_CLIENT_SSL).
    private(set) var isSecure: Bool?

    private static let checksum: UInt8 = 0x03
    private static let tls: UInt8 = 0x20

    /// - Parameters:
    ///   - header: the whole header: the checksum is over all of it.
    ///   - start: where the first begins.
    init(_ header: [UInt8], from start: Int) throws(ProxyHeader.Malformed) {
        var offset = start
        while offset < header.count {
            guard header.count - offset >= 3 else { throw .init("part of a TLV at the end of version 2 (section 2.2)") }
            let (type, length) = (header[offset], Int(header[offset + 1]) << 8 | Int(header[offset + 2]))
            let value = offset + 3
            guard length <= header.count - value else {
                throw .init("TLV \(type) of \(length) bytes, with \(header.count - value) left (section 2.2)")
            }
            switch type {
            case Self.checksum: try Self.verify(header, value, length)
            // One byte of flags and four of the verification's result come before what is nested.
            case Self.tls where length >= 5: isSecure = header[value] & 1 != 0
            default: break
            }
            offset = value + length
        }
    }

    /// "The checksum is calculated over the whole header with the checksum field as zeros" (section 2.2.3).
    private static func verify(_ header: [UInt8], _ start: Int, _ length: Int) throws(ProxyHeader.Malformed) {
        guard length == 4 else { throw .init("checksum of \(length) bytes; it has 4 (section 2.2)") }
        var blank = header
        blank.replaceSubrange(start..<start + 4, with: [0, 0, 0, 0])
        let claimed = header[start..<start + 4].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard CRC32C.checksum(of: blank) == claimed else { throw .init("checksum that is wrong (section 2.2)") }
    }
}

/// Version 1 of the PROXY protocol: one line of text (section 2.1).
enum ProxyHeaderV1 {
    static let signature = Array("PROXY ".utf8)

    /// - Parameter line: with the signature, up to and with its line feed.
    static func header(_ line: [UInt8]) throws(ProxyHeader.Malformed) -> ProxyHeader {
        guard line.suffix(2) == [UInt8(ascii: "\r"), UInt8(ascii: "\n")] else {
            throw .init("line of version 1 that does not end with CR LF (section 2.1)")
        }
        let words = line.dropFirst(signature.count).dropLast(2)
            .split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        // "the receiver must ignore anything presented before the CRLF" behind UNKNOWN.
        if words.first == "UNKNOWN" { return ProxyHeader() }
        guard words.count == 5, let isSix = ["TCP4": false, "TCP6": true][words[0]] else {
            throw .init("line of version 1 that is not TCP4, TCP6 or UNKNOWN, two addresses, two ports (section 2.1)")
        }
        let source = try address(words[1], words[3], isSix: isSix)
        let destination = try address(words[2], words[4], isSix: isSix)
        return ProxyHeader(ends: .init(source: source, destination: destination))
    }

    private static func address(
        _ host: String, _ portText: String, isSix: Bool
    ) throws(ProxyHeader.Malformed) -> SocketAddress {
        // A zone would mean something on the proxy's machine only.
        guard let port = port(portText), !host.utf8.contains(UInt8(ascii: "%")),
            let address = SocketAddress(numeric: host, port: port), (address.bytes.count == 16) == isSix
        else { throw .init("address or port of version 1 that is none of its family (section 2.1)") }
        return address
    }

    /// "a decimal number in the range [0..65535]", "without leading zeros".
    private static func port(_ text: String) -> UInt16? {
        let isNumber = (1...5).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        guard isNumber, text == "0" || !text.hasPrefix("0") else { return nil }
        return UInt16(text)
    }
}

/// Version 2 of the PROXY protocol: bytes (section 2.2).
enum ProxyHeaderV2 {
    static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
    /// Signature, version and command, family and transport, length.
    static let fixedLength = 16

    private enum Family {
        case unspecified, four, six, unix

        /// How many bytes its two ends take.
        var length: Int {
            switch self {
            case .unspecified: 0
            case .four: 12
            case .six: 36
            case .unix: 216
            }
        }
    }

    /// How long a header is in all, by the bytes that each begins with; checks those.
    static func totalLength(_ fixed: [UInt8]) throws(ProxyHeader.Malformed) -> Int {
        let length = Int(fixed[14]) << 8 | Int(fixed[15])
        if let family = try family(fixed), length < family.length {
            throw .init("length \(length) of version 2; its addresses take \(family.length) bytes (section 2.2)")
        }
        return fixedLength + length
    }

    /// - Parameter bytes: all of it, whose beginning has been checked by `totalLength`.
    static func header(_ bytes: [UInt8]) throws(ProxyHeader.Malformed) -> ProxyHeader {
        guard let family = try family(bytes) else { return ProxyHeader() }
        let extras = try ProxyHeaderTLVs(bytes, from: fixedLength + family.length)
        return ProxyHeader(ends: ends(family, bytes[fixedLength...]), isSecure: extras.isSecure)
    }

    /// `nil` for LOCAL: "the receiver must ... discard the protocol block including the family which is ignored".
    private static func family(_ bytes: [UInt8]) throws(ProxyHeader.Malformed) -> Family? {
        switch bytes[12] {
        case 0x20: return nil
        case 0x21: break
        default: throw .init("version and command \(bytes[12]); 32 and 33 are allowed (section 2.2)")
        }
        switch bytes[13] {
        case 0x00: return .unspecified
        case 0x11: return .four
        case 0x21: return .six
        case 0x31: return .unix
        default:
            throw .init("family and transport \(bytes[13]); on a stream 0, 17, 33 and 49 are allowed (section 2.2)")
        }
    }

    private static func ends(_ family: Family, _ block: ArraySlice<UInt8>) -> ProxyHeader.Ends? {
        let half = block.prefix(family.length)
        switch family {
        case .unspecified: return nil
        case .four: return ends(half, size: 4)
        case .six: return ends(half, size: 16)
        case .unix:
            return ProxyHeader.Ends(source: path(half.prefix(108)), destination: path(half.dropFirst(108)))
        }
    }

    /// Two addresses, then two ports, in network byte order.
    private static func ends(_ block: ArraySlice<UInt8>, size: Int) -> ProxyHeader.Ends? {
        let ports = block.dropFirst(2 * size).map { UInt16($0) }
        guard ports.count == 4,
            let source = SocketAddress(ipBytes: block.prefix(size), port: ports[0] << 8 | ports[1]),
            let destination = SocketAddress(ipBytes: block.dropFirst(size).prefix(size), port: ports[2] << 8 | ports[3])
        else { return nil }
        return ProxyHeader.Ends(source: source, destination: destination)
    }

    private static func path(_ bytes: ArraySlice<UInt8>) -> SocketAddress {
        .unix(path: String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self))
    }
}

/// The checksum of Castagnoli (RFC 9260 appendix A), bit by bit: it is needed once for a connection at most.
enum CRC32C {
    static func checksum(of bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(UInt32.max) { sum, byte in
            (0..<8).reduce(sum ^ UInt32(byte)) { sum, _ in sum >> 1 ^ (sum & 1 == 0 ? 0 : 0x82F6_3B78) }
        }
    }
}
