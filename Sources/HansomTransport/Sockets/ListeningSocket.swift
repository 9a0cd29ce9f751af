package import Actors
internal import CHansomSystem
internal import Glibc
internal import Synchronization

/// A socket that accepts: TCP or Unix-domain.
package final class ListeningSocket: Sendable {
    package let descriptor: Int32
    /// The bound address, with the real port.
    package let address: SocketAddress
    private let isOpen = Atomic<Bool>(true)
    /// Who uses the descriptor: its owner, until that closes it, and who has asked with `beginUse`.
    private let users = Atomic<Int>(1)
    /// The file of a Unix-domain socket.
    private let file: File?

    /// Which file stands at a path, whatever is put there later.
    private struct File: Equatable {
        let device: UInt
        let number: UInt

        /// `nil` unless a socket stands there.
        init?(socketAt path: String) {
            var status = stat()
            guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
            device = UInt(status.st_dev)
            number = UInt(status.st_ino)
        }
    }

    /// What a listener may be told about its socket.
    package struct Options: Sendable {
        package var backlog: Int32 = 1024
        package var reusePort = false
        /// Who may connect to a Unix-domain socket, as a file's mode; `nil`: as the umask says.
        package var mode: UInt32?

        package init(backlog: Int32 = 1024, reusePort: Bool = false, mode: UInt32? = nil) {
            self.mode = mode
            self.backlog = backlog
            self.reusePort = reusePort
        }
    }

    /// Binds and listens.
    package init(_ address: SocketAddress, options: Options = Options()) throws(SystemError) {
        let descriptor = try Socket.open(family: address.family)
        do throws(SystemError) {
            switch address {
            case .v4, .v6:
                Socket.setOption(SO_REUSEADDR, level: SOL_SOCKET, of: descriptor, to: 1)
                if options.reusePort { Socket.setOption(SO_REUSEPORT, level: SOL_SOCKET, of: descriptor, to: 1) }
            case .unix(let path):
                ListeningSocket.removeStale(path)
            }
            if case .v6 = address { Socket.setOption(IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), of: descriptor, to: 0) }
            try Socket.bind(descriptor, to: address)
            // Before `listen`, so that nobody comes in between.
            if let mode = options.mode, address.isUnix, unsafe chmod(address.host, mode) != 0 {
                throw SystemError(call: "chmod", errno: errno)
            }
            try Socket.listen(descriptor, backlog: options.backlog)
        } catch {
            Socket.close(descriptor)
            throw error
        }
        self.descriptor = descriptor
        self.address = Socket.localAddress(descriptor) ?? address
        file = address.isUnix ? File(socketAt: address.host) : nil
    }

    /// Takes over a socket that is bound and listens already: from a service manager, or from the process before.
    package init(inherited descriptor: Int32) throws(SystemError) {
        guard Socket.option(SO_ACCEPTCONN, level: SOL_SOCKET, of: descriptor) == 1,
            let address = Socket.localAddress(descriptor)
        else { throw SystemError(call: "getsockopt", errno: fcntl(descriptor, F_GETFD) == -1 ? EBADF : EINVAL) }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
        self.descriptor = descriptor
        self.address = address
        // Whoever made the file keeps it.
        file = nil
    }

    deinit {
        close()
        // Who used it and is gone without a word uses it no more.
        if users.load(ordering: .acquiring) > 0 { Socket.close(descriptor) }
    }

    /// Whether somebody waits to be accepted.
    package var isAwaited: Bool {
        var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        // Safety: one structure, which lives as long as the call.
        return unsafe poll(&wanted, 1, 0) > 0
    }

    /// Closes the socket; harmless when repeated. A Unix-domain socket's file is removed, unless another server has put
    /// its own there since.
    ///
    /// Whoever uses the descriptor keeps it open until the end of that, since its number may be another's at once when
    /// it is closed.
    package func close() {
        guard isOpen.exchange(false, ordering: .acquiringAndReleasing) else { return }
        if let file, file == File(socketAt: address.host) { _ = unsafe unlink(address.host) }
        endUse()
    }

    /// From now on, until `endUse`, the descriptor is this socket's, also if somebody closes it. False when it is
    /// closed.
    package func beginUse() -> Bool {
        var seen = users.load(ordering: .acquiring)
        while seen > 0, isOpen.load(ordering: .acquiring) {
            let result = users.compareExchange(expected: seen, desired: seen + 1, ordering: .acquiringAndReleasing)
            if result.exchanged { return true }
            seen = result.original
        }
        return false
    }

    /// The caller touches the descriptor no more.
    package func endUse() {
        if users.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { Socket.close(descriptor) }
    }

    /// Removes a socket file that nobody listens on any more: what a killed server leaves behind.
    private static func removeStale(_ path: String) {
        guard File(socketAt: path) != nil, let probe = try? Socket.open(family: AF_UNIX) else { return }
        defer { Socket.close(probe) }
        do {
            _ = try Socket.connect(probe, to: .unix(path: path))
        } catch {
            if error.errno == ECONNREFUSED { _ = unsafe unlink(path) }
        }
    }
}
