import Actors
import Glibc
import HansomTesting
import HansomTransport
import Testing

@Suite(.timeLimit(.minutes(2))) struct ListeningSocketTests {
    @Test func `a port that is taken is refused, unless both share it (S1)`() throws {
        let first = try ListeningSocket(.loopback())
        #expect(throws: SystemError(call: "bind", errno: EADDRINUSE)) { _ = try ListeningSocket(first.address) }
        first.close()
        let options = ListeningSocket.Options(backlog: 4, reusePort: true)
        let second = try ListeningSocket(.loopback(), options: options)
        let third = try ListeningSocket(second.address, options: options)
        #expect(second.address == third.address)
        second.close()
        third.close()
    }

    @Test(arguments: [0o600, 0o660] as [UInt32])
    func `a socket's file has the mode that is wanted (P21)`(mode: UInt32) throws {
        let path = "/tmp/hansom-mode-\(getpid())-\(mode)"
        let listener = try ListeningSocket(.unix(path: path), options: .init(mode: mode))
        var status = stat()
        #expect(unsafe stat(path, &status) == 0)
        #expect(status.st_mode & 0o777 == mode)
        listener.close()
    }

    @Test func `the port is free again when it is closed (S9)`() throws {
        let first = try ListeningSocket(.loopback())
        first.close()
        let second = try ListeningSocket(first.address)
        #expect(second.address == first.address)
        second.close()
    }

    @Test func `closing twice leaves the descriptor's next owner alone`() throws {
        let first = try ListeningSocket(.loopback())
        first.close()
        let second = try ListeningSocket(.loopback())
        first.close()
        #expect(Socket.localAddress(second.descriptor) == second.address)
        second.close()
    }

    @Test func `an address that is not this machine's is refused`() throws {
        let foreign = try #require(SocketAddress(numeric: "192.0.2.1", port: 0))
        #expect(throws: SystemError(call: "bind", errno: EADDRNOTAVAIL)) { _ = try ListeningSocket(foreign) }
    }

    @Test func `nothing waits on a fresh listener, and what is no listener is refused`() throws {
        let listener = try ListeningSocket(.loopback())
        #expect(try Socket.accept(listener.descriptor) == nil)
        listener.close()
        #expect(throws: SystemError(call: "accept4", errno: EBADF)) { _ = try Socket.accept(-1) }
        let plain = try Socket.open(family: AF_INET)
        #expect(throws: SystemError(call: "accept4", errno: EINVAL)) { _ = try Socket.accept(plain) }
        #expect(throws: SystemError(call: "listen", errno: EBADF)) { try Socket.listen(-1, backlog: 1) }
        Socket.close(plain)
    }

    @Test(.enabled(if: Machine.hasIPv6)) func `a listener on the IPv6 wildcard takes IPv4 too (S1)`() async throws {
        let any = try #require(SocketAddress(numeric: "::", port: 0))
        let listener = try ListeningSocket(any)
        let port = UInt16(try #require(listener.address.port))
        let client = try Socket.open(family: AF_INET)
        _ = try Socket.connect(client, to: try #require(SocketAddress(numeric: "127.0.0.1", port: port)))
        let server = try await accept(listener)
        #expect(Socket.peerAddress(server)?.host == "::ffff:127.0.0.1")
        for descriptor in [client, server] { Socket.close(descriptor) }
        listener.close()
    }

    @Test func `accepted descriptors do not block and small writes go at once`() async throws {
        let listener = try ListeningSocket(.loopback())
        let client = try Socket.open(family: AF_INET)
        _ = try Socket.connect(client, to: listener.address)
        let server = try await accept(listener)
        for descriptor in [client, server] {
            #expect(fcntl(descriptor, F_GETFL) & O_NONBLOCK != 0)
            #expect(fcntl(descriptor, F_GETFD) & FD_CLOEXEC != 0)
            #expect(Socket.option(TCP_NODELAY, level: Int32(IPPROTO_TCP), of: descriptor) == 0)
            Socket.setNoDelay(descriptor)
            #expect(Socket.option(TCP_NODELAY, level: Int32(IPPROTO_TCP), of: descriptor) == 1)
            try Socket.checkConnected(descriptor)
            Socket.close(descriptor)
        }
        listener.close()
    }

    @Test func `a connection that is refused says so`() async throws {
        let listener = try ListeningSocket(.loopback())
        listener.close()
        let client = try Socket.open(family: AF_INET)
        await #expect(throws: SystemError(call: "connect", errno: ECONNREFUSED)) {
            _ = try Socket.connect(client, to: listener.address)
            while true {
                try Socket.checkConnected(client)
                await Task.yield()
            }
        }
        Socket.close(client)
        #expect(throws: SystemError(call: "socket", errno: EAFNOSUPPORT)) { _ = try Socket.open(family: 999) }
    }
}

@Suite(.timeLimit(.minutes(2))) struct UnixListenerTests {
    let path = TemporaryPath()
    var address: SocketAddress { .unix(path: path.text) }

    @Test func `the file goes when the listener closes (S1)`() throws {
        let listener = try ListeningSocket(address)
        #expect(path.exists)
        listener.close()
        #expect(!path.exists)
    }

    @Test func `a live one is refused and left alone (S1)`() async throws {
        let listener = try ListeningSocket(address)
        #expect(throws: SystemError(call: "bind", errno: EADDRINUSE)) { _ = try ListeningSocket(address) }
        let client = try Socket.open(family: AF_UNIX)
        _ = try Socket.connect(client, to: address)
        Socket.close(client)
        listener.close()
    }

    @Test func `a stale one is replaced (S1)`() throws {
        let stale = try Socket.open(family: AF_UNIX)
        try Socket.bind(stale, to: address)
        Socket.close(stale)
        #expect(path.exists)
        let listener = try ListeningSocket(address)
        listener.close()
        #expect(!path.exists)
    }

    @Test func `a file that is no socket is left alone`() throws {
        close(unsafe open(path.text, O_CREAT | O_WRONLY, 0o600))
        #expect(throws: SystemError(call: "bind", errno: EADDRINUSE)) { _ = try ListeningSocket(address) }
        #expect(path.exists)
    }

    @Test func `a file that another server has put there since is left alone`() throws {
        let old = try ListeningSocket(address)
        _ = unsafe unlink(path.text)
        let new = try ListeningSocket(address)
        old.close()
        #expect(path.exists, "it is the new server's")
        new.close()
        #expect(!path.exists)
    }

    @Test(arguments: ["", String(repeating: "x", count: 108), String(repeating: "ü", count: 54), "/tmp/a\0b"])
    func `a path that does not fit is refused, not cut`(path: String) throws {
        let error = path.utf8.count > SocketAddress.longestUnixPath ? ENAMETOOLONG : EINVAL
        #expect(throws: SystemError(call: "bind", errno: error)) {
            let listener = try ListeningSocket(.unix(path: path))
            listener.close()
        }
        let client = try Socket.open(family: AF_UNIX)
        #expect(throws: SystemError(call: "connect", errno: error)) {
            _ = try Socket.connect(client, to: .unix(path: path))
        }
        Socket.close(client)
    }

    @Test func `a full backlog fails a connection at once`() throws {
        let listener = try ListeningSocket(address, options: .init(backlog: 0))
        var clients: [Int32] = []
        #expect(throws: SystemError(call: "connect", errno: EAGAIN)) {
            for _ in 0..<10 {
                clients.append(try Socket.open(family: AF_UNIX))
                _ = try Socket.connect(clients[clients.count - 1], to: address)
            }
        }
        for client in clients { Socket.close(client) }
        listener.close()
    }
}
