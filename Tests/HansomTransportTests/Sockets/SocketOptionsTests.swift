import Actors
import Glibc
import HansomTransport
import Testing

/// What a socket is told before it connects, as the kernel then says it.
@Suite(.timeLimit(.minutes(2))) struct SocketOptionsTests {
    private func told(_ options: SocketOptions, _ ask: (Int32) -> Void) throws {
        let descriptor = try Socket.open(family: AF_INET)
        defer { Socket.close(descriptor) }
        try options.apply(to: descriptor)
        ask(descriptor)
    }

    private func tcp(_ name: Int32, _ descriptor: Int32) -> Int32 {
        Socket.option(name, level: Int32(IPPROTO_TCP), of: descriptor)
    }

    @Test func `sends small writes at once unless told otherwise, and asks nothing (C7)`() throws {
        try told(SocketOptions()) { descriptor in
            #expect(tcp(TCP_NODELAY, descriptor) == 1)
            #expect(Socket.option(SO_KEEPALIVE, level: SOL_SOCKET, of: descriptor) == 0)
        }
        var options = SocketOptions()
        options.noDelay = false
        try told(options) { #expect(tcp(TCP_NODELAY, $0) == 0) }
    }

    @Test func `has the kernel ask whether the peer is there (C7)`() throws {
        var options = SocketOptions()
        options.keepAlive = .seconds(45)
        try told(options) { descriptor in
            #expect(Socket.option(SO_KEEPALIVE, level: SOL_SOCKET, of: descriptor) == 1)
            #expect(tcp(TCP_KEEPIDLE, descriptor) == 45)
            #expect(tcp(TCP_KEEPINTVL, descriptor) == 45)
            #expect(tcp(TCP_KEEPCNT, descriptor) == 3)
        }
        options.keepAlive = .milliseconds(1)
        try told(options) { #expect(tcp(TCP_KEEPIDLE, $0) == 1) }
    }

    @Test func `sizes the kernel's buffers, which Linux doubles (C7)`() throws {
        var options = SocketOptions()
        options.sendBuffer = 20_000
        options.receiveBuffer = 30_000
        try told(options) { descriptor in
            #expect(Socket.option(SO_SNDBUF, level: SOL_SOCKET, of: descriptor) == 40_000)
            #expect(Socket.option(SO_RCVBUF, level: SOL_SOCKET, of: descriptor) == 60_000)
        }
        // Absurd sizes are the kernel's to bound.
        options.sendBuffer = .max
        options.receiveBuffer = .min
        try told(options) { #expect(Socket.option(SO_RCVBUF, level: SOL_SOCKET, of: $0) > 0) }
    }

    @Test func `binds to the local address (C7)`() throws {
        var options = SocketOptions()
        options.localAddress = SocketAddress(numeric: "127.0.0.7", port: 0)
        try told(options) { #expect(Socket.localAddress($0)?.host == "127.0.0.7") }
        options.localAddress = SocketAddress(numeric: "192.0.2.1", port: 0)
        #expect(throws: SystemError(call: "bind", errno: EADDRNOTAVAIL)) { try told(options) { _ in } }
    }
}
