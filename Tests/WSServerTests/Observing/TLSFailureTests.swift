import Actors
import HansomTesting
import HansomTransport
import Logging
import SocketTesting
import Testing
import WSClient

@testable import WSServer

/// What is told of those who fail at TLS.
@Suite(.timeLimit(.minutes(1))) struct TLSFailureTests {
    /// A certificate and key of these tests alone, good for a hundred years.
    private static let pem = Array(
        """
        -----BEGIN CERTIFICATE-----
        MIIBljCCATugAwIBAgIUUh58jFXQE8CCnaHK19BvHOVde5UwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODAxMTAwOVoYDzIxMjYxMTA0
        MDExMDA5WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAAT9KDLdzlnry/pUXzsqbvNTMtTgR52X1TmZHx4QttBxYxn9CKPcMJeo
        UbHBKjXXfVE5AsNlOr0YfFFPeRk+zBuho2kwZzAdBgNVHQ4EFgQUOh4j32kg8Zyd
        jyimwg9e1qu9XfUwHwYDVR0jBBgwFoAUOh4j32kg8Zydjyimwg9e1qu9XfUwDwYD
        VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
        SQAwRgIhAPGlBWnfkF0RXWTx++wyHvlcYoOB4VDJyAV1LUeQJGRYAiEAta8MllsS
        RIurLhWBAF2pZ9yVqAFGPQk3d7RQ3LtjGDQ=
        -----END CERTIFICATE-----
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgik5+ziExNJhkwTJr
        CMA5MJQXd9mF/ABzRmTo/mQ+oBKhRANCAAT9KDLdzlnry/pUXzsqbvNTMtTgR52X
        1TmZHx4QttBxYxn9CKPcMJeoUbHBKjXXfVE5AsNlOr0YfFFPeRk+zBuh
        -----END PRIVATE KEY-----
        """.utf8)

    private func options(_ log: Probe<String>, _ access: Probe<AccessRecord>) -> ServerOptions {
        var options = ServerOptions()
        options.logger = Logger(label: "test") { _ in CapturingLogHandler(log, showsMetadata: true) }
        options.accessLog = AccessLog { access.record($0) }
        options.tls = TLSServerOptions(identity: .pem(certificateChain: Self.pem, privateKey: Self.pem))
        return options
    }

    @Test(
        arguments: [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "the client does not speak TLS: its first bytes are 'GET / HTTP/1.1"),
            ("\u{16}\u{3}\u{1}\u{0}\u{4}\u{1}\u{0}\u{0}\u{0}", "TLS handshake: "),
        ])
    func `who fails at TLS is in the log and in the access log, with the reason (S14)`(
        words: String, reason: String
    ) async throws {
        let (log, access) = (Probe<String>(), Probe<AccessRecord>())
        try await ServerHarness.with(options(log, access)) { harness in
            let socket = try await harness.raw()
            try await socket.send(Array(words.utf8))
            _ = await socket.end()
            await socket.close()
            #expect(await harness.isIdleAgain())
            #expect(await harness.server.statistics().handshakes == [.tlsFailed: 1])
        }
        let line = try #require(log.values.first { $0.contains("handshake failed") })
        #expect(line.hasPrefix("info handshake failed") && line.contains("127.0.0.1"), "\(line)")
        #expect(line.contains(reason.prefix(12)), "\(line)")
        let record = try #require(access.values.first)
        #expect(access.count == 1)
        #expect(record.status == 0 && record.method.isEmpty && record.clientAddress?.host == "127.0.0.1")
        #expect(record.failure?.contains(reason) == true, "\(record.failure ?? "")")
        #expect(record.combined.contains("\"-\" 000 0 \"-\" \"-\" "), "\(record.combined)")
        #expect(record.combined.contains("TLS handshake: ") && record.combined.hasSuffix("\""))
        #expect(record.json.contains("\"failure\":\"TLS handshake: "), "\(record.json)")
        #expect(!record.combined.contains("\r"))
    }

    @Test func `who only looks whether the port is open has failed at nothing (S14)`() async throws {
        let (log, access) = (Probe<String>(), Probe<AccessRecord>())
        try await ServerHarness.with(options(log, access)) { harness in
            let socket = try await harness.raw()
            await socket.close()
            #expect(await eventually { await harness.server.statistics().handshakes == [.gone: 1] })
            #expect(await harness.isIdleAgain())
        }
        #expect(!log.values.contains { $0.hasPrefix("info handshake failed") })
        #expect(access.count == 0)
    }
}
