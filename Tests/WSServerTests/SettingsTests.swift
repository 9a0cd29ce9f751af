import SocketTesting
import Testing
import WSClient

@testable import WSProtocol
@testable import WSServer

/// Settings that could have no effect are errors (S5, S6, S7, S16), and hosts are checked where they are named (S17).
@Suite(.timeLimit(.minutes(2))) struct SettingsTests {
    @Test(arguments: [
        ("*", "*"), ("https://*.example.com", "*"), ("example.com", "scheme"), ("https://example.com/", "more than"),
        ("https://example.com/path", "more than"), ("wss://example.com", "http or https"), ("", "scheme"),
        ("https://a b", "malformed"), ("https://example.com:0", "malformed"), ("https://user@example.com", "malformed"),
    ])
    func `an origin that no page can have is refused (S5) (S16)`(origin: String, reason: String) async {
        var options = ServerOptions()
        options.origins = .list(["https://a.example", origin])
        let refused = options
        let first = await failure { _ = try await WebSocketServer.listen(port: 0, options: refused) { _ in } }
        #expect(
            first?.code == .invalidConfiguration && first?.message.contains(reason) == true, "\(first?.message ?? "")")
        var routes = Routes()
        routes.webSocket("/", options: RouteOptions(origins: .list([origin]))) { _ in }
        let all = routes
        let error = await failure { _ = try await WebSocketServer.listen(port: 0, routes: all) }
        #expect(error?.code == .invalidConfiguration && error?.message.contains(reason) == true)
    }

    @Test(arguments: [
        "https://example.com", "HTTP://EXAMPLE.com:8080", "https://[::1]:8443", "null", "chrome-extension://abc",
        "file://",
    ])
    func `an origin that a page can have is taken (S5) (S16)`(origin: String) throws {
        var options = ServerOptions()
        options.origins = .list([origin])
        try options.check()
    }

    @Test(arguments: [["chat", "a b"], ["chat", "chat"], [""]])
    func `a subprotocol that no client can offer is refused (S6) (S16)`(names: [String]) {
        var options = ServerOptions()
        options.subprotocols = .preferring(names)
        #expect(throws: WebSocketError.self) { try options.check() }
    }

    @Test func `totalBytes that hold no two messages are refused, of a route too (S16) (S24)`() async throws {
        var options = ServerOptions()
        #expect(options.totalBound == 256 << 20)
        options.limits.messageSize = 100 << 20
        #expect(options.totalBound == 400 << 20)
        try options.check()
        options.totalBytes = (200 << 20) - 1
        #expect(throws: WebSocketError.self) { try options.check() }
        options.totalBytes = 200 << 20
        try options.check()
        options.limits.messageSize = .max
        options.totalBytes = nil
        #expect(options.totalBound == .max)
        try options.check()
        var route = RouteOptions()
        route.limits.messageSize = 200 << 20
        var routes = Routes()
        routes.webSocket("/", options: route) { _ in }
        let all = routes
        let error = await failure { _ = try await WebSocketServer.listen(port: 0, routes: all) }
        #expect(error?.code == .invalidConfiguration && error?.message.contains("totalBytes") == true)
    }

    @Test func `one of no subprotocols cannot be required (S6) (S16)`() {
        var options = ServerOptions()
        options.subprotocols = .preferring([], isRequired: true)
        #expect(throws: WebSocketError.self) { try options.check() }
    }

    @Test(arguments: ["/a/../b", "/./a", "/a?b", "/a#b", "/a%20b", "/:room/%41"])
    func `a route that is never asked for is refused (S7) (S16)`(path: String) {
        #expect(throws: RoutePattern.Flaw.self) { try RoutePattern(path) }
    }

    @Test func `a certificate by a name that no client asks for is refused (S8) (S16)`() async {
        var tls = TLSServerOptions(identity: .files(certificateChain: "/none", privateKey: "/none"))
        tls.identitiesByServerName["192.0.2.1"] = tls.identity
        var options = ServerOptions()
        options.tls = tls
        let refused = options
        let error = await failure { _ = try await WebSocketServer.listen(port: 0, options: refused) { _ in } }
        #expect(error?.code == .invalidConfiguration && error?.message.contains("192.0.2.1") == true)
    }

    @Test func `the 403 names the origin that came, escaped (S5) (T21) (T36)`() async throws {
        try await ServerHarness.with { harness in
            let request = Handshakes.request(extra: ["Origin: http://evil.example/\u{9B}31m\"\\"])
            let answer = try await harness.answer(to: request)
            expectRefusal(answer, 403, "origin is not a scheme, a host and a port; it came from \"http://evil.example/")
            #expect(answer.utf8.allSatisfy { $0 == 0x0D || $0 == 0x0A || (0x20..<0x7F).contains($0) })
            #expect(answer.contains("\\\"\\\\\""))
        }
        var options = ServerOptions()
        options.origins = .list(["https://a.example"])
        try await ServerHarness.with(options) { harness in
            let long = "http://" + String(repeating: "x", count: 5000)
            let answer = try await harness.answer(to: Handshakes.request(extra: ["Origin: \(long)"]))
            expectRefusal(answer, 403, "not among the allowed ones; it came from \"http://xxx")
            #expect(answer.utf8.count < 1000)
        }
    }

    // MARK: Hosts

    @Test(arguments: [
        ("example.com", "http://example.com", true), ("example.com", "https://EXAMPLE.COM:8443", true),
        ("example.com", "http://example.com.", true), ("example.com", "http://a.example.com", false),
        ("example.com:8080", "http://example.com:8080", true), ("example.com:8080", "http://example.com", false),
        ("example.com:80", "http://example.com", true), ("*.example.com", "http://a.example.com", true),
        ("*.example.com", "http://a.b.example.com", true), ("*.example.com", "http://example.com", false),
        ("*.example.com", "http://evilexample.com", false), ("[::1]", "http://[::1]:8080", true),
        ("127.0.0.1", "http://127.0.0.1:1", true), ("localhost", "http://localhost.evil.example", false),
    ])
    func `an allowed host is compared as names are (S17)`(rule: String, origin: String, isAllowed: Bool) throws {
        let hosts = try AllowedHosts(["other.example", rule])
        #expect(hosts.allow(try #require(WebOrigin(origin))) == isAllowed)
    }

    @Test(arguments: [
        [], ["*"], ["https://example.com"], ["example.com/"], ["a b"], [""], ["*.[::1]"], ["example.com:99999"],
    ])
    func `hosts that nobody can ask for are refused (S16) (S17)`(hosts: [String]) {
        var options = ServerOptions()
        options.allowedHosts = hosts
        #expect(throws: WebSocketError.self) { try options.check() }
    }

    private static func routes(_ routes: inout Routes) {
        routes.health("/health")
        routes.metrics("/metrics")
        routes.webSocket("/ws") { _ in }
        routes.get("/page") { _ in ServerResponse(text: "page") }
    }

    @Test func `a page whose name leads here is refused, with its own origin and all (S17) (T47)`() async throws {
        var options = ServerOptions()
        options.allowedHosts = ["localhost", "*.example.com"]
        try await ServerHarness.with(options, routes: Self.routes) { harness in
            func head(_ path: String, _ host: String) async throws -> String {
                let socket = try await harness.raw()
                try await socket.send(Handshakes.request(path, host: host, extra: ["Origin: http://\(host)"]))
                let head = try await socket.receiveHead()
                await socket.close()
                return head
            }
            #expect(try await head("/ws", "localhost").hasPrefix("HTTP/1.1 101 "))
            #expect(try await head("/ws", "a.example.com:8080").hasPrefix("HTTP/1.1 101 "))
            #expect(try await head("/ws", "rebound.evil.example").hasPrefix("HTTP/1.1 421 Misdirected Request\r\n"))
            for (path, status) in [("/page", 421), ("/metrics", 421), ("/health", 200)] {
                let socket = try await harness.raw()
                try await socket.send(Array("GET \(path) HTTP/1.1\r\nHost: rebound.evil.example\r\n\r\n".utf8))
                let head = try await socket.receiveHead()
                #expect(head.hasPrefix("HTTP/1.1 \(status) "), "\(path): \(head)")
                await socket.close()
            }
        }
        try await ServerHarness.with(options) { harness in
            let request = Handshakes.request(host: "rebound.evil.example")
            expectRefusal(
                try await harness.answer(to: request), 421, "rebound.evil.example is none of this server's hosts")
        }
    }

    @Test func `behind a trusted proxy the host counts that the client sees (S11) (S17)`() async throws {
        var options = ServerOptions()
        options.allowedHosts = ["a.example"]
        options.trustedProxies = try BehindProxyTests.loopback()
        try await ServerHarness.with(options) { harness in
            for (seen, status) in [("a.example", "101"), ("b.example", "421")] {
                let socket = try await harness.raw()
                try await socket.send(
                    Handshakes.request(
                        host: "10.0.0.7:8080", extra: ["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Host: \(seen)"]))
                let head = try await socket.receiveHead()
                #expect(head.hasPrefix("HTTP/1.1 \(status) "), "\(head)")
                await socket.close()
            }
        }
    }
}
