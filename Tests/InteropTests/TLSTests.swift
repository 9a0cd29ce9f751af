import Foundation
import SocketTesting
import Testing
import WSClient
import WSServer

/// TLS between our own ends, and with the openssl command.
@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    /// Runs `body` with the port of an echo server that shows the named certificate.
    private func with<R>(
        _ name: String = "server", _ change: (inout TLSServerOptions) -> Void = { _ in },
        _ body: (Int, Certificates) async throws -> R
    ) async throws -> R {
        let certificates = try await Certificates.shared
        var tls = TLSServerOptions(identity: certificates.identity(name))
        change(&tls)
        var options = ServerOptions()
        options.tls = tls
        let server = try await WebSocketServer.listen(port: 0, options: options, handler: ForeignClientTests.echo)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(try #require(server.address.port), certificates))
        } catch {
            result = .failure(error)
        }
        await server.forceClose()
        #expect(server.connectionCount == 0)
        return try result.get()
    }

    @Test(arguments: ["127.0.0.1", "localhost"]) func `echoes over TLS with everything verified (C8) (S8)`(host: String) async throws {
        try await with { port, certificates in
            let options = ConnectOptions(tls: certificates.trust())
            try await WebSocket.withConnection(to: "wss://\(host):\(port)/", options: options) { ws in
                #expect(ws.tls?.version == .tls13)
                #expect(ws.tls?.alpn == "http/1.1")
                #expect(ws.tls?.peerCertificate != nil)
                for size in [0, 1, 16_384, 16_385, 1 << 20] {
                    try await ws.send(.binary([UInt8](repeating: 7, count: size)))
                    let echo = try await ws.recv(timeout: .seconds(30))
                    #expect(echo == .binary([UInt8](repeating: 7, count: size)))
                }
            }
        }
    }

    /// The reason that connecting is refused with.
    private func refusal(_ name: String, trust: String = "ca", host: String = "127.0.0.1") async throws -> String {
        try await with(name) { port, certificates in
            let error = await failure {
                _ = try await WebSocket.connect(
                    to: "wss://\(host):\(port)/", options: .init(tls: certificates.trust(trust)))
            }
            #expect(error?.code == .tls, "\(String(describing: error))")
            #expect(error?.phase == .tls)
            #expect(error?.message.contains("\(host):\(port)") == true)
            return error?.message.lowercased() ?? ""
        }
    }

    @Test func `refuses a certificate for another host, and says so (C8) (T32)`() async throws {
        for host in ["127.0.0.1", "localhost"] {
            let reason = try await refusal("other", host: host)
            #expect(reason.contains("host") || reason.contains("ip address") || reason.contains("name"), "\(reason)")
        }
    }

    @Test func `refuses a certificate by an authority that is not trusted, and says so (C8) (T32)`() async throws {
        let reason = try await refusal("server", trust: "stranger")
        #expect(reason.contains("issuer"), "\(reason)")
    }

    @Test func `refuses a certificate that has expired, and says so (C8) (T32)`() async throws {
        let reason = try await refusal("expired")
        #expect(reason.contains("expired"), "\(reason)")
    }

    @Test func `connects to anyone where verification is off (C8)`() async throws {
        try await with("expired") { port, _ in
            var tls = TLSClientOptions()
            tls.verification = .none
            try await WebSocket.withConnection(to: "wss://127.0.0.1:\(port)/", options: .init(tls: tls)) {
                #expect($0.state == .open)
            }
        }
    }

    // MARK: Plain and TLS mixed up

    @Test func `gives a clear error when TLS is spoken to a plain port (T33)`() async throws {
        let server = try await WebSocketServer.listen(port: 0, handler: ForeignClientTests.echo)
        let error = await failure { _ = try await WebSocket.connect(to: "wss://\(server.address)/") }
        #expect(error?.code == .tls)
        #expect(error?.message.contains("\(server.address)") == true)
        #expect(error?.message.contains("TLS") == true)
        await server.forceClose()
    }

    @Test func `gives a clear error when plain HTTP is spoken to a TLS port (T33)`() async throws {
        try await with { port, _ in
            let error = await failure { _ = try await WebSocket.connect(to: "ws://127.0.0.1:\(port)/") }
            #expect(error?.code == .http, "\(String(describing: error))")
            #expect(error?.response?.status == 400)
            let body = String(decoding: error?.response?.body ?? [], as: UTF8.self)
            #expect(body.contains("TLS") || body.lowercased().contains("https"), "\(body)")
        }
    }

    // MARK: openssl s_client

    private func sClient(_ port: Int, _ arguments: [String], input: String = "") async throws -> (String, Int32) {
        let program = try Program("/usr/bin/openssl", ["s_client", "-connect", "127.0.0.1:\(port)"] + arguments)
        program.write(input)
        if input.isEmpty { program.closeInput() }
        let output = await program.output()
        return (output.text, output.status)
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"])
    func `shakes hands with openssl, which verifies the certificate (S8)`(version: String) async throws {
        try await with { port, certificates in
            let (text, _) = try await sClient(
                port, ["-CAfile", certificates.path("ca.pem"), "-verify_return_error", "-verify_ip", "127.0.0.1", "-alpn", "http/1.1", version])
            #expect(text.contains("Verify return code: 0 (ok)"), "\(text)")
            #expect(text.contains("ALPN protocol: http/1.1"), "\(text)")
            #expect(text.contains(version == "-tls1_2" ? "TLSv1.2" : "TLSv1.3"))
        }
    }

    @Test(arguments: ["-tls1", "-tls1_1"]) func `refuses TLS before 1.2 (S8) (T33)`(version: String) async throws {
        try await with { port, _ in
            let (text, status) = try await sClient(port, [version, "-cipher", "ALL:@SECLEVEL=0"])
            #expect(status != 0)
            #expect(text.contains("alert protocol version"), "\(text)")
            #expect(text.contains("Cipher is (NONE)"))
        }
    }

    @Test func `does not renegotiate (S8)`() async throws {
        try await with { port, certificates in
            // A line that is a lone R asks for it.
            let program = try Program(
                "/usr/bin/openssl", ["s_client", "-connect", "127.0.0.1:\(port)", "-tls1_2", "-CAfile", certificates.path("ca.pem")])
            var text = ""
            for await line in program.lines {
                text += line + "\n"
                if line.contains("Verify return code") { program.write("R\n") }
                if line == "RENEGOTIATING" { program.closeInput() }
            }
            let status = await program.status()
            #expect(text.contains("RENEGOTIATING"))
            #expect(status != 0, "\(text)")
        }
    }

    @Test func `upgrades what openssl passes on, and answers in frames (S4) (S8)`() async throws {
        try await with { port, certificates in
            let program = try Program(
                "/usr/bin/openssl",
                ["s_client", "-connect", "127.0.0.1:\(port)", "-CAfile", certificates.path("ca.pem"), "-quiet", "-no_ign_eof"])
            program.write(Handshakes.request(host: "127.0.0.1:\(port)"))
            var lines: [String] = []
            for await line in program.lines {
                lines.append(line)
                if line == "\r" { break }
            }
            #expect(lines.contains("HTTP/1.1 101 Switching Protocols\r"), "\(lines)")
            #expect(lines.contains("Sec-WebSocket-Accept: \(Handshakes.acceptKey)\r"))
            await program.end()
        }
    }

    // MARK: Time and ends

    @Test func `cuts a TLS handshake that does not go on (S4) (T17)`() async throws {
        let certificates = try await Certificates.shared
        var options = ServerOptions()
        options.tls = TLSServerOptions(identity: certificates.identity("server"))
        // Real time, for a change: what is short is only the wait.
        options.handshakeTimeout = .milliseconds(200)
        let server = try await WebSocketServer.listen(port: 0, options: options, handler: ForeignClientTests.echo)
        for part in [[], [0x16], [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]] as [[UInt8]] {
            let socket = try await RawSocket.connect(to: server.address)
            if !part.isEmpty { try await socket.send(part) }
            _ = await socket.end()
            await socket.close()
        }
        await server.forceClose()
    }

    @Test func `survives a reset in the middle of a TLS handshake (T30)`() async throws {
        try await with { port, certificates in
            for _ in 0..<10 {
                let socket = try await RawSocket.connect(to: .init(numeric: "127.0.0.1", port: UInt16(port))!)
                try await socket.send([0x16, 3, 1, 2, 0, 1])
                await socket.reset()
            }
            try await WebSocket.withConnection(to: "wss://127.0.0.1:\(port)/", options: .init(tls: certificates.trust())) {
                #expect($0.state == .open)
            }
        }
    }
}
