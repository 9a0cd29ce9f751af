import Glibc
import Testing

@testable import HansomTransport

/// Options that cannot be used, and what is said about them.
@Suite(.timeLimit(.minutes(2))) struct TLSConfigurationTests {
    private let certificates = TestCertificates.shared

    private func error(_ body: () throws(TLSConfigurationError) -> TLSContext) -> TLSConfigurationError? {
        do {
            _ = try body()
            return nil
        } catch {
            return error
        }
    }

    private func serverError(_ identity: TLSIdentity, _ change: (inout TLSServerOptions) -> Void = { _ in })
        -> TLSConfigurationError?
    {
        var options = TLSServerOptions(identity: identity)
        change(&options)
        return error { () throws(TLSConfigurationError) in try TLSContext(server: options) }
    }

    private func clientError(_ change: (inout TLSClientOptions) -> Void) -> TLSConfigurationError? {
        var options = TLSClientOptions()
        change(&options)
        return error { () throws(TLSConfigurationError) in try TLSContext(client: options) }
    }

    /// Runs `body` with a file that holds `bytes`, which is removed afterwards.
    private func withFile<Result>(_ bytes: [UInt8], _ body: (String) throws -> Result) rethrows -> Result {
        var path = Array("/tmp/tls-test-XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&path)
        defer { unsafe unlink(path) }
        precondition(unsafe write(descriptor, bytes, bytes.count) == bytes.count)
        close(descriptor)
        return try body(String(decoding: path.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    @Test func `identities and roots come from files too`() throws {
        let both = certificates.localhost.certificate + certificates.localhost.key
        try withFile(both) { identity in
            try withFile(certificates.authority.certificate) { roots in
                let server = try TLSContext(
                    server: TLSServerOptions(identity: .files(certificateChain: identity, privateKey: identity)))
                let client = try TLSScene.clientContext { $0.trustRoots = .file(roots) }
                #expect(try TLSScene(client: client, server: server).shakeHands().client.details != nil)
            }
        }
    }

    @Test func `a missing file is named with the reason`() {
        let error = serverError(.files(certificateChain: "/nonexistent/chain.pem", privateKey: "/nonexistent/key.pem"))
        #expect(error?.code == .unreadableFile)
        #expect(
            error?.message
                == "cannot read '/nonexistent/chain.pem': No such file or directory; expected a PEM file that this process may read"
        )
        #expect(serverError(.files(certificateChain: "/", privateKey: "/"))?.message.contains("Is a directory") == true)
    }

    @Test func `an empty file is named as such`() {
        withFile([]) { path in
            let error = serverError(.files(certificateChain: path, privateKey: path))
            #expect(error?.code == .noCertificate)
            #expect(error?.message == "'\(path)' is empty; expected '-----BEGIN CERTIFICATE-----'")
        }
    }

    @Test func `a key where a certificate should be is named as what it is`() {
        let error = serverError(
            .pem(certificateChain: certificates.localhost.key, privateKey: certificates.localhost.key))
        #expect(error?.code == .noCertificate)
        #expect(error?.message == "the PEM text given holds only: PRIVATE KEY; expected '-----BEGIN CERTIFICATE-----'")
    }

    @Test func `a certificate where a key should be is named as what it is`() {
        let pem = certificates.localhost.certificate
        let error = serverError(.pem(certificateChain: pem, privateKey: pem))
        #expect(error?.code == .noPrivateKey)
        #expect(error?.message == "the PEM text given holds only: CERTIFICATE; expected '-----BEGIN PRIVATE KEY-----'")
        #expect(serverError(.pem(certificateChain: pem, privateKey: []))?.code == .noPrivateKey)
    }

    @Test func `an encrypted key is refused without asking for a passphrase`() {
        let error = serverError(
            .pem(certificateChain: certificates.localhost.certificate, privateKey: certificates.encryptedKey))
        #expect(error?.code == .encryptedKey)
        #expect(error?.message.contains("is encrypted; decrypt it first: openssl pkey") == true)
    }

    @Test func `a key of another certificate is refused`() {
        let error = serverError(
            .pem(certificateChain: certificates.localhost.certificate, privateKey: certificates.client.key))
        #expect(error?.code == .keyMismatch)
        #expect(error?.message.contains("does not belong to the certificate 'CN=localhost'") == true)
    }

    @Test func `a chain in the wrong order is a key that does not match`() {
        let chain = certificates.authority.certificate + certificates.localhost.certificate
        let error = serverError(.pem(certificateChain: chain, privateKey: certificates.localhost.key))
        #expect(error?.code == .keyMismatch)
        #expect(error?.message.contains("must come first in the chain") == true)
    }

    @Test func `a weak certificate is refused with its size`() {
        let error = serverError(certificates.weak.tls)
        #expect(error?.code == .badCertificate)
        #expect(
            error?.message.contains("ee key too small (its key: RSA, 1024 bits)") == true, "\(error?.message ?? "")")
    }

    @Test func `a malformed certificate or key is refused`() {
        var broken = certificates.localhost.certificate
        broken[60] = UInt8(ascii: "!")
        #expect(
            serverError(.pem(certificateChain: broken, privateKey: certificates.localhost.key))?.code == .badCertificate
        )
        var key = certificates.localhost.key
        key[40] = UInt8(ascii: "!")
        let error = serverError(.pem(certificateChain: certificates.localhost.certificate, privateKey: key))
        #expect(error?.code == .badPrivateKey)
        #expect(clientError { $0.trustRoots = .pem(broken) }?.code == .badTrustRoot)
    }

    @Test func `trust roots without a certificate are refused`() {
        #expect(clientError { $0.trustRoots = .pem(Array("nothing".utf8)) }?.code == .badTrustRoot)
        #expect(clientError { $0.trustRoots = .file("/nonexistent/ca.pem") }?.code == .unreadableFile)
        let error = serverError(certificates.localhost.tls) { $0.clientCertificates = .required(.pem([])) }
        #expect(error?.code == .badTrustRoot)
        #expect(error?.message == "trust roots: the PEM text given is empty; expected '-----BEGIN CERTIFICATE-----'")
    }

    @Test(arguments: ["", ":", "NO-SUCH-CIPHER", "TLS_NO_SUCH"])
    func `cipher suites that leave none are refused`(suites: String) {
        #expect(clientError { $0.cipherSuites = suites }?.code == .badCipherSuites)
    }

    @Test func `names and pins of the wrong size are refused`() {
        #expect(clientError { $0.alpn = [""] }?.code == .badProtocolName)
        #expect(clientError { $0.alpn = [String(repeating: "a", count: 256)] }?.code == .badProtocolName)
        #expect(clientError { $0.alpn = [String(repeating: "a", count: 255)] } == nil)
        #expect(clientError { $0.pinnedPublicKeys = [[1, 2, 3]] }?.code == .badPin)
        #expect(clientError { $0.serverName = "a b" }?.code == .badServerName)
        #expect(serverError(certificates.localhost.tls) { $0.sessionTicketKey = [1] }?.code == .badTicketKey)
        #expect(
            serverError(certificates.localhost.tls) { $0.identitiesByServerName = ["*": $0.identity] }?.code
                == .badServerName)
    }

    @Test(
        arguments: [(0o600, nil), (0o640, nil), (0o644, "read"), (0o602, "replaced"), (0o4_777, "read")]
            as [(mode_t, String?)])
    func `a private key that everybody can read is told of, with its name and mode (S14)`(mode: mode_t, can: String?)
        throws
    {
        try withFile(certificates.localhost.certificate + certificates.localhost.key) { path in
            unsafe chmod(path, mode)
            let identity = TLSIdentity.files(certificateChain: path, privateKey: path)
            var client = TLSClientOptions()
            client.identity = identity
            for warnings in [
                try TLSContext(server: TLSServerOptions(identity: identity)).warnings,
                try TLSContext(client: client).warnings,
            ] {
                guard let can else {
                    #expect(warnings.isEmpty)
                    continue
                }
                let octal = String(mode, radix: 8)
                #expect(warnings.count == 1)
                #expect(warnings.first?.hasPrefix("the private key in '\(path)' can be \(can) by every user") == true)
                #expect(warnings.first?.contains("(mode 0\(octal))") == true, "\(warnings)")
            }
        }
    }

    @Test func `session keys are logged when asked for, and only then (C8)`() throws {
        try withFile([]) { path in
            var options = TLSClientOptions()
            options.trustRoots = .pem(certificates.authority.certificate)
            try TLSScene(client: TLSContext(client: options, keyLogPath: path)).settle()
            #expect(try TLSPEM.file(path).read().isEmpty)
            options.keyLog = true
            try TLSScene(client: TLSContext(client: options, keyLogPath: nil)).settle()
            #expect(try TLSPEM.file(path).read().isEmpty)
            try TLSScene(client: TLSContext(client: options, keyLogPath: path)).settle()
            let log = String(decoding: try TLSPEM.file(path).read(), as: UTF8.self)
            #expect(log.contains("CLIENT_TRAFFIC_SECRET_0 "))
            #expect(log.hasSuffix("\n"))
        }
    }
}
