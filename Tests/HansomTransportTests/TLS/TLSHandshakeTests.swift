import CTLS
import Testing

@testable import HansomTransport

/// The handshake, and what it agrees on.
@Suite(.timeLimit(.minutes(2))) struct TLSHandshakeTests {
    @Test func `client and server agree on TLS 1.3, a cipher and http/1.1 (C8, W18)`() throws {
        let scene = try TLSScene().shakeHands()
        let (client, server) = (try #require(scene.client.details), try #require(scene.server.details))
        #expect(client.version == .tls13)
        #expect(client.cipher == "TLS_AES_256_GCM_SHA384")
        #expect(client.alpn == "http/1.1")
        #expect(client.peerSubject == "CN=localhost")
        #expect(client.peerCertificate?.first == 0x30)
        #expect(server.version == .tls13)
        #expect(server.cipher == client.cipher)
        #expect(server.alpn == "http/1.1")
        #expect(server.peerCertificate == nil)
    }

    @Test func `the server hears the name that the client asks for (C8)`() throws {
        #expect(try TLSScene(host: "localhost").shakeHands().server.details?.serverName == "localhost")
        #expect(try TLSScene(host: "www.example.com.").shakeHands().server.details?.serverName == "www.example.com")
    }

    @Test func `an address is checked in the certificate but never asked for`() throws {
        for host in ["127.0.0.1", "::1", "[::1]"] {
            let scene = try TLSScene(host: host).shakeHands()
            #expect(scene.client.details != nil, "\(host): \(scene.client.refusal ?? "")")
            #expect(scene.server.details?.serverName == nil)
        }
    }

    @Test func `serverName replaces the dialled host in the question and in the check (C8)`() throws {
        let context = try TLSScene.clientContext { $0.serverName = "a.test" }
        let server = try TLSScene.serverContext(TestCertificates.shared.otherHost)
        let scene = try TLSScene(client: context, server: server, host: "10.9.9.9").shakeHands()
        #expect(scene.client.details != nil)
        #expect(scene.server.details?.serverName == "a.test")
    }

    @Test(arguments: [1, 2, 3, 7, 100, 1000]) func `the handshake may come in pieces of any size`(size: Int) throws {
        let scene = try TLSScene()
        scene.clientEnd.readLimit = size
        scene.serverEnd.readLimit = size
        scene.shakeHands()
        #expect(scene.client.details != nil)
        #expect(scene.server.details != nil)
    }

    @Test func `the handshake survives a stall at every byte`() throws {
        let total = try TLSScene().settle().clientEnd.bytesWritten
        for limit in stride(from: 1, to: total, by: 1) {
            let scene = try TLSScene()
            scene.serverEnd.readLimit = limit
            scene.clientEnd.writeLimit = limit
            scene.shakeHands()
            #expect(scene.client.details != nil && scene.server.details != nil, "cut at \(limit)")
        }
    }

    @Test func `the handshake passes through a pipe of one byte`() throws {
        let scene = try TLSScene(capacity: 1).shakeHands()
        #expect(scene.client.details != nil)
        #expect(scene.server.details != nil)
    }

    @Test func `the handshake says nothing before it is begun, and completes never before it returns`() throws {
        let scene = try TLSScene()
        scene.loop.settle()
        #expect(scene.clientEnd.bytesWritten == 0)
        scene.client.start()
        #expect(scene.client.handshake == nil)
    }

    @Test func `a cut in mid-handshake is told with the state it was in (T30)`() throws {
        let total = try TLSScene().settle().clientEnd.bytesWritten
        for limit in 0..<total {
            let scene = try TLSScene()
            scene.clientEnd.writeBudget = limit
            scene.client.start()
            scene.server.start()
            scene.loop.settle()
            #expect(scene.server.handshake == nil)
            scene.serverEnd.cut()
            _ = scene.loop.run { scene.server.handshake != nil }
            let refusal = scene.server.refusal ?? ""
            #expect(refusal.contains("closed the connection in mid-handshake"), "cut at \(limit): \(refusal)")
        }
    }

    @Test func `a reset in mid-handshake is told as the system call's error (T30)`() throws {
        let scene = try TLSScene()
        scene.client.start()
        scene.loop.tick()
        scene.clientEnd.failure = .system(call: "recvmsg", errno: 104)
        scene.loop.settle()
        #expect(scene.client.handshake == .failure(.system(call: "recvmsg", errno: 104)))
    }

    @Test func `TLS 1.1 is refused, and both sides hear of the version (T33)`() throws {
        let client = try TLSScene.clientContext { $0.cipherSuites = "DEFAULT@SECLEVEL=0" }
        unsafe CTLS_set_min_version(client.handle.raw, TLS1_1_VERSION)
        unsafe CTLS_set_max_version(client.handle.raw, TLS1_1_VERSION)
        let scene = try TLSScene(client: client).shakeHands()
        #expect(
            scene.server.refusal?.contains("the client does not speak TLS 1.2 or later") == true,
            "\(scene.server.refusal ?? "")")
        #expect(
            scene.client.refusal?.contains("alert 'protocol version' (70)") == true, "\(scene.client.refusal ?? "")")
    }

    @Test func `a minimum of TLS 1.3 refuses TLS 1.2`() throws {
        let client = try TLSScene.clientContext()
        unsafe CTLS_set_max_version(client.handle.raw, TLS1_2_VERSION)
        let scene = try TLSScene(client: client, server: TLSScene.serverContext { $0.minimumVersion = .tls13 })
            .shakeHands()
        #expect(scene.server.refusal?.contains("TLS 1.3 or later") == true)
    }

    @Test func `TLS 1.2 works where it is all that the peer speaks`() throws {
        let client = try TLSScene.clientContext()
        unsafe CTLS_set_max_version(client.handle.raw, TLS1_2_VERSION)
        let scene = try TLSScene(client: client).shakeHands()
        #expect(scene.server.details?.version == .tls12)
        scene.client.send(Array("hello".utf8))
        #expect(scene.loop.run { scene.server.received == Array("hello".utf8) })
    }

    @Test func `plain HTTP to the TLS port is answered in HTTP and named in the error (T33)`() throws {
        let scene = try TLSScene()
        scene.server.start()
        scene.serverEnd.inject(Array("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        scene.loop.settle()
        #expect(
            scene.server.refusal
                == "TLS handshake: the client does not speak TLS: its first bytes are 'GET / HTTP/1.1\\x0D\\x0A'")
        let answer = String(decoding: scene.clientEnd.drain(), as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 400 Bad Request\r\n"))
        let body = answer.split(separator: "\r\n\r\n", maxSplits: 1).last
        #expect(answer.contains("Content-Length: \(body?.utf8.count ?? 0)\r\n"))
    }

    @Test func `a server that speaks plain HTTP is named as such (T33)`() throws {
        let scene = try TLSScene()
        scene.client.start()
        scene.clientEnd.inject(Array("HTTP/1.1 400 Bad Request\r\n\r\n".utf8))
        scene.loop.settle()
        #expect(
            scene.client.refusal
                == "TLS handshake: the server does not speak TLS: its first bytes are 'HTTP/1.1 400 Bad'")
    }

    @Test func `garbage is refused without a crash`() throws {
        for seed in 0..<200 as Range<UInt8> {
            let scene = try TLSScene()
            scene.server.start()
            scene.serverEnd.inject((0..<64).map { UInt8(truncatingIfNeeded: Int($0) * 37 + Int(seed) * 101) })
            scene.serverEnd.cut()
            scene.loop.settle()
            #expect(scene.server.refusal != nil)
        }
    }

    @Test func `a protocol in common is agreed on by the server's order (C8)`() throws {
        let client = try TLSScene.clientContext { $0.alpn = ["http/1.1", "x"] }
        let scene = try TLSScene(client: client, server: TLSScene.serverContext { $0.alpn = ["x", "http/1.1"] })
            .shakeHands()
        #expect(scene.client.details?.alpn == "x")
        #expect(scene.server.details?.alpn == "x")
    }

    @Test func `no protocol in common is refused, and both sides hear why (C8)`() throws {
        let scene = try TLSScene(client: TLSScene.clientContext { $0.alpn = ["h2", "spdy/3"] }).shakeHands()
        #expect(
            scene.server.refusal?.contains(
                "offers the application protocols (ALPN) h2, spdy/3; this side speaks http/1.1") == true)
        #expect(scene.client.refusal?.contains("alert 'no application protocol' (120)") == true)
    }

    @Test func `a client without ALPN is welcome`() throws {
        let scene = try TLSScene(client: TLSScene.clientContext { $0.alpn = [] }).shakeHands()
        #expect(scene.server.details != nil)
        #expect(scene.server.details?.alpn == nil)
    }

    @Test func `no cipher suite in common is refused and named`() throws {
        let client = try TLSScene.clientContext { $0.cipherSuites = "TLS_CHACHA20_POLY1305_SHA256" }
        let server = try TLSScene.serverContext { $0.cipherSuites = "TLS_AES_128_GCM_SHA256" }
        let scene = try TLSScene(client: client, server: server).shakeHands()
        #expect(scene.server.refusal?.contains("no cipher suite in common") == true)
        #expect(scene.client.refusal?.contains("alert 'handshake failure' (40)") == true)
    }

    @Test(
        arguments: [
            ("AES128-GCM-SHA256", false), ("AES256-SHA", false), ("AES128-SHA256", false),
            ("ECDHE-ECDSA-AES128-SHA", false), ("ECDHE-ECDSA-AES256-SHA384", false), ("ECDHE-ECDSA-AES128-CCM", false),
            ("DHE-RSA-AES128-GCM-SHA256", false), ("ECDHE-ECDSA-AES128-GCM-SHA256", true),
            ("ECDHE-ECDSA-AES256-GCM-SHA384", true), ("ECDHE-ECDSA-CHACHA20-POLY1305", true),
        ])
    func `TLS 1.2 has forward secrecy and authenticated encryption, on both sides (T45)`(
        suite: String, isSpoken: Bool
    ) throws {
        // With RSA too, for the suites that need it: a certificate of either kind, and a peer that speaks nothing else.
        for identity in [TestCertificates.shared.localhost, TestCertificates.shared.rsa] {
            let client = try TLSScene.clientContext { $0.cipherSuites = suite }
            client.limit(to: .tls12)
            let atServer = try TLSScene(client: client, server: TLSScene.serverContext(identity)).shakeHands()
            let server = try TLSScene.serverContext(identity) { $0.cipherSuites = suite }
            server.limit(to: .tls12)
            let atClient = try TLSScene(server: server).shakeHands()
            let mayMatch = identity.publicKeyDigest == TestCertificates.shared.localhost.publicKeyDigest
            #expect((atServer.client.details != nil) == (isSpoken && mayMatch), "\(atServer.server.refusal ?? "")")
            #expect((atClient.client.details != nil) == (isSpoken && mayMatch), "\(atClient.client.refusal ?? "")")
        }
    }

    @Test func `weaker suites are spoken with whoever is told to, and a lower level alone admits none (T45)`() throws {
        let old = try TLSScene.clientContext { $0.cipherSuites = "ECDHE-ECDSA-AES128-SHA" }
        old.limit(to: .tls12)
        let named = try TLSScene.serverContext { $0.cipherSuites = "DEFAULT" }
        #expect(try TLSScene(client: old, server: named).shakeHands().client.details != nil)
        let lower = try TLSScene.serverContext { $0.cipherSuites = "@SECLEVEL=1" }
        let scene = try TLSScene(client: old, server: lower).shakeHands()
        #expect(scene.client.refusal?.contains("`cipherSuites` says more than the default ones") == true)
    }

    @Test func `the server shows the identity of the name that is asked for (S8)`() throws {
        let server = try TLSScene.serverContext { options in
            options.identitiesByServerName = ["A.test": TestCertificates.shared.otherHost.tls]
        }
        #expect(try TLSScene(server: server, host: "a.test").shakeHands().client.details?.peerSubject == "CN=other")
        #expect(
            try TLSScene(server: server, host: "localhost").shakeHands().client.details?.peerSubject == "CN=localhost")
        let wild = try TLSScene.serverContext(TestCertificates.shared.otherHost) { options in
            options.identitiesByServerName = ["*.example.com": TestCertificates.shared.localhost.tls]
        }
        let scene = try TLSScene(server: wild, host: "www.example.com").shakeHands()
        #expect(scene.client.details?.peerSubject == "CN=localhost")
        #expect(scene.client.details?.alpn == "http/1.1")
    }

    @Test func `a client takes up its last session again (C8)`() throws {
        let (client, server) = (try TLSScene.clientContext(), try TLSScene.serverContext())
        let first = try TLSScene(client: client, server: server).settle()
        #expect(first.client.details?.isResumed == false)
        let second = try TLSScene(client: client, server: server).settle()
        #expect(second.client.details?.isResumed == true)
        #expect(second.client.details?.peerSubject == "CN=localhost")
        #expect(
            try TLSScene(client: client, server: server, host: "127.0.0.1").settle().client.details?.isResumed == false)
    }

    @Test func `a session with an identity chosen by name is taken up again (S8)`() throws {
        let client = try TLSScene.clientContext()
        let server = try TLSScene.serverContext { options in
            options.identitiesByServerName = ["a.test": TestCertificates.shared.otherHost.tls]
        }
        for isResumed in [false, true] {
            let scene = try TLSScene(client: client, server: server, host: "a.test").settle()
            #expect(scene.client.details?.isResumed == isResumed, "\(scene.client.refusal ?? "")")
            #expect(scene.client.details?.peerSubject == "CN=other")
        }
    }

    @Test func `contexts are shared by many threads`() async throws {
        let (client, server) = (try TLSScene.clientContext(), try TLSScene.serverContext())
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    (0..<20).allSatisfy { _ in
                        let scene = try? TLSScene(client: client, server: server).settle()
                        return scene?.client.details != nil && scene?.server.details != nil
                    }
                }
            }
            for await isGood in group { #expect(isGood) }
        }
    }

    @Test func `servers that share a ticket key take up each other's sessions (S8)`() throws {
        let key = (0..<80).map { UInt8($0) }
        let client = try TLSScene.clientContext()
        _ = try TLSScene(client: client, server: TLSScene.serverContext { $0.sessionTicketKey = key }).settle()
        let other = try TLSScene.serverContext { $0.sessionTicketKey = key }
        #expect(try TLSScene(client: client, server: other).settle().client.details?.isResumed == true)
        let stranger = try TLSScene.serverContext()
        #expect(try TLSScene(client: client, server: stranger).settle().client.details?.isResumed == false)
    }
}
