import HansomTesting
import SocketTesting
import Testing
import WSClient

/// nginx and HAProxy before our server and foreign ones, plain and with TLS.
@Suite(.timeLimit(.minutes(2))) struct ReverseProxyTests {
    static let cases = EchoServer.kinds.flatMap { [($0, false), ($0, true)] }

    /// Echoes of many sizes, a latency, and a close from the other end.
    static func converse(at url: String, _ options: ConnectOptions) async throws {
        let ws = try await WebSocket.connect(to: url, options: options)
        #expect((ws.tls != nil) == url.hasPrefix("wss"))
        for size in [0, 1, 125, 126, 65_535, 65_536, 1 << 20] {
            try await ws.send(.binary([UInt8](repeating: 7, count: size)))
            let echo = try await ws.recv(timeout: .seconds(30))
            #expect(echo == .binary([UInt8](repeating: 7, count: size)), "\(size) bytes")
        }
        #expect(try await ws.ping() > .zero)
        try await ws.send(.text("close 4001 bye"))
        let error = await failure { _ = try await ws.recv(timeout: .seconds(30)) }
        #expect(error?.close == WebSocket.Close(code: .init(rawValue: 4001), reason: "bye"))
        try await ws.close()
    }

    /// Generous: a machine that runs six programs at once may be slow.
    static func options(isSecure: Bool) async throws -> ConnectOptions {
        ConnectOptions(
            connectTimeout: .seconds(50), tls: isSecure ? try await Certificates.shared.trust() : TLSClientOptions())
    }

    @Test(arguments: cases) func `talks through nginx (C4) (C8) (W7)`(server: String, isSecure: Bool) async throws {
        let identity = isSecure ? try await Certificates.shared.path("server") : nil
        try await EchoServer.run(server) { port in
            try await RealPart.nginx(RealPart.passing(to: port), identity: identity) { nginx in
                let options = try await Self.options(isSecure: isSecure)
                for host in ["127.0.0.1", "localhost"] + (Machine.hasIPv6 ? ["[::1]"] : []) {
                    let scheme = isSecure ? "wss" : "ws"
                    try await Self.converse(at: "\(scheme)://\(host):\(nginx.port)/", options)
                }
            }
        }
    }

    @Test func `talks through nginx with TLS on both of its sides (C8)`() async throws {
        let identity = try await Certificates.shared.path("server")
        try await EchoServer.run(isSecure: true) { port in
            try await RealPart.nginx(RealPart.passing(to: port, isSecure: true), identity: identity) { nginx in
                try await Self.converse(at: "wss://127.0.0.1:\(nginx.port)/", try await Self.options(isSecure: true))
            }
        }
    }

    @Test(arguments: cases) func `talks through HAProxy (C4) (C8) (W7)`(server: String, isSecure: Bool) async throws {
        let identity = isSecure ? try await Certificates.shared.path("server") : nil
        try await EchoServer.run(server) { port in
            for mode in ["http", "tcp"] {
                try await RealPart.haproxy(to: port, mode: mode, identity: identity) { haproxy in
                    let options = try await Self.options(isSecure: isSecure)
                    try await Self.converse(at: "\(isSecure ? "wss" : "ws")://127.0.0.1:\(haproxy.port)/", options)
                }
            }
        }
    }

    @Test func `hands over what a reverse proxy says when its server is gone (C3)`() async throws {
        let gone = try await RealPart.freePort()
        try await RealPart.nginx(RealPart.passing(to: gone)) { nginx in
            let error = await failure {
                _ = try await WebSocket.connect(
                    to: "ws://127.0.0.1:\(nginx.port)/", options: Self.options(isSecure: false))
            }
            #expect(error?.response?.status == 502, "\(String(describing: error))")
            #expect(error?.response?.headers[.server]?.hasPrefix("nginx") == true)
        }
        try await RealPart.haproxy(to: gone) { haproxy in
            let error = await failure {
                _ = try await WebSocket.connect(
                    to: "ws://127.0.0.1:\(haproxy.port)/", options: Self.options(isSecure: false))
            }
            #expect(error?.response?.status == 503, "\(String(describing: error))")
        }
    }
}
