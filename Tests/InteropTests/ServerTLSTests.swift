import Actors
import Foundation
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient
import WSServer

/// What a server may be told about TLS, end to end (S8).
@Suite(.timeLimit(.minutes(2))) struct ServerTLSTests {
    /// A handler that says who its peer is by its certificate, and echoes after that.
    private static let introduce: WebSocket.Handler = { ws in
        try await ws.send(.text(ws.tls?.peerSubject ?? "nobody"))
        for try await message in ws { try await ws.send(message) }
    }

    /// Runs `body` with a server.
    private func with<R>(
        _ tls: TLSServerOptions, _ body: (WebSocketServer) async throws -> R
    ) async throws -> R {
        var options = ServerOptions()
        options.tls = tls
        let server = try await WebSocketServer.listen(port: 0, options: options, handler: Self.introduce)
        let result: Result<R, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        await server.forceClose()
        return try result.get()
    }

    private func connect(_ server: WebSocketServer, _ tls: TLSClientOptions, host: String = "127.0.0.1") async throws
        -> WebSocket
    {
        let port = try #require(server.address.port)
        return try await WebSocket.connect(
            to: "wss://\(host):\(port)/", options: .init(connectTimeout: .seconds(50), tls: tls))
    }

    /// Whom the server takes its peer for.
    private func introduction(_ server: WebSocketServer, _ tls: TLSClientOptions) async throws -> WebSocket.Message {
        let ws = try await connect(server, tls)
        let message = try await ws.recv(timeout: .seconds(30))
        try await ws.close()
        return message
    }

    private func expectEcho(_ ws: WebSocket, _ text: String) async throws {
        try await ws.send(.text(text))
        #expect(try await ws.recv(timeout: .seconds(30)) == .text(text))
    }

    @Test func `asks for client certificates, and demands them where told (S8)`() async throws {
        let certificates = try await Certificates.shared
        let (trust, roots) = (certificates.trust(), TLSTrustRoots.file(certificates.path("ca.pem")))
        var known = trust
        known.identity = certificates.identity("client")
        var tls = TLSServerOptions(identity: certificates.identity("server"))
        try await with(tls) { server in
            let name = try await introduction(server, known)
            #expect(name == .text("nobody"))
        }
        tls.clientCertificates = .optional(roots)
        try await with(tls) { server in
            let names = [try await introduction(server, trust), try await introduction(server, known)]
            #expect(names == [.text("nobody"), .text("CN=client")])
        }
        tls.clientCertificates = .required(roots)
        try await with(tls) { server in
            let name = try await introduction(server, known)
            #expect(name == .text("CN=client"))
            let error = await failure { _ = try await introduction(server, trust) }
            #expect(error?.message.contains("certificate required") == true, "\(String(describing: error))")
            #expect(await eventually { server.connectionCount == 0 && server.handshakeCount == 0 })
        }
    }

    @Test func `shows the certificate of the name that is asked for (S8)`() async throws {
        let certificates = try await Certificates.shared
        var tls = TLSServerOptions(identity: certificates.identity("expired"))
        tls.identitiesByServerName = [
            "localhost": certificates.identity("server"), "*.example": certificates.identity("other"),
        ]
        try await with(tls) { server in
            let localhost = try await connect(server, certificates.trust(), host: "localhost")
            #expect(localhost.tls?.peerSubject == "CN=server")
            try await localhost.close()
            var other = certificates.trust()
            other.serverName = "other.example"
            let ws = try await connect(server, other)
            #expect(ws.tls?.peerSubject == "CN=other")
            try await ws.close()
            // An address is never asked for: the main certificate is shown.
            let error = await failure { _ = try await connect(server, certificates.trust()) }
            #expect(error?.message.contains("expired") == true, "\(String(describing: error))")
        }
    }

    @Test func `shows the chain that leads to the authority (S8)`() async throws {
        let certificates = try await Certificates.shared
        let chain = try await certificates.chain()
        var tls = TLSServerOptions(identity: .files(certificateChain: chain.full, privateKey: chain.key))
        try await with(tls) { server in
            let ws = try await connect(server, certificates.trust())
            #expect(ws.tls?.peerSubject == "CN=leaf")
            try await ws.close()
        }
        // Without what lies between, nobody can follow it.
        tls.identity = .files(certificateChain: chain.leaf, privateKey: chain.key)
        try await with(tls) { server in
            let error = await failure { _ = try await connect(server, certificates.trust()) }
            #expect(error?.code == .tls)
        }
    }

    @Test func `takes a new certificate at run time, and drops no connection for it (S8)`() async throws {
        let certificates = try await Certificates.shared
        try await with(TLSServerOptions(identity: certificates.identity("expired"))) { server in
            var blind = TLSClientOptions()
            blind.verification = .none
            let old = try await connect(server, blind)
            _ = try await old.recv()
            #expect(old.tls?.peerSubject == "CN=expired")
            // A handshake that has begun ends with what it began with, or with the new one: but it ends.
            let slow = try await RawSocket.connect(to: server.address)
            try await slow.send([0x16])

            try await server.reload(tls: TLSServerOptions(identity: certificates.identity("server")))
            let new = try await connect(server, certificates.trust())
            _ = try await new.recv()
            #expect(new.tls?.peerSubject == "CN=server")
            try await expectEcho(old, "still here")
            try await expectEcho(new, "here too")

            // One that cannot be used changes nothing.
            let bad = TLSIdentity.files(
                certificateChain: certificates.path("server.pem"), privateKey: certificates.path("client.key"))
            let error = await failure { try await server.reload(tls: TLSServerOptions(identity: bad)) }
            #expect(error?.code == .tls)
            #expect(error?.message.contains("client.key") == true, "\(String(describing: error))")
            let third = try await connect(server, certificates.trust())
            #expect(third.tls?.peerSubject == "CN=server")
            #expect(server.connectionCount == 3)
            await slow.close()
        }
    }

    @Test func `changes the certificate at one address only, and none where nobody speaks TLS (S8)`() async throws {
        let certificates = try await Certificates.shared
        let tls = TLSServerOptions(identity: certificates.identity("expired"))
        let server = try await WebSocketServer.listen(
            on: [.tcp(port: 0), .tcp(port: 0, tls: tls), .tcp(port: 0, tls: tls)], handler: Self.introduce)
        #expect(server.endpoints.map(\.isSecure) == [false, true, true])
        let new = TLSServerOptions(identity: certificates.identity("server"))
        try await server.reload(tls: new, at: server.addresses[2])
        for (address, subject) in zip(server.addresses.dropFirst(), ["CN=expired", "CN=server"]) {
            var blind = TLSClientOptions()
            blind.verification = .none
            // Sessions of its own, or an old one could be taken up.
            blind.alpn = ["http/1.1", subject]
            let ws = try await WebSocket.connect(to: "wss://\(address)/", options: .init(tls: blind))
            #expect(ws.tls?.peerSubject == subject)
            try await ws.close()
        }
        let error = await failure { try await server.reload(tls: new, at: server.addresses[0]) }
        #expect(error?.code == .invalidConfiguration)
        await server.forceClose()
    }

    @Test func `servers with one ticket key take up each other's sessions (S8)`() async throws {
        let certificates = try await Certificates.shared
        var tls = TLSServerOptions(identity: certificates.identity("server"))
        tls.sessionTicketKey = (0..<80).map { _ in .random(in: 0...255) }
        let resumed = try await with(tls) { first in
            try await with(tls) { second in
                var own = certificates.trust()
                own.alpn = ["http/1.1", "shared-tickets"]
                let before = try await connect(first, own)
                _ = try await before.recv()
                try await before.close()
                #expect(before.tls?.isResumed == false)
                let after = try await connect(second, own)
                _ = try await after.recv()
                try await after.close()
                return after.tls?.isResumed
            }
        }
        #expect(resumed == true)
    }

    @Test(arguments: ["-tls1_2", "-tls1_3"]) func `does not compress in TLS, though it is asked to (S8)`(
        version: String
    ) async throws {
        let certificates = try await Certificates.shared
        try await with(TLSServerOptions(identity: certificates.identity("server"))) { server in
            let program = try Program(
                "/usr/bin/openssl", ["s_client", "-connect", "\(server.address)", "-comp", version])
            program.closeInput()
            let (text, _) = await program.output()
            #expect(text.contains("Compression: NONE"), "\(text)")
        }
    }

    @Test func `a TLS hello of a byte a second is cut at the deadline (S4) (T17)`() async throws {
        let certificates = try await Certificates.shared
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            options.tls = TLSServerOptions(identity: certificates.identity("server"))
            let server = try await WebSocketServer.listen(port: 0, options: options, handler: Self.introduce)
            let socket = try await RawSocket.connect(to: server.address)
            #expect(await eventually { server.handshakeCount == 1 })
            // The beginning of a good one: a record of 512 bytes, in it a hello.
            let hello: [UInt8] = [0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3]
            for (second, byte) in hello[..<10].enumerated() {
                #expect(server.handshakeCount == 1, "cut after \(second) s")
                try await socket.send([byte])
                await turns(of: schedulers)
                time.advance(by: .seconds(1))
            }
            _ = await socket.end()
            #expect(await eventually { server.handshakeCount == 0 })
            await socket.close()
            await server.forceClose()
        }
    }
}

extension Certificates {
    /// A certificate by an authority that `ca` vouches for: alone, and with what lies between.
    fileprivate func chain() async throws -> (leaf: String, full: String, key: String) {
        let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        for (name, signer, extensions) in [
            ("between", "ca", "basicConstraints=critical,CA:TRUE"), ("leaf", "between", "subjectAltName=IP:127.0.0.1"),
        ] {
            try await openssl(
                ["req", "-new", "-subj", "/CN=\(name)", "-keyout", "\(name).key", "-out", "\(name).csr"] + key)
            try extensions.write(toFile: path("\(name).ext"), atomically: true, encoding: .utf8)
            try await openssl([
                "x509", "-req", "-in", "\(name).csr", "-CA", "\(signer).pem", "-CAkey", "\(signer).key",
                "-CAcreateserial",
                "-days", "2", "-extfile", "\(name).ext", "-out", "\(name).pem",
            ])
        }
        let both = try ["leaf", "between"].map { try String(contentsOfFile: path("\($0).pem"), encoding: .utf8) }
        try both.joined().write(toFile: path("chain.pem"), atomically: true, encoding: .utf8)
        return (path("leaf.pem"), path("chain.pem"), path("leaf.key"))
    }
}
