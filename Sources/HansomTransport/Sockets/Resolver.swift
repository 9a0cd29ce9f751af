package import Actors
internal import CHansomSystem
internal import Glibc

/// Turns host names into addresses, on threads that may block.
package enum Resolver {
    /// A name that could not be resolved.
    package struct Failure: Error, Sendable {
        package let host: String
        /// The resolver's own words.
        package let reason: String

        package init(host: String, reason: String) {
            self.host = host
            self.reason = reason
        }
    }

    /// All addresses of `host`, a name, an address with or without brackets, or `*` for every one of this machine's, in
    /// the order of preference that the system gives (RFC 6724).
    package static func resolve(
        _ host: String, port: UInt16, on pool: BlockingPool
    ) async throws(Failure) -> [SocketAddress] {
        if let literal = SocketAddress(numeric: host, port: port) { return [literal] }
        if host == "*" { return [anyAddress(port)] }
        // As it stands in a URL.
        if host.hasPrefix("["), host.hasSuffix("]"),
            let literal = SocketAddress(numeric: String(host.dropFirst().dropLast()), port: port),
            literal.family == AF_INET6
        {
            return [literal]
        }
        guard !host.utf8.contains(0) else { throw Failure(host: host, reason: "a name cannot contain NUL") }
        if host.contains(":"), let zone = host.firstIndex(of: "%") {
            throw Failure(host: host, reason: "there is no interface \(host[zone...].dropFirst())")
        }
        return try await pool.run { () throws(Failure) in try lookUp(host, port) }
    }

    /// Every address of this machine, as `*` has it for a listener: `::`, which takes IPv4 too, or `0.0.0.0` without
    /// IPv6.
    private static func anyAddress(_ port: UInt16) -> SocketAddress {
        let six = SocketAddress.v6(.init(high: 0, low: 0), zone: 0, port: port)
        guard let probe = try? Socket.open(family: AF_INET6) else { return .v4(.init(bits: 0), port: port) }
        defer { Socket.close(probe) }
        // A kernel may know IPv6 and have it disabled.
        let canBind = (try? Socket.bind(probe, to: .v6(.init(high: 0, low: 0), zone: 0, port: 0))) != nil
        return canBind ? six : .v4(.init(bits: 0), port: port)
    }

    private static func lookUp(_ host: String, _ port: UInt16) throws(Failure) -> [SocketAddress] {
        var hints = unsafe addrinfo()
        unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        unsafe hints.ai_flags = AI_ADDRCONFIG
        var list: UnsafeMutablePointer<addrinfo>?
        let status = unsafe getaddrinfo(host, String(port), &hints, &list)
        guard status == 0 else { throw Failure(host: host, reason: unsafe String(cString: gai_strerror(status))) }
        defer { unsafe freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = unsafe list
        while let entry = unsafe next {
            var storage = sockaddr_storage()
            let length = unsafe entry.pointee.ai_addrlen
            unsafe withUnsafeMutableBytes(of: &storage) { room in
                unsafe room.copyMemory(from: UnsafeRawBufferPointer(start: entry.pointee.ai_addr, count: Int(length)))
            }
            if let address = SocketAddress(&storage, length: length) { found.append(address) }
            unsafe next = entry.pointee.ai_next
        }
        guard !found.isEmpty else { throw Failure(host: host, reason: "no IPv4 or IPv6 address") }
        return found
    }
}
