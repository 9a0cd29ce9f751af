import Testing

@testable import HansomTransport

/// Clients that prove who they are.
@Suite(.timeLimit(.minutes(2))) struct TLSClientCertificateTests {
    private let certificates = TestCertificates.shared

    private func scene(_ policy: TLSServerOptions.ClientCertificates, client: TestIdentity?) throws -> TLSScene {
        try TLSScene(
            client: TLSScene.clientContext { $0.identity = client?.tls },
            server: TLSScene.serverContext { $0.clientCertificates = policy }
        ).settle()
    }

    private var roots: TLSTrustRoots { .pem(certificates.authority.certificate) }

    @Test func `a required certificate is seen by the server (S8)`() throws {
        let scene = try scene(.required(roots), client: certificates.client)
        #expect(scene.client.details != nil)
        #expect(scene.server.details?.peerSubject == "CN=A Client")
    }

    @Test func `without a required certificate both sides hear of it (S8)`() throws {
        let scene = try scene(.required(roots), client: nil)
        #expect(scene.server.refusal?.contains("the client shows no certificate, and this server requires one") == true)
        // In TLS 1.3 the client has finished by then: it hears with its first read.
        #expect(
            scene.client.readRefusal?.contains("alert 'certificate required' (116)") == true,
            "\(scene.client.readRefusal ?? "")")
    }

    // MARK: A server that hangs up

    private let reset = StreamError.system(call: "send", errno: 104)

    @Test func `in TLS 1.3 a client that can write no more still hears why (C3, C8)`() throws {
        let scene = try TLSScene(server: TLSScene.serverContext { $0.clientCertificates = .required(roots) })
        scene.client.isLazy = true
        scene.shakeHands()
        #expect(scene.client.details?.version == .tls13 && scene.server.refusal != nil)
        scene.clientEnd.writeFailure = reset
        scene.client.send(Array("GET / HTTP/1.1".utf8))
        #expect(scene.client.writeFailure == reset)
        scene.client.readOnce()
        let heard = scene.client.readRefusal ?? ""
        #expect(heard.contains("alert 'certificate required' (116)"), "\(heard)")
    }

    /// A client whose next write fails once the server's first words have come, and what they and `alert` make of it.
    private func refusal(_ version: TLSVersion, alert: [UInt8]) throws -> String? {
        let context = try TLSScene.clientContext()
        context.limit(to: version)
        let scene = try TLSScene(client: context)
        scene.client.start()
        scene.server.start()
        #expect(scene.loop.run { scene.clientEnd.waiting > 0 })
        scene.clientEnd.inject(alert)
        scene.clientEnd.writeFailure = reset
        scene.serverEnd.close()
        scene.loop.settle()
        return scene.client.refusal ?? scene.client.readRefusal
    }

    @Test func `in TLS 1.2 it hears why in the middle of the handshake (C3, C8)`() throws {
        // Not encrypted yet: fatal, "handshake failure".
        let heard = try refusal(.tls12, alert: [0x15, 3, 3, 0, 2, 2, 40]) ?? ""
        #expect(heard.contains("alert 'handshake failure' (40)"), "\(heard)")
    }

    @Test func `when nothing was said, it says what failed (C3, C8)`() throws {
        let told = try refusal(.tls12, alert: []) ?? ""
        #expect(told.contains("send"), "\(told)")
    }

    @Test func `an optional certificate may be missing (S8)`() throws {
        let scene = try scene(.optional(roots), client: nil)
        #expect(scene.server.details != nil)
        #expect(scene.server.details?.peerSubject == nil)
    }

    @Test func `an optional certificate must be good if it comes (S8)`() throws {
        #expect(try scene(.optional(roots), client: certificates.client).server.details?.peerSubject == "CN=A Client")
        let bad = try scene(.optional(roots), client: certificates.byStranger)
        #expect(bad.server.refusal?.contains("the client's certificate is refused: unknown authority") == true)
        #expect(bad.client.readRefusal?.contains("alert 'unknown ca' (48)") == true, "\(bad.client.readRefusal ?? "")")
    }

    @Test func `a server that does not ask sees none`() throws {
        #expect(try scene(.none, client: certificates.client).server.details?.peerCertificate == nil)
    }

    @Test func `a session without a certificate cannot be taken up where one is required`() throws {
        let key = [UInt8](repeating: 3, count: 80)
        let client = try TLSScene.clientContext()
        _ = try TLSScene(client: client, server: TLSScene.serverContext { $0.sessionTicketKey = key }).settle()
        let strict = try TLSScene.serverContext {
            $0.sessionTicketKey = key
            $0.clientCertificates = .required(roots)
        }
        let scene = try TLSScene(client: client, server: strict).settle()
        #expect(scene.server.details == nil)
    }

    @Test func `the certificate is still known when the session is taken up again`() throws {
        let client = try TLSScene.clientContext { $0.identity = certificates.client.tls }
        let server = try TLSScene.serverContext { $0.clientCertificates = .required(roots) }
        _ = try TLSScene(client: client, server: server).settle()
        let scene = try TLSScene(client: client, server: server).settle()
        #expect(scene.server.details?.isResumed == true)
        #expect(scene.server.details?.peerSubject == "CN=A Client")
    }
}
