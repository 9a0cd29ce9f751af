/// A network of IP addresses (CIDR, RFC 4632 and RFC 4291 section 2.3), or one address, or all peers of Unix-domain
/// sockets.
///
///     options.trustedProxies = [try IPRange("10.0.0.0/8"), try IPRange("::1"), .unixSockets]
///
/// An IPv4 address is the same whether it comes as such or mapped into IPv6 (`::ffff:10.0.0.1`), which is how a server
/// that listens on `::` sees it.
public struct IPRange: Sendable, Hashable, CustomStringConvertible {
    /// A text that is no range.
    public struct Malformed: Error, Hashable, Sendable, CustomStringConvertible {
        /// What was given.
        public let text: String

        public var description: String {
            "\(text.debugDescription) is no range; allowed are 192.0.2.1, 10.0.0.0/8, 2001:db8::/32 and unix"
        }
    }

    private enum Kind: Sendable, Hashable {
        /// The first `prefix` bits of `bytes`, which are 4 or 16; the others are zero.
        case network(bytes: [UInt8], prefix: Int)
        case unixSockets
    }

    private let kind: Kind

    /// Whoever connects over a Unix-domain socket: the mode of the socket's file says who may.
    public static let unixSockets = IPRange(.unixSockets)

    private init(_ kind: Kind) { self.kind = kind }

    /// Reads `10.0.0.0/8`, `192.0.2.1`, `2001:db8::/32`, with or without brackets, or `unix`.
    ///
    /// Bits behind the prefix are not looked at: `10.1.2.3/8` is `10.0.0.0/8`.
    ///
    /// - Throws: `Malformed`.
    public init(_ text: String) throws(Malformed) {
        if text == "unix" {
            self = .unixSockets
            return
        }
        guard let range = IPRange.network(text) else { throw Malformed(text: text) }
        self = range
    }

    /// One address; its port does not matter.
    public init(_ address: SocketAddress) {
        guard !address.isUnix else {
            self = .unixSockets
            return
        }
        let bytes = IPRange.unmapped(address.bytes)
        self.init(.network(bytes: bytes, prefix: bytes.count * 8))
    }

    /// Whether an address lies in it, whatever its port.
    public func contains(_ address: SocketAddress) -> Bool {
        switch kind {
        case .unixSockets: return address.isUnix
        case .network(let network, let prefix):
            guard !address.isUnix else { return false }
            let bytes = IPRange.unmapped(address.bytes)
            return bytes.count == network.count && IPRange.masked(bytes, prefix) == network
        }
    }

    public var description: String {
        switch kind {
        case .unixSockets: return "unix"
        case .network(let bytes, let prefix):
            let address = SocketAddress(ipBytes: bytes, port: 0)?.host ?? "?"
            return prefix == bytes.count * 8 ? address : "\(address)/\(prefix)"
        }
    }

    // MARK: Bits

    private static func network(_ text: String) -> IPRange? {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = SocketAddress(numeric: unbracketed(parts[0]), port: 0) else { return nil }
        guard parts.count == 2 else { return IPRange(address) }
        let bytes = address.bytes
        guard let prefix = prefixLength(parts[1]), prefix <= bytes.count * 8 else { return nil }
        let plain = unmapped(bytes)
        // A network within the mapped ones is one of IPv4; a wider one is of IPv6 and has no IPv4 in it.
        guard plain.count < bytes.count, prefix >= 96 else {
            return IPRange(.network(bytes: masked(bytes, prefix), prefix: prefix))
        }
        return IPRange(.network(bytes: masked(plain, prefix - 96), prefix: prefix - 96))
    }

    /// Digits only: `Int` would take a sign.
    private static func prefixLength(_ text: Substring) -> Int? {
        let isNumber = (1...3).contains(text.utf8.count) && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
        return isNumber ? Int(text) : nil
    }

    private static func unbracketed(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }

    /// The IPv4 address in `::ffff:0:0/96` (RFC 4291 section 2.5.5.2), or the bytes as they are.
    private static func unmapped(_ bytes: [UInt8]) -> [UInt8] {
        let isMapped = bytes.count == 16 && bytes[..<10].allSatisfy { $0 == 0 } && bytes[10..<12] == [0xFF, 0xFF]
        return isMapped ? Array(bytes[12...]) : bytes
    }

    /// The first `prefix` bits; zeros behind them.
    private static func masked(_ bytes: [UInt8], _ prefix: Int) -> [UInt8] {
        bytes.indices.map { index in
            let bits = min(max(prefix - index * 8, 0), 8)
            return bytes[index] & UInt8(truncatingIfNeeded: 0xFF << (8 - bits))
        }
    }
}

extension Collection<IPRange> {
    /// Whether one of the ranges has this address; none has an address that is not known.
    package func covers(_ address: SocketAddress?) -> Bool {
        guard let address else { return false }
        return contains { $0.contains(address) }
    }
}
