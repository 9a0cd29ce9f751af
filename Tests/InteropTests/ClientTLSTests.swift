import Foundation
import Glibc
import HansomTransport
import SocketTesting
import Testing
import WSClient
import WSServer

/// What a client may ask of TLS, end to end.
@Suite(.timeLimit(.minutes(2))) struct ClientTLSTests {
    /// Runs `body` with the URL of a TLS echo server, and what a client needs to trust it.
    private func withServer<R>(
        _ change: (inout TLSServerOptions, Certificates) -> Void = { _, _ in },
        _ body: (String, TLSClientOptions, Certificates) async throws -> R
    ) async throws -> R {
        let certificates = try await Certificates.shared
        var options = ServerOptions()
        var tls = TLSServerOptions(identity: certificates.identity("server"))
        change(&tls, certificates)
        options.tls = tls
        let server = try await WebSocketServer.listen(port: 0, options: options, handler: ForeignClientTests.echo)
        let result: Result<R, any Error>
        do {
            let url = "wss://\(server.address)/"
            result = .success(try await body(url, certificates.trust(), certificates))
        } catch {
            result = .failure(error)
        }
        await server.forceClose()
        return try result.get()
    }

    private func connect(_ url: String, _ tls: TLSClientOptions) async throws -> WebSocket {
        try await WebSocket.connect(to: url, options: .init(connectTimeout: .seconds(50), tls: tls))
    }

    /// Echoes once, and closes: so that what the server sends behind its handshake has come.
    @discardableResult
    private func echo(_ url: String, _ tls: TLSClientOptions) async throws -> TLSDetails? {
        let ws = try await connect(url, tls)
        try await ws.send(.text("hello"))
        #expect(try await ws.recv(timeout: .seconds(30)) == .text("hello"))
        try await ws.close()
        return ws.tls
    }

    @Test func `hears what a server wants that has reset the connection before the request (C3, C8, C9)`() async throws
    {
        try await withServer {
            $0.clientCertificates = .required(.file($1.path("ca.pem")))
        } _: { url, tls, _ in
            for _ in 0..<5 {
                let hasReset = DispatchSemaphore(value: 0)
                try await withRelay(to: url) {
                    hasReset.signal()
                } _: { relayed in
                    try await withSchedulers { schedulers in
                        var options = ConnectOptions(connectTimeout: .seconds(50), tls: tls)
                        options.scheduler = schedulers.schedulers[0]
                        // In TLS 1.3 the client thinks that all is done; it writes when the server has hung up.
                        options.onHandshake = { _ in _ = hasReset.wait(timeout: .now() + .seconds(20)) }
                        let asked = options
                        let error = await failure { _ = try await WebSocket.connect(to: relayed, options: asked) }
                        #expect(error?.code == .tls && error?.mayPass == false, "\(String(describing: error))")
                        #expect(error?.message.contains("certificate required") == true && error?.host == "127.0.0.1")
                    }
                }
            }
        }
    }

    /// Runs `body` with the URL of a relay that resets the client's connection when the server has ended its own.
    private func withRelay(
        to url: String, whenReset: @escaping @Sendable () -> Void, _ body: (String) async throws -> Void
    ) async throws {
        let port = try #require(url.split(separator: ":").last.flatMap { UInt16($0.dropLast()) })
        let address = try #require(SocketAddress(numeric: "127.0.0.1", port: port))
        try await withScriptedServer { client in
            let server = try await RawSocket.connect(to: address)
            let upward = Task {
                while let bytes = try? await client.receiveSome(), !bytes.isEmpty { try? await server.send(bytes) }
            }
            while let bytes = try? await server.receiveSome(), !bytes.isEmpty { try await client.send(bytes) }
            await client.reset()
            whenReset()
            await upward.value
            await server.close()
        } _: {
            try await body("wss" + $0.dropFirst(2) + "/")
        }
    }

    @Test func `shows its certificate to a server that requires one (C8)`() async throws {
        try await withServer {
            $0.clientCertificates = .required(.file($1.path("ca.pem")))
        } _: { url, tls, certificates in
            var own = tls
            own.identity = certificates.identity("client")
            try await echo(url, own)
            let ws = try? await connect(url, tls)
            // In TLS 1.3 a server's refusal comes behind the client's own end of the handshake.
            let error = await failure {
                if let ws { _ = try await ws.recv(timeout: .seconds(30)) } else { _ = try await connect(url, tls) }
            }
            #expect(error != nil)
            #expect(error?.message.contains("certificate required") == true, "\(String(describing: error))")
        }
    }

    @Test func `wants the pinned key on top of everything else (C8) (T32)`() async throws {
        try await withServer { url, tls, certificates in
            let pin = try await certificates.publicKeyDigest("server")
            var pinned = tls
            pinned.pinnedPublicKeys = [[UInt8](repeating: 0, count: 32), pin]
            try await echo(url, pinned)

            pinned.pinnedPublicKeys = [[UInt8](repeating: 0, count: 32)]
            var error = await failure { try await echo(url, pinned) }
            #expect(error?.code == .tls)
            let digest = pin.map { String(format: "%02x", $0) }.joined()
            #expect(error?.message.contains("SHA-256 digest \(digest)") == true, "\(String(describing: error))")

            // The right pin is no substitute for a trusted authority.
            pinned = certificates.trust("stranger")
            pinned.pinnedPublicKeys = [pin]
            error = await failure { try await echo(url, pinned) }
            #expect(error?.code == .tls)
            #expect(error?.message.contains("unknown authority") == true, "\(String(describing: error))")
        }
    }

    @Test func `asks for another name, and finds that one in the certificate (C8)`() async throws {
        try await withServer {
            $0.identitiesByServerName = ["other.example": $1.identity("other")]
        } _: { url, tls, _ in
            var other = tls
            other.serverName = "other.example"
            let details = try await echo(url, other)
            #expect(details?.peerSubject?.contains("CN=other") == true)
            other.serverName = "third.example"
            let error = await failure { try await echo(url, other) }
            #expect(
                error?.message.contains("not valid for host 'third.example'") == true, "\(String(describing: error))")
        }
    }

    @Test(arguments: ["1.2", "1.3"]) func `takes a session up again (C8)`(version: String) async throws {
        try await withServer { tls, _ in
            if version == "1.2" { tls.cipherSuites = "ECDHE+AESGCM" }
            if version == "1.3" { tls.minimumVersion = .tls13 }
        } _: { url, tls, _ in
            var own = tls
            // Options of its own, so that no other test's sessions are there.
            own.alpn = ["http/1.1", "test-\(version)"]
            if version == "1.2" { own.cipherSuites = "ECDHE+AESGCM" }
            let first = try await echo(url, own)
            let second = try await echo(url, own)
            #expect(first?.isResumed == false)
            #expect(second?.isResumed == true)
        }
    }

    @Test func `offers the ciphers that it is told to (C8)`() async throws {
        try await withServer { tls, _ in
            tls.cipherSuites = "TLS_AES_128_GCM_SHA256"
        } _: { url, tls, _ in
            var own = tls
            own.cipherSuites = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
            let details = try await echo(url, own)
            #expect(details?.cipher == "TLS_AES_128_GCM_SHA256")
            own.cipherSuites = "TLS_CHACHA20_POLY1305_SHA256"
            var error = await failure { try await echo(url, own) }
            #expect(error?.code == .tls)
            own.cipherSuites = "NO_SUCH_CIPHER"
            error = await failure { try await echo(url, own) }
            #expect(error?.message.contains("NO_SUCH_CIPHER") == true, "\(String(describing: error))")
        }
    }

    @Test func `agrees on an application protocol, or says that there is none (C8)`() async throws {
        try await withServer { tls, _ in
            tls.alpn = ["chat/2"]
        } _: { url, tls, _ in
            var own = tls
            own.alpn = ["chat/3", "chat/2"]
            let details = try await echo(url, own)
            #expect(details?.alpn == "chat/2")
            own.alpn = ["chat/1"]
            let error = await failure { try await echo(url, own) }
            #expect(error?.message.contains("no application protocol") == true, "\(String(describing: error))")
        }
    }

    @Test func `speaks TLS over a socket that it is given (C8) (C10)`() async throws {
        try await withServer { url, tls, _ in
            let port = try #require(url.split(separator: ":").last?.split(separator: "/").first.flatMap { UInt16($0) })
            let descriptor = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            let address = try #require(SocketAddress(numeric: "127.0.0.1", port: port))
            _ = try Socket.connect(descriptor, to: address)
            var options = ConnectOptions(connectTimeout: .seconds(50), tls: tls)
            options.tls.trustRoots = .system
            let error = await failure {
                _ = try await WebSocket.connect(over: descriptor, to: "wss://localhost/", options: options)
            }
            #expect(error?.message.contains("unknown authority") == true, "\(String(describing: error))")
            Socket.close(descriptor)

            let second = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            _ = try Socket.connect(second, to: address)
            options.tls = tls
            let ws = try await WebSocket.connect(over: second, to: "wss://localhost/", options: options)
            #expect(ws.peerAddress == address)
            try await ws.send(.text("hello"))
            #expect(try await ws.recv(timeout: .seconds(30)) == .text("hello"))
            try await ws.close()
        }
    }

    @Test func `names the file that cannot be read (C8)`() async throws {
        var tls = TLSClientOptions()
        tls.trustRoots = .file("/nowhere/ca.pem")
        try await withServer { url, _, _ in
            let error = await failure { try await echo(url, tls) }
            #expect(error?.code == .tls)
            #expect(error?.phase == .tls)
            #expect(error?.message.contains("/nowhere/ca.pem") == true, "\(String(describing: error))")
        }
    }

    @Test func `reports a reset in the middle of the TLS handshake (C3) (T30)`() async throws {
        try await withScriptedServer { socket in
            _ = try await socket.receive(5)
            await socket.reset()
        } _: { url in
            let secure = url.replacing("ws:", with: "wss:")
            let error = await failure { _ = try await connect(secure, TLSClientOptions()) }
            #expect(error?.code == .tls)
            #expect(error?.phase == .tls)
            #expect(error?.message.contains(url.dropFirst(5)) == true, "\(String(describing: error))")
        }
    }

    @Test func `reports TLS that breaks behind a proxy (C3) (C6) (T28) (T30)`() async throws {
        for ending in ["reset", "end", "garbage"] {
            try await withScriptedServer { socket in
                _ = try await socket.receiveHead()
                try await socket.send("HTTP/1.1 200 OK\r\n\r\n")
                _ = try await socket.receive(5)
                switch ending {
                case "reset": await socket.reset()
                case "end": await socket.finish()
                default: try await socket.send("HTTP/1.1 400 Bad Request\r\n\r\n")
                }
                _ = await socket.end()
            } _: { proxyURL in
                var options = ConnectOptions(connectTimeout: .seconds(50))
                options.proxy = .through(try Proxy("http" + proxyURL.dropFirst(2)))
                let error = await failure {
                    _ = try await WebSocket.connect(to: "wss://far.example/", options: options)
                }
                #expect(error?.code == .tls)
                #expect(error?.phase == .tls)
                #expect(error?.host == "far.example")
                #expect(error?.message.contains("far.example:443") == true, "\(String(describing: error))")
            }
        }
    }
}
