package import Actors
internal import CHansomSystem
internal import Glibc

/// The socket calls: each does one thing, retries when a signal interrupted it, and names itself when it fails.
///
/// Together with the poller this is all that is particular to the system.
package enum Socket {
    /// A new non-blocking stream socket, closed on `exec`.
    package static func open(family: Int32) throws(SystemError) -> Int32 {
        let descriptor = hansom_socket(family)
        guard descriptor >= 0 else { throw SystemError(call: "socket", errno: errno) }
        return descriptor
    }

    package static func close(_ descriptor: Int32) { _ = Glibc.close(descriptor) }

    /// What an attempt to connect came to.
    package enum Connecting { case connected, inProgress }

    package static func connect(_ descriptor: Int32, to address: SocketAddress) throws(SystemError) -> Connecting {
        if let defect = address.defect { throw SystemError(call: "connect", errno: defect) }
        let status = unsafe address.withSockaddr { unsafe Glibc.connect(descriptor, $0, $1) }
        if status == 0 { return .connected }
        // EAGAIN is a Unix-domain listener's full backlog: nothing will tell when it has room.
        if errno == EINPROGRESS || errno == EINTR { return .inProgress }
        throw SystemError(call: "connect", errno: errno)
    }

    /// What became of a connection attempt: throws if it failed.
    package static func checkConnected(_ descriptor: Int32) throws(SystemError) {
        let error = option(SO_ERROR, level: SOL_SOCKET, of: descriptor)
        if error != 0 { throw SystemError(call: "connect", errno: error) }
    }

    /// Throws unless this is a stream socket that is connected.
    package static func checkIsStream(_ descriptor: Int32) throws(SystemError) {
        guard fcntl(descriptor, F_GETFD) != -1 else { throw SystemError(call: "fcntl", errno: EBADF) }
        guard option(SO_TYPE, level: SOL_SOCKET, of: descriptor) == Int32(SOCK_STREAM.rawValue) else {
            throw SystemError(call: "getsockopt", errno: ENOTSOCK)
        }
        guard peerAddress(descriptor) != nil else { throw SystemError(call: "getpeername", errno: ENOTCONN) }
    }

    package static func bind(_ descriptor: Int32, to address: SocketAddress) throws(SystemError) {
        if let defect = address.defect { throw SystemError(call: "bind", errno: defect) }
        let status = unsafe address.withSockaddr { unsafe Glibc.bind(descriptor, $0, $1) }
        guard status == 0 else { throw SystemError(call: "bind", errno: errno) }
    }

    package static func listen(_ descriptor: Int32, backlog: Int32) throws(SystemError) {
        guard Glibc.listen(descriptor, backlog) == 0 else { throw SystemError(call: "listen", errno: errno) }
    }

    /// Takes the next waiting connection, non-blocking and closed on `exec`; `nil` when none waits.
    package static func accept(_ listener: Int32) throws(SystemError) -> (descriptor: Int32, peer: SocketAddress?)? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        while true {
            let descriptor = unsafe hansom_accept(listener, &storage, &length)
            if descriptor >= 0 { return (descriptor, SocketAddress(&storage, length: length)) }
            switch errno {
            case EINTR: continue
            case EAGAIN: return nil
            default: throw SystemError(call: "accept4", errno: errno)
            }
        }
    }

    package static func localAddress(_ descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe getsockname(
                descriptor, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), &length)
        }
        return status == 0 ? SocketAddress(&storage, length: length) : nil
    }

    package static func peerAddress(_ descriptor: Int32) -> SocketAddress? {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let status = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
            unsafe getpeername(
                descriptor, UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: sockaddr.self), &length)
        }
        return status == 0 ? SocketAddress(&storage, length: length) : nil
    }

    package static func setOption(_ name: Int32, level: Int32, of descriptor: Int32, to value: Int32) {
        var value = value
        _ = unsafe setsockopt(descriptor, level, name, &value, socklen_t(MemoryLayout<Int32>.size))
    }

    package static func option(_ name: Int32, level: Int32, of descriptor: Int32) -> Int32 {
        var value: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        _ = unsafe getsockopt(descriptor, level, name, &value, &length)
        return value
    }

    /// Takes no more while about so many bytes have not been sent yet (TCP_NOTSENT_LOWAT): the kernel's send buffer
    /// alone would take megabytes for a peer that reads nothing. A Unix-domain socket does not heed it.
    package static func boundUnsent(_ descriptor: Int32, to count: Int) {
        setOption(TCP_NOTSENT_LOWAT, level: Int32(IPPROTO_TCP), of: descriptor, to: Int32(clamping: count))
    }

    /// Sends small writes at once (TCP_NODELAY); a Unix-domain socket does so anyway.
    package static func setNoDelay(_ descriptor: Int32) {
        setOption(TCP_NODELAY, level: Int32(IPPROTO_TCP), of: descriptor, to: 1)
    }
}

/// What a TCP socket is told before it connects.
public struct SocketOptions: Sendable, Hashable {
    /// The address of this machine to connect from; port 0: any. Default: the system's choice.
    public var localAddress: SocketAddress? = nil
    /// Whether small writes leave at once (`TCP_NODELAY`). Default: they do.
    public var noDelay = true
    /// After how long a silence the kernel asks whether the peer is there (`SO_KEEPALIVE`), in whole seconds; it asks
    /// as often again, and gives up after three questions. Default: never. WebSocket pings see more: they ask the
    /// program.
    public var keepAlive: Duration? = nil
    /// Bytes of the kernel's send buffer (`SO_SNDBUF`, which Linux doubles). Default: the kernel adapts it.
    public var sendBuffer: Int? = nil
    /// Bytes of the kernel's receive buffer (`SO_RCVBUF`, which Linux doubles). Default: the kernel adapts it.
    public var receiveBuffer: Int? = nil

    /// The defaults: small writes leave at once, and all else is the system's choice.
    public init() {}

    /// Tells `descriptor`, a TCP socket that is not connected yet.
    package func apply(to descriptor: Int32) throws(SystemError) {
        if noDelay { Socket.setNoDelay(descriptor) }
        if let keepAlive { SocketOptions.keepAlive(descriptor, after: keepAlive) }
        if let sendBuffer {
            Socket.setOption(SO_SNDBUF, level: SOL_SOCKET, of: descriptor, to: Int32(clamping: sendBuffer))
        }
        if let receiveBuffer {
            Socket.setOption(SO_RCVBUF, level: SOL_SOCKET, of: descriptor, to: Int32(clamping: receiveBuffer))
        }
        guard let localAddress else { return }
        // Bound by address alone, the port is chosen when it is known where to: one port then serves many peers.
        if localAddress.port == 0 {
            Socket.setOption(IP_BIND_ADDRESS_NO_PORT, level: Int32(IPPROTO_IP), of: descriptor, to: 1)
        }
        try Socket.bind(descriptor, to: localAddress)
    }

    private static func keepAlive(_ descriptor: Int32, after silence: Duration) {
        let seconds = Int32(clamping: max(silence.components.seconds, 1))
        Socket.setOption(SO_KEEPALIVE, level: SOL_SOCKET, of: descriptor, to: 1)
        for (name, value) in [(TCP_KEEPIDLE, seconds), (TCP_KEEPINTVL, seconds), (TCP_KEEPCNT, 3)] {
            Socket.setOption(name, level: Int32(IPPROTO_TCP), of: descriptor, to: value)
        }
    }
}

/// Sockets that are bound to all addresses of a name.
package enum NameBinding {
    /// An address that could not be bound to.
    package struct Failure: Error {
        package let address: SocketAddress
        package let error: SystemError
    }

    /// How often another port is tried when one that the system chose for the first address is taken at the next.
    private static let portAttempts = 8

    /// Binds to each address once, and on one port if it is for the system to choose. Addresses that this machine has
    /// not are left out if there are others: `localhost` without IPv6.
    ///
    /// - Parameters:
    ///   - addresses: of one name, all with one port; 0 lets the system choose.
    ///   - bound: where a socket is bound, with the real port.
    ///   - bind: makes a socket that is closed when nobody holds it any more.
    /// - Throws: for the first address that cannot be bound to; then there is no socket.
    package static func bind<S>(
        toAll addresses: [SocketAddress], bound: (S) -> SocketAddress, _ bind: (SocketAddress) throws(SystemError) -> S
    ) throws(Failure) -> [S] {
        for _ in 1..<portAttempts {
            do throws(Failure) {
                return try bindOnce(addresses, bound, bind)
            } catch {
                guard addresses.first?.port == 0, error.error.errno == EADDRINUSE else { throw error }
            }
        }
        return try bindOnce(addresses, bound, bind)
    }

    private static func bindOnce<S>(
        _ addresses: [SocketAddress], _ bound: (S) -> SocketAddress, _ bind: (SocketAddress) throws(SystemError) -> S
    ) throws(Failure) -> [S] {
        var sockets: [S] = []
        var missing: Failure?
        for var address in addresses {
            if let port = sockets.first.flatMap({ bound($0).port }) { address = address.with(port: UInt16(port)) }
            guard !sockets.contains(where: { bound($0) == address }) else { continue }
            do throws(SystemError) {
                sockets.append(try bind(address))
            } catch {
                let failure = Failure(address: address, error: error)
                guard error.errno == EADDRNOTAVAIL || error.errno == EAFNOSUPPORT else { throw failure }
                missing = failure
            }
        }
        guard sockets.isEmpty, let missing else { return sockets }
        throw missing
    }
}
