import Testing

@testable import HansomTransport

/// What certificates are refused for, and in which words.
@Suite(.timeLimit(.minutes(2))) struct TLSVerificationTests {
    private let certificates = TestCertificates.shared

    private func refusal(
        _ identity: TestIdentity, host: String = "localhost", suites: String? = nil,
        _ change: (inout TLSClientOptions) -> Void = { _ in }
    ) throws -> (client: String, server: String) {
        let server = try TLSScene.serverContext(identity) { $0.cipherSuites = suites }
        let scene = try TLSScene(client: TLSScene.clientContext(change), server: server, host: host).settle()
        #expect(scene.client.details == nil)
        return (scene.client.refusal ?? "", scene.server.refusal ?? scene.server.readRefusal ?? "")
    }

    @Test func `an expired certificate is refused with its date (T32)`() throws {
        let (client, server) = try refusal(certificates.expired)
        #expect(client.hasPrefix("TLS handshake: the server's certificate is refused: it expired on 20"), "\(client)")
        #expect(client.hasSuffix(" UTC"))
        #expect(server.contains("the client sent alert 'certificate expired' (45)"), "\(server)")
    }

    @Test func `a certificate of the future is refused with its date (T32)`() throws {
        let (client, _) = try refusal(certificates.notYetValid)
        #expect(client.contains("it is not yet valid: its time begins on 20"), "\(client)")
    }

    @Test func `a self-signed certificate is refused (T32)`() throws {
        let (client, _) = try refusal(certificates.selfSigned)
        #expect(client.contains("it is self-signed, and not among the trusted roots"), "\(client)")
    }

    @Test func `an unknown authority is refused with its name (T32)`() throws {
        let (client, server) = try refusal(certificates.byStranger)
        #expect(client.contains("unknown authority: unable to get local issuer certificate"), "\(client)")
        #expect(client.contains("CN=Somebody Else's Root"), "\(client)")
        #expect(server.contains("alert 'unknown ca' (48)"), "\(server)")
    }

    @Test func `a chain that ends in an untrusted root is refused with its name (T32)`() throws {
        var chain = certificates.byStranger
        chain.certificate += certificates.stranger.certificate
        let (client, _) = try refusal(chain)
        #expect(client.contains("unknown authority: its chain ends in a self-signed certificate"), "\(client)")
        #expect(client.contains("[authority 'CN=Somebody Else's Root', 1 above the peer's own]"), "\(client)")
    }

    @Test func `a certificate for another host is refused with the names it has (T32)`() throws {
        let (client, _) = try refusal(certificates.otherHost)
        #expect(
            client.contains("it is not valid for host 'localhost' (it names: a.test, b.test, 10.0.0.1)"), "\(client)")
        let (address, _) = try refusal(certificates.otherHost, host: "10.0.0.2")
        #expect(
            address.contains("it is not valid for host '10.0.0.2' (it names: a.test, b.test, 10.0.0.1)"), "\(address)")
    }

    @Test func `a common name is no host name (T32)`() throws {
        let (client, _) = try refusal(certificates.nameless)
        #expect(client.contains("it is not valid for host 'localhost' (it names: nothing"), "\(client)")
    }

    @Test(arguments: ["example.com", "a.b.example.com", "wwwexample.com", "www.example.org"])
    func `a wildcard stands for exactly one label`(host: String) throws {
        #expect(try refusal(certificates.localhost, host: host).client.contains("not valid for host '\(host)'"))
    }

    @Test(arguments: ["WWW.Example.COM", "x.example.com."])
    func `a wildcard matches a label in any case`(host: String) throws {
        #expect(try TLSScene(host: host).shakeHands().client.details != nil)
    }

    @Test(arguments: ["my_service.example.com", "_x.EXAMPLE.com", "a_b_c-d.example.com"])
    func `a label with an underscore may stand under a wildcard, as other clients accept it (C8)`(host: String) throws {
        let scene = try TLSScene(host: host).shakeHands()
        #expect(scene.client.details != nil, "\(scene.client.refusal ?? "")")
    }

    @Test(arguments: ["a_b.c.example.com", "c.a_b.example.com", "a_b.example.org", "a_b.com", "a_b"])
    func `an underscore widens no wildcard (T32)`(host: String) throws {
        #expect(try refusal(certificates.localhost, host: host).client.contains("not valid for host '\(host)'"))
        #expect(try refusal(certificates.oddNames, host: host).client.contains("not valid for host '\(host)'"))
    }

    @Test(
        arguments: [
            ("10.1.2.3", "'10.1.2.3' stands there as a DNS name"), ("10.9.9.9", "it names no address"),
            ("a.b.example.com", "the wildcard of '*.example.com' stands for one label alone"),
            ("example.com", "'*.example.com' does not stand for 'example.com' itself"),
            ("a.test", "a wildcard as wide as '*.test' counts for nothing"),
            ("www.example.net", "in 'w*.example.net' the wildcard is not the whole of the first label"),
        ])
    func `a name that looks right and is none is explained (T32)`(host: String, advice: String) throws {
        let (client, _) = try refusal(certificates.oddNames, host: host)
        #expect(client.contains(advice), "\(client)")
    }

    @Test func `a weak key is refused with its size (T32)`() throws {
        let (client, _) = try refusal(certificates.weak, suites: "DEFAULT@SECLEVEL=0")
        #expect(client.contains("weak key: RSA, 1024 bits"), "\(client)")
    }

    @Test func `a weak key can be admitted by name`() throws {
        let server = try TLSScene.serverContext(certificates.weak) { $0.cipherSuites = "@SECLEVEL=0" }
        let client = try TLSScene.clientContext { $0.cipherSuites = "@SECLEVEL=1" }
        #expect(try TLSScene(client: client, server: server).shakeHands().client.details != nil)
    }

    @Test(arguments: ["", "local host", "localhost\0.evil.test", "a/b", ".", "ex\u{E4}mple.com", "a\r\nb"])
    func `a host that cannot be a name is refused before a byte is sent (T18)`(host: String) throws {
        let scene = try TLSScene(host: host)
        scene.client.start()
        #expect(scene.client.handshake == nil)
        scene.loop.settle()
        #expect(scene.client.refusal?.contains("is neither a host name nor an address") == true)
        #expect(scene.clientEnd.bytesWritten == 0)
    }

    @Test func `with verification off everything passes`() throws {
        for identity in [
            certificates.expired, certificates.selfSigned, certificates.otherHost, certificates.byStranger,
        ] {
            let client = try TLSScene.clientContext { $0.verification = .none }
            let scene = try TLSScene(client: client, server: TLSScene.serverContext(identity)).shakeHands()
            #expect(scene.client.details != nil, "\(scene.client.refusal ?? "")")
        }
    }

    @Test func `the system's roots do not vouch for the tests' authority`() throws {
        let (client, _) = try refusal(certificates.localhost) { $0.trustRoots = .system }
        #expect(client.contains("unknown authority"), "\(client)")
        let both = try TLSScene.clientContext {
            $0.trustRoots = .systemAnd(.bytes(TestCertificates.shared.authority.certificate))
        }
        #expect(try TLSScene(client: both).shakeHands().client.details != nil)
    }

    @Test func `a server's own certificate may be trusted by itself`() throws {
        for identity in [certificates.selfSigned, certificates.localhost] {
            let client = try TLSScene.clientContext { $0.trustRoots = .pem(identity.certificate) }
            #expect(
                try TLSScene(client: client, server: TLSScene.serverContext(identity)).shakeHands().client.details
                    != nil)
        }
    }

    @Test func `the right pin passes, also as one of several (C8)`() throws {
        let client = try TLSScene.clientContext {
            $0.pinnedPublicKeys = [.init(repeating: 7, count: 32), TestCertificates.shared.localhost.publicKeyDigest]
        }
        #expect(try TLSScene(client: client).shakeHands().client.details != nil)
    }

    @Test func `a good chain with another key than the pinned one is refused (C8)`() throws {
        let (client, server) = try refusal(certificates.localhost) {
            $0.pinnedPublicKeys = [TestCertificates.shared.client.publicKeyDigest]
        }
        #expect(client.contains("its public key has the SHA-256 digest"), "\(client)")
        #expect(client.contains("none of the 1 pinned"), "\(client)")
        #expect(server.contains("the client sent alert"), "\(server)")
    }

    @Test func `the right pin does not excuse the wrong host, or anything else (T32)`() throws {
        for identity in [certificates.otherHost, certificates.expired, certificates.selfSigned] {
            let (client, _) = try refusal(identity) { $0.pinnedPublicKeys = [identity.publicKeyDigest] }
            #expect(client.contains("the server's certificate is refused"), "\(client)")
        }
    }

    @Test func `pins are checked with verification off too`() throws {
        let (client, _) = try refusal(certificates.selfSigned) {
            $0.verification = .none
            $0.pinnedPublicKeys = [TestCertificates.shared.client.publicKeyDigest]
        }
        #expect(client.contains("none of the 1 pinned"), "\(client)")
        let right = try TLSScene.clientContext {
            $0.verification = .none
            $0.pinnedPublicKeys = [TestCertificates.shared.selfSigned.publicKeyDigest]
        }
        let server = try TLSScene.serverContext(certificates.selfSigned)
        #expect(try TLSScene(client: right, server: server).shakeHands().client.details != nil)
    }
}
