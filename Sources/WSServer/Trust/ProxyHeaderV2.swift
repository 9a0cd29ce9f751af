internal import HansomTransport

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
