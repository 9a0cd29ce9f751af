import Actors
import Glibc
import HansomTesting
import HansomTransport
import Testing

@Suite(.timeLimit(.minutes(2))) struct SocketAddressTests {
    @Test(arguments: [
        ("127.0.0.1", "127.0.0.1:80"), ("0.0.0.0", "0.0.0.0:80"), ("255.255.255.255", "255.255.255.255:80"),
        ("::1", "[::1]:80"), ("::", "[::]:80"), ("2001:DB8:0:0:0:0:0:1", "[2001:db8::1]:80"),
        ("::ffff:192.0.2.1", "[::ffff:192.0.2.1]:80"), ("fe80::1%7", "[fe80::1%7]:80"),
        ("fe80::1%lo", "[fe80::1%1]:80"),
    ])
    func `an address in numbers is parsed and printed`(text: String, printed: String) throws {
        let address = try #require(SocketAddress(numeric: text, port: 80))
        #expect(address.description == printed)
        #expect(address.port == 80)
        #expect(address.isUnix == false)
        #expect(SocketAddress(numeric: address.host, port: 80) == address)
    }

    @Test(arguments: [
        "", "localhost", "127.1", "127.0.0.1.", "1.2.3.256", "01.2.3.4x", "[::1]", "::1%", "::1%nosuchinterface", "::g",
        "1:2", "127.0.0.1%1", "::1%1%1", "fe80::1%99999999999", "127.0.0.1\0", "::1\0.example.org", "fe80::1%1\0",
        " ::1",
    ])
    func `anything else is not`(text: String) {
        #expect(SocketAddress(numeric: text, port: 80) == nil)
    }

    @Test(arguments: [0, 1, 80, 256, 65_535] as [UInt16])
    func `ports keep their byte order through the kernel`(port: UInt16) throws {
        let address = try #require(SocketAddress(numeric: "::1", port: port))
        #expect(address.description == "[::1]:\(port)")
    }

    @Test func `a path is printed as one`() {
        let address = SocketAddress.unix(path: "/run/a.sock")
        #expect(address.description == "unix:/run/a.sock")
        #expect(address.host == "/run/a.sock")
        #expect(address.port == nil)
        #expect(address.isUnix)
        #expect(Set([address, .unix(path: "/run/a.sock"), .unix(path: "/run/b.sock")]).count == 2)
    }

    @Test(arguments: Machine.streamFamilies)
    func `the kernel gives back the addresses of both ends`(family: Int32) async throws {
        let path = TemporaryPath()
        let listener = try ListeningSocket(.loopback(family, path: path.text))
        let client = try Socket.open(family: family)
        _ = try Socket.connect(client, to: listener.address)
        let server = try await accept(listener)
        #expect(Socket.localAddress(server) == listener.address)
        #expect(Socket.peerAddress(client) == listener.address)
        #expect(Socket.peerAddress(server) == Socket.localAddress(client))
        #expect(Socket.localAddress(client)?.family == family)
        if family == AF_UNIX {
            #expect(listener.address == .unix(path: path.text))
            #expect(Socket.peerAddress(server) == .unix(path: ""))
        } else {
            #expect(listener.address.port != 0)
        }
        for descriptor in [client, server] { Socket.close(descriptor) }
        listener.close()
    }

    @Test func `a descriptor that is none has no addresses`() {
        #expect(Socket.localAddress(-1) == nil)
        #expect(Socket.peerAddress(-1) == nil)
    }
}
