import SocketTesting
import Testing
import WSClient

/// A real HTTP proxy and a real SOCKS5 proxy between our client and echo servers.
@Suite(.timeLimit(.minutes(2))) struct ForwardProxyTests {
    private static let own = (user: "me", password: "se-cret")

    private func options(_ proxy: Proxy, isSecure: Bool) async throws -> ConnectOptions {
        var options = try await ReverseProxyTests.options(isSecure: isSecure)
        options.proxy = .through(proxy)
        return options
    }

    private func proxy(_ kind: Proxy.Kind, _ part: RealPart, isKnown: Bool) -> Proxy {
        let credentials = Proxy.Credentials(user: Self.own.user, password: Self.own.password)
        return Proxy(kind, host: "127.0.0.1", port: part.port, credentials: isKnown ? credentials : nil)
    }

    static let servers = EchoServer.kinds.flatMap { [($0, false), ($0, true)] }

    @Test(arguments: servers) func `talks through tinyproxy, with TLS inside too (C6) (C8)`(
        server: String, isSecure: Bool
    ) async throws {
        try await EchoServer.run(server, isSecure: isSecure) { port in
            try await RealPart.tinyproxy { part in
                let options = try await options(proxy(.http, part, isKnown: false), isSecure: isSecure)
                try await ReverseProxyTests.converse(at: "\(isSecure ? "wss" : "ws")://127.0.0.1:\(port)/", options)
            }
        }
    }

    @Test(arguments: servers) func `talks through microsocks, with TLS inside too (C6) (C8)`(
        server: String, isSecure: Bool
    ) async throws {
        try await EchoServer.run(server, isSecure: isSecure) { port in
            try await RealPart.microsocks { part in
                let options = try await options(proxy(.socks5, part, isKnown: false), isSecure: isSecure)
                try await ReverseProxyTests.converse(at: "\(isSecure ? "wss" : "ws")://127.0.0.1:\(port)/", options)
            }
        }
    }

    @Test func `leaves names to the SOCKS proxy (C6)`() async throws {
        try await EchoServer.run { port in
            try await RealPart.microsocks { part in
                var options = try await options(proxy(.socks5, part, isKnown: false), isSecure: false)
                // It would fail if it were asked.
                options.resolver = { host, _ in throw Program.Missing(description: "asked for \(host)") }
                try await ReverseProxyTests.converse(at: "ws://localhost:\(port)/", options)
            }
        }
    }

    @Test func `speaks TLS with the proxy, and TLS with the server inside it (C6) (C8)`() async throws {
        let certificates = try await Certificates.shared
        try await EchoServer.run(isSecure: true) { port in
            try await RealPart.tinyproxy(credentials: Self.own) { inner in
                try await RealPart.haproxy(to: inner.port, mode: "tcp", identity: certificates.path("server")) {
                    outer in
                    var proxy = proxy(.https, outer, isKnown: true)
                    var error = await failure {
                        _ = try await WebSocket.connect(
                            to: "wss://127.0.0.1:\(port)/", options: options(proxy, isSecure: true))
                    }
                    #expect(error?.code == .tls)
                    #expect(error?.phase == .proxy)
                    #expect(error?.message.contains("proxy https://127.0.0.1:\(outer.port)") == true)
                    #expect(error?.message.contains("unknown authority") == true, "\(String(describing: error))")

                    proxy.tls = certificates.trust()
                    try await ReverseProxyTests.converse(
                        at: "wss://127.0.0.1:\(port)/", try await options(proxy, isSecure: true))
                    // And trusting the proxy is not trusting the server.
                    error = await failure {
                        _ = try await WebSocket.connect(
                            to: "wss://127.0.0.1:\(port)/", options: options(proxy, isSecure: false))
                    }
                    #expect(error?.code == .tls)
                    #expect(error?.phase == .tls)
                }
            }
        }
    }

    @Test func `shows user and password to tinyproxy, and says when it must (C3) (C6)`() async throws {
        try await EchoServer.run { port in
            try await RealPart.tinyproxy(credentials: Self.own) { part in
                let url = "ws://127.0.0.1:\(port)/"
                try await ReverseProxyTests.converse(
                    at: url, try await options(proxy(.http, part, isKnown: true), isSecure: false))
                var stranger = proxy(.http, part, isKnown: false)
                for credentials in [nil, Proxy.Credentials(user: "me", password: "wrong")] {
                    stranger.credentials = credentials
                    let error = await failure {
                        _ = try await WebSocket.connect(to: url, options: options(stranger, isSecure: false))
                    }
                    #expect(error?.code == .proxy)
                    #expect([401, 407].contains(error?.response?.status), "\(String(describing: error))")
                    #expect(error?.message.contains("http://127.0.0.1:\(part.port)") == true)
                    #expect(error?.message.contains("127.0.0.1:\(port)") == true)
                }
            }
        }
    }

    @Test func `shows user and password to microsocks, and says when it must (C3) (C6)`() async throws {
        try await EchoServer.run { port in
            try await RealPart.microsocks(credentials: Self.own) { part in
                let url = "ws://127.0.0.1:\(port)/"
                try await ReverseProxyTests.converse(
                    at: url, try await options(proxy(.socks5, part, isKnown: true), isSecure: false))
                var stranger = proxy(.socks5, part, isKnown: false)
                var error = await failure {
                    _ = try await WebSocket.connect(to: url, options: options(stranger, isSecure: false))
                }
                #expect(error?.code == .proxy)
                #expect(error?.message.contains("wants credentials") == true, "\(String(describing: error))")
                stranger.credentials = .init(user: "me", password: "wrong")
                error = await failure {
                    _ = try await WebSocket.connect(to: url, options: options(stranger, isSecure: false))
                }
                #expect(error?.code == .proxy, "\(String(describing: error))")
                #expect(error?.message.contains("user and password") == true, "\(String(describing: error))")
            }
        }
    }

    @Test func `says what a proxy says of a server that nobody reaches (C3) (C6)`() async throws {
        let gone = try await RealPart.freePort()
        try await RealPart.tinyproxy { part in
            let error = await failure {
                _ = try await WebSocket.connect(
                    to: "ws://127.0.0.1:\(gone)/", options: options(proxy(.http, part, isKnown: false), isSecure: false)
                )
            }
            #expect(error?.code == .proxy)
            #expect((500...599).contains(error?.response?.status ?? 0), "\(String(describing: error))")
            #expect(error?.response?.body.isEmpty == false)
        }
        try await RealPart.microsocks { part in
            let error = await failure {
                _ = try await WebSocket.connect(
                    to: "ws://127.0.0.1:\(gone)/",
                    options: options(proxy(.socks5, part, isKnown: false), isSecure: false))
            }
            #expect(error?.code == .proxy)
            #expect(error?.message.contains("connection refused") == true, "\(String(describing: error))")
        }
    }
}
