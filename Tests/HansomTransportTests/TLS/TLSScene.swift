@testable import HansomTransport

/// A client and a server at the two ends of a pipe.
final class TLSScene {
    let loop = PipeLoop()
    let client: TLSParty
    let server: TLSParty
    let clientEnd: PipeEnd
    let serverEnd: PipeEnd

    init(
        client clientContext: TLSContext? = nil, server serverContext: TLSContext? = nil, host: String = "localhost",
        capacity: Int = 64 * 1024
    ) throws {
        (clientEnd, serverEnd) = loop.pipe(capacity: capacity)
        client = TLSParty(
            TLSStream(
                client: try clientContext ?? Self.clientContext(), host: host, over: clientEnd,
                runHereLater: loop.runHereLater))
        server = TLSParty(
            TLSStream(
                server: try serverContext ?? Self.serverContext(), over: serverEnd, runHereLater: loop.runHereLater))
    }

    deinit {
        // What is deferred holds the streams, and they hold the loop.
        client.stream.close()
        server.stream.close()
        loop.settle()
    }

    /// A client that trusts the tests' authority.
    static func clientContext(_ change: (inout TLSClientOptions) -> Void = { _ in }) throws -> TLSContext {
        var options = TLSClientOptions()
        options.trustRoots = .pem(TestCertificates.shared.authority.certificate)
        change(&options)
        return try TLSContext(client: options)
    }

    /// A server that is `localhost`, unless it is given another identity.
    static func serverContext(
        _ identity: TestIdentity = TestCertificates.shared.localhost,
        _ change: (inout TLSServerOptions) -> Void = { _ in }
    ) throws -> TLSContext {
        var options = TLSServerOptions(identity: identity.tls)
        change(&options)
        return try TLSContext(server: options)
    }

    /// Lets both shake hands until both know how it went.
    @discardableResult
    func shakeHands() -> Self {
        client.start()
        server.start()
        _ = loop.run { client.handshake != nil && server.handshake != nil }
        return self
    }

    /// Lets both shake hands, and everything that follows from it happen.
    @discardableResult
    func settle() -> Self {
        shakeHands()
        loop.settle()
        return self
    }
}
