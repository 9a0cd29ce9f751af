internal import CHansomSystem
internal import Glibc

/// Where a socket is bound, or whom it is connected to.
public enum SocketAddress: Sendable, Hashable, CustomStringConvertible {
    /// An IPv4 address, its four bytes in order of writing, and a port.
    case v4(IPv4, port: UInt16)
    /// An IPv6 address, its zone (0: none), and a port.
    case v6(IPv6, zone: UInt32, port: UInt16)
    /// A Unix-domain socket; the path is empty for an end that was never bound.
    case unix(path: String)

    /// An IPv4 address in network byte order.
    public struct IPv4: Sendable, Hashable, BitwiseCopyable {
        package var bits: UInt32
    }

    /// An IPv6 address as two words of its bytes.
    public struct IPv6: Sendable, Hashable, BitwiseCopyable {
        package var high: UInt64
        package var low: UInt64
    }

    /// The port; `nil` for a Unix-domain socket.
    public var port: Int? {
        switch self {
        case .v4(_, let port), .v6(_, _, let port): Int(port)
        case .unix: nil
        }
    }

    /// The address in numbers, without port or brackets; the path of a Unix-domain socket.
    public var host: String {
        switch self {
        case .v4(let address, _): SocketAddress.text(AF_INET, address)
        case .v6(let address, let zone, _):
            SocketAddress.text(AF_INET6, address) + (zone == 0 ? "" : "%\(zone)")
        case .unix(let path): path
        }
    }

    /// As one writes it in a URL: `127.0.0.1:80`, `[::1]:80`, `unix:/run/a.sock`.
    public var description: String {
        switch self {
        case .v4(_, let port): "\(host):\(port)"
        case .v6(_, _, let port): "[\(host)]:\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }

    /// An address in numbers, `127.0.0.1`, `::1` or `fe80::1%eth0` (a zone by name or number, RFC 4007 section 11);
    /// `nil` for anything else.
    public init?(numeric host: String, port: UInt16) {
        // C would stop reading at a NUL and take what stands before it.
        guard !host.utf8.contains(0) else { return nil }
        var four = IPv4(bits: 0)
        var six = IPv6(high: 0, low: 0)
        if unsafe inet_pton(AF_INET, host, &four) == 1 {
            self = .v4(four, port: port)
        } else if unsafe inet_pton(AF_INET6, host, &six) == 1 {
            self = .v6(six, zone: 0, port: port)
        } else if let percent = host.utf8.firstIndex(of: UInt8(ascii: "%")),
            unsafe inet_pton(AF_INET6, String(host[..<percent]), &six) == 1,
            let zone = SocketAddress.zone(String(host[host.utf8.index(after: percent)...]))
        {
            self = .v6(six, zone: zone, port: port)
        } else {
            return nil
        }
    }

    /// The number of an interface that is given by number or name.
    private static func zone(_ text: String) -> UInt32? {
        if let first = text.utf8.first, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(first) { return UInt32(text) }
        let index = unsafe if_nametoindex(text)
        return index == 0 ? nil : index
    }

    package var family: Int32 {
        switch self {
        case .v4: AF_INET
        case .v6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    package var isUnix: Bool { family == AF_UNIX }

    /// The 4 or 16 bytes of an IP address, in order of writing; none for a Unix-domain socket.
    package var bytes: [UInt8] {
        switch self {
        case .v4(var address, _): unsafe withUnsafeBytes(of: &address) { unsafe Array($0) }
        case .v6(var address, _, _): unsafe withUnsafeBytes(of: &address) { unsafe Array($0) }
        case .unix: []
        }
    }

    /// An address by its 4 or 16 bytes in order of writing; `nil` for any other number of them.
    package init?(ipBytes bytes: some Collection<UInt8>, port: UInt16) {
        let bytes = Array(bytes)
        switch bytes.count {
        case 4: self = .v4(unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: IPv4.self) }, port: port)
        case 16:
            self = .v6(unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: IPv6.self) }, zone: 0, port: port)
        default: return nil
        }
    }

    private static func text<Address: BitwiseCopyable>(_ family: Int32, _ address: Address) -> String {
        var address = address
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            guard let base = buffer.baseAddress, unsafe inet_ntop(family, &address, base, 64) != nil else { return "?" }
            return unsafe String(cString: base)
        }
    }
}

extension SocketAddress {
    /// The longest path that a Unix-domain address can hold, in bytes.
    package static let longestUnixPath = 107

    /// Why the system would misread it, as an `errno`: a path that is too long would be cut, one with a NUL too, and an
    /// empty one would bind to a name without a file.
    var defect: Int32? {
        guard case .unix(let path) = self else { return nil }
        if path.utf8.count > SocketAddress.longestUnixPath { return ENAMETOOLONG }
        return path.isEmpty || path.utf8.contains(0) ? EINVAL : nil
    }

    /// Calls `body` with the address as the system calls take it.
    func withSockaddr<R, E: Error>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) throws(E) -> R
    ) throws(E) -> R {
        var storage = sockaddr_storage()
        let length = unsafe withUnsafeMutableBytes(of: &storage) { unsafe fill($0) }
        // Safety: `storage` is large enough and aligned for every kind of address, and lives until the end.
        return try unsafe withUnsafePointer(to: &storage) { (pointer) throws(E) -> R in
            try unsafe body(UnsafeRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), length)
        }
    }

    private func fill(_ raw: UnsafeMutableRawBufferPointer) -> socklen_t {
        switch self {
        case .v4(let address, let port):
            var inner = sockaddr_in()
            inner.sin_family = sa_family_t(AF_INET)
            inner.sin_port = port.bigEndian
            inner.sin_addr.s_addr = address.bits
            unsafe raw.storeBytes(of: inner, as: sockaddr_in.self)
            return socklen_t(MemoryLayout<sockaddr_in>.size)
        case .v6(let address, let zone, let port):
            var inner = sockaddr_in6()
            inner.sin6_family = sa_family_t(AF_INET6)
            inner.sin6_port = port.bigEndian
            inner.sin6_scope_id = zone
            unsafe withUnsafeMutableBytes(of: &inner.sin6_addr) { unsafe $0.storeBytes(of: address, as: IPv6.self) }
            unsafe raw.storeBytes(of: inner, as: sockaddr_in6.self)
            return socklen_t(MemoryLayout<sockaddr_in6>.size)
        case .unix(let path):
            var inner = sockaddr_un()
            inner.sun_family = sa_family_t(AF_UNIX)
            unsafe withUnsafeMutableBytes(of: &inner.sun_path) { room in
                unsafe room.copyBytes(from: path.utf8.prefix(SocketAddress.longestUnixPath))
            }
            unsafe raw.storeBytes(of: inner, as: sockaddr_un.self)
            return socklen_t(MemoryLayout<sockaddr_un>.size)
        }
    }

    /// Reads an address that a system call filled in.
    init?(_ storage: inout sockaddr_storage, length: socklen_t) {
        let family = Int32(storage.ss_family)
        let address: SocketAddress? = unsafe withUnsafeBytes(of: &storage) { raw in
            switch family {
            case AF_INET:
                let inner = unsafe raw.load(as: sockaddr_in.self)
                return .v4(IPv4(bits: inner.sin_addr.s_addr), port: UInt16(bigEndian: inner.sin_port))
            case AF_INET6:
                var inner = unsafe raw.load(as: sockaddr_in6.self)
                // The system aligns it to 4 bytes only.
                let bytes = unsafe withUnsafeBytes(of: &inner.sin6_addr) { unsafe $0.loadUnaligned(as: IPv6.self) }
                return .v6(bytes, zone: inner.sin6_scope_id, port: UInt16(bigEndian: inner.sin6_port))
            case AF_UNIX:
                let start = MemoryLayout<sa_family_t>.size
                guard Int(length) > start else { return .unix(path: "") }
                let path = unsafe raw[start..<min(Int(length), raw.count)].prefix { $0 != 0 }
                return unsafe .unix(path: String(decoding: path, as: UTF8.self))
            default:
                return nil
            }
        }
        guard let address else { return nil }
        self = address
    }
}

extension SocketAddress {
    /// The 4 or 16 bytes of an address in numbers (in brackets and with a zone, if it has them); `nil` for a host name.
    static func ipBytes(ofLiteral host: String) -> [UInt8]? {
        var text = Substring(host)
        if text.hasPrefix("["), text.hasSuffix("]") { text = text.dropFirst().dropLast() }
        // A certificate knows nothing of the zones of this machine.
        if text.contains(":"), let zone = text.firstIndex(of: "%") { text = text[..<zone] }
        return SocketAddress(numeric: String(text), port: 0)?.bytes
    }

    /// The text of an address of 4 or 16 bytes.
    static func text(ofIP bytes: some Collection<UInt8>) -> String {
        SocketAddress(ipBytes: bytes, port: 0)?.host ?? "an address of \(bytes.count) bytes"
    }
}

extension SocketAddress {
    /// The same with another port; that of a Unix-domain socket has none.
    package func with(port: UInt16) -> SocketAddress {
        switch self {
        case .v4(let address, _): .v4(address, port: port)
        case .v6(let address, let zone, _): .v6(address, zone: zone, port: port)
        case .unix: self
        }
    }
}
