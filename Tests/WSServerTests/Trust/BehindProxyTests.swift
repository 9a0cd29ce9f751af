import HansomTesting
import HansomTransport
import Logging
import SocketTesting
import Testing
import WSClient
import WSServer

@testable import WSProtocol

/// A server behind proxies, real sockets: whom it believes, and what it makes of it.
@Suite(.timeLimit(.minutes(2))) struct BehindProxyTests {
    /// Says who the server thinks asks.
    static let whoAmI: WebSocket.Handler = { ws in
        let asked = ws.request?.clientAddress == ws.clientAddress && ws.request?.peerAddress == ws.peerAddress
        try await ws.send(.text("\(ws.peerAddress?.host ?? "nobody") \(ws.clientAddress?.host ?? "nobody") \(asked)"))
    }

    static func loopback() throws -> [IPRange] { [try IPRange("127.0.0.0/8"), try IPRange("::1")] }

    private func answer(_ harness: ServerHarness, _ bytes: [UInt8], cutAt cut: Int = 0) async throws -> String {
        let socket = try await harness.raw()
        if cut > 0 {
            try await socket.send(Array(bytes[..<cut]))
            await turns(of: harness.schedulers, 2)
            try await socket.send(Array(bytes[cut...]))
        } else {
            try await socket.send(bytes)
        }
        let head = try await socket.receiveHead()
        guard head.hasPrefix("HTTP/1.1 101 ") else {
            return String(head.split(separator: " ").dropFirst().first ?? "dropped")
        }
        let frame = try await socket.receiveFrame()
        await socket.close()
        return String(decoding: frame?.payload ?? [], as: UTF8.self)
    }

    static let headers: [(String, [UInt8], String)] = [
        ("v1", Array("PROXY TCP4 192.0.2.1 198.51.100.7 4711 80\r\n".utf8), "192.0.2.1 192.0.2.1 true"),
        ("v1 IPv6", Array("PROXY TCP6 2001:db8::1 ::1 4711 80\r\n".utf8), "2001:db8::1 2001:db8::1 true"),
        ("v1 unknown", Array("PROXY UNKNOWN\r\n".utf8), "127.0.0.1 127.0.0.1 true"),
        (
            "v2", ProxyHeaderBytes.v2(0x21, 0x11, [192, 0, 2, 9, 127, 0, 0, 1, 0, 1, 0, 2] + [4, 0, 2, 0, 0]),
            "192.0.2.9 192.0.2.9 true"
        ),
        ("v2 local", ProxyHeaderBytes.v2(0x20, 0, []), "127.0.0.1 127.0.0.1 true"),
    ]

    @Test(arguments: 0..<headers.count)
    func `takes the peer that a PROXY header names, wherever the bytes are cut (S11)`(index: Int) async throws {
        let (_, header, expected) = Self.headers[index]
        var options = ServerOptions()
        options.proxyProtocol = try Self.loopback()
        try await ServerHarness.with(options, handler: Self.whoAmI) { harness in
            let bytes = header + Array(Handshakes.request().utf8)
            for cut in [0] + Array(1...(header.count + 1)) {
                let answer = try await answer(harness, bytes, cutAt: cut)
                #expect(answer == expected, "cut at \(cut)")
            }
            #expect(await harness.isIdleAgain())
        }
    }

    @Test(arguments: ["", "PROXY TCP4 192.0.2.1 1 1 1\r\n", "PROXY UNKNOWNS\r\n", "\r\n\r\n\0\r\nQUIT\n\u{21}\u{12}"])
    func `drops an allowed peer that says anything else first (S11)`(start: String) async throws {
        var options = ServerOptions()
        options.proxyProtocol = try Self.loopback()
        try await ServerHarness.with(options, handler: Self.whoAmI) { harness in
            let socket = try await harness.raw()
            try await socket.send(start + Handshakes.request())
            let head = (try? await socket.receiveHead()) ?? ""
            #expect(head == "")
            await socket.close()
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `drops who is not allowed to send a PROXY header, with and without one (S11)`() async throws {
        var options = ServerOptions()
        options.proxyProtocol = [try IPRange("192.0.2.0/24")]
        try await ServerHarness.with(options, handler: Self.whoAmI) { harness in
            for start in ["", "PROXY TCP4 192.0.2.1 198.51.100.7 4711 80\r\n"] {
                // A peer that was dropped with bytes unread sees a reset.
                let socket = try await harness.raw()
                try await socket.send(start + Handshakes.request())
                _ = await socket.end()
                await socket.close()
            }
            #expect(await harness.isIdleAgain())
            #expect(harness.server.connectionCount == 0)
        }
    }

    @Test func `a word in the log says who may not send a PROXY header (S11) (S13)`() async throws {
        let log = Probe<String>()
        var options = ServerOptions()
        options.logger = Logger(label: "test") { _ in CapturingLogHandler(log, showsMetadata: true) }
        options.logger?.logLevel = .notice
        options.proxyProtocol = [try IPRange("192.0.2.0/24")]
        try await ServerHarness.with(options, handler: Self.whoAmI) { harness in
            let socket = try await harness.raw()
            _ = await socket.end()
            #expect(await eventually { log.count == 1 })
            #expect(log.values[0].hasPrefix("notice handshake failed client=127.0.0.1:"))
            #expect(log.values[0].contains("may not speak it here"))
        }
    }

    @Test func `counts the client that a PROXY header names, and not the proxy (S3) (S11)`() async throws {
        var options = ServerOptions()
        options.proxyProtocol = try Self.loopback()
        options.maxConnectionsPerPeer = 2
        try await ServerHarness.with(options, handler: Self.whoAmI) { harness in
            func open(_ client: String) async throws -> (RawSocket, isIn: Bool) {
                let socket = try await harness.raw()
                try await socket.send("PROXY TCP4 \(client) 198.51.100.7 4711 80\r\n" + Handshakes.request())
                return (socket, ((try? await socket.receiveHead()) ?? "").hasPrefix("HTTP/1.1 101 "))
            }
            let first = try await open("192.0.2.1")
            let second = try await open("192.0.2.1")
            #expect(first.isIn && second.isIn)
            #expect(try await open("192.0.2.1").isIn == false)
            // Four of one proxy, and nobody has too many.
            let (other, another) = (try await open("192.0.2.2"), try await open("192.0.2.3"))
            #expect(other.isIn && another.isIn)
            #expect(await harness.server.statistics().turnedAway == 1)
            await first.0.close()
            #expect(await eventually { harness.server.connectionCount < 4 })
            #expect(try await open("192.0.2.1").isIn)
        }
    }

    @Test func `takes a PROXY header for a bad request where none is spoken (S11)`() async throws {
        try await ServerHarness.with(handler: Self.whoAmI) { harness in
            let header = "PROXY TCP4 192.0.2.1 198.51.100.7 4711 80\r\n"
            let answer = try await answer(harness, Array((header + Handshakes.request()).utf8))
            #expect(answer == "400")
        }
    }

    @Test(arguments: [
        (["X-Forwarded-For: 192.0.2.1, 127.0.0.9"], true, "127.0.0.1 192.0.2.1 true"),
        (["X-Forwarded-For: 192.0.2.1"], false, "127.0.0.1 127.0.0.1 true"),
        (["X-Forwarded-For: unknown"], true, "127.0.0.1 nobody true"),
        (["X-Forwarded-Proto: https", "Origin: https://a.example"], true, "127.0.0.1 127.0.0.1 true"),
        (["X-Forwarded-Proto: https", "Origin: https://a.example"], false, "403"),
        (["X-Forwarded-Proto: https", "Origin: http://a.example"], true, "403"),
        (
            ["X-Forwarded-Proto: https", "X-Forwarded-Host: b.example:8443", "Origin: https://b.example:8443"], true,
            "127.0.0.1 127.0.0.1 true"
        ),
    ])
    func `believes forwarded headers of trusted proxies only (S5) (S11)`(
        fields: [String], isTrusted: Bool, expected: String
    ) async throws {
        var options = ServerOptions()
        if isTrusted { options.trustedProxies = try Self.loopback() }
        try await ServerHarness.with(options, handler: Self.whoAmI) { harness in
            let request = Handshakes.request(host: "a.example", extra: fields)
            let answer = try await answer(harness, Array(request.utf8))
            #expect(answer == expected)
        }
    }

    @Test func `compares the origin as https when the PROXY header says that the client spoke TLS (S5) (S11)`()
        async throws
    {
        var options = ServerOptions()
        options.proxyProtocol = try Self.loopback()
        try await ServerHarness.with(options, handler: Self.whoAmI) { harness in
            let tls: [UInt8] = [0x20, 0, 5, 1, 0, 0, 0, 0]
            let header = ProxyHeaderBytes.v2(0x21, 0x11, [192, 0, 2, 9, 127, 0, 0, 1, 0, 1, 0, 2] + tls)
            for (origin, expected) in [("https://a.example", "192.0.2.9 192.0.2.9 true"), ("http://a.example", "403")] {
                let request = Handshakes.request(host: "a.example", extra: ["Origin: \(origin)"])
                let answer = try await answer(harness, header + Array(request.utf8))
                #expect(answer == expected)
            }
        }
    }

    @Test func `the two work together: the PROXY header's peer must be trusted for its forwarded headers (S11)`()
        async throws
    {
        var options = ServerOptions()
        options.proxyProtocol = try Self.loopback()
        options.trustedProxies = [try IPRange("10.0.0.0/8")]
        try await ServerHarness.with(options, handler: Self.whoAmI) { harness in
            let request = Handshakes.request(extra: ["X-Forwarded-For: 192.0.2.1"])
            for (peer, expected) in [
                ("10.0.0.1", "10.0.0.1 192.0.2.1 true"), ("172.16.0.1", "172.16.0.1 172.16.0.1 true"),
            ] {
                let bytes = Array(("PROXY TCP4 \(peer) 127.0.0.1 1 2\r\n" + request).utf8)
                let answer = try await answer(harness, bytes)
                #expect(answer == expected)
            }
        }
    }
}

/// Headers of version 2, made by hand.
enum ProxyHeaderBytes {
    static func v2(_ command: UInt8, _ family: UInt8, _ block: [UInt8]) -> [UInt8] {
        [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A, command, family]
            + [UInt8(block.count >> 8), UInt8(block.count & 0xFF)] + block
    }
}
