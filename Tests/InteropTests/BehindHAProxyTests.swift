import SocketTesting
import Testing
import WSClient
import WSServer

/// HAProxy in front of our server, which says for whom it connects: in the PROXY protocol, or in forwarded headers.
@Suite(.timeLimit(.minutes(2))) struct BehindHAProxyTests {
    /// Answers with who the server thinks asks.
    static func withServer<R>(
        isSecure: Bool = false, _ change: (inout ServerOptions) throws -> Void, _ body: (Int) async throws -> R
    ) async throws -> R {
        var options = ServerOptions()
        if isSecure { options.tls = TLSServerOptions(identity: try await Certificates.shared.identity("server")) }
        try change(&options)
        let server = try await WebSocketServer.listen(port: 0, options: options) { ws in
            try await ws.send(.text("\(ws.peerAddress?.description ?? "") \(ws.clientAddress?.description ?? "")"))
        }
        let result: Result<R, any Error>
        do { result = .success(try await body(try #require(server.address.port))) } catch { result = .failure(error) }
        await server.forceClose()
        return try result.get()
    }

    private func ask(_ url: String, origin: String? = nil, _ options: ConnectOptions) async throws -> (
        told: String, own: String
    ) {
        var options = options
        if let origin { options.headers[.origin] = origin }
        let ws = try await WebSocket.connect(to: url, options: options)
        guard case .text(let told) = try await ws.recv(timeout: .seconds(30)) else { return ("", "") }
        let own = ws.localAddress?.description ?? "?"
        try await ws.close()
        return (told, own)
    }

    @Test(
        arguments: ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options ssl,crc32c,unique-id"],
        [false, true])
    func `takes the client's address from HAProxy's PROXY header, plain and before TLS (S11)`(
        kind: String, isSecure: Bool
    ) async throws {
        try await Self.withServer(isSecure: isSecure, { $0.proxyProtocol = [try IPRange("127.0.0.1")] }) { port in
            try await RealPart.haproxy(to: port, mode: "tcp", serverOptions: kind) { haproxy in
                let options = try await ReverseProxyTests.options(isSecure: isSecure)
                let (told, own) = try await ask("\(isSecure ? "wss" : "ws")://127.0.0.1:\(haproxy.port)/", options)
                #expect(told == "\(own) \(own)")
            }
            // Without the proxy there is nobody to believe.
            let options = try await ReverseProxyTests.options(isSecure: isSecure)
            let error = await failure {
                _ = try await WebSocket.connect(to: "\(isSecure ? "wss" : "ws")://127.0.0.1:\(port)/", options: options)
            }
            #expect(error != nil)
        }
    }

    @Test func `sees the browser's origin behind an HAProxy that ends TLS and says so (S5) (S11)`() async throws {
        let identity = try await Certificates.shared.path("server")
        for kind in ["send-proxy-v2-ssl", ""] {
            let isForwarded = kind.isEmpty
            try await Self.withServer({ options in
                let proxy = try IPRange("127.0.0.1")
                if isForwarded { options.trustedProxies = [proxy] } else { options.proxyProtocol = [proxy] }
            }) { port in
                let mode = isForwarded ? "http" : "tcp"
                try await RealPart.haproxy(to: port, mode: mode, identity: identity, serverOptions: kind) { haproxy in
                    let options = try await ReverseProxyTests.options(isSecure: true)
                    let place = "127.0.0.1:\(haproxy.port)"
                    let (told, _) = try await ask("wss://\(place)/", origin: "https://\(place)", options)
                    #expect(told.hasPrefix("127.0.0.1:") && told.contains(" 127.0.0.1:"))
                    let error = await failure {
                        _ = try await ask("wss://\(place)/", origin: "http://\(place)", options)
                    }
                    #expect(error?.response?.status == 403)
                }
            }
        }
    }
}
