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
