import Actors
import HansomTesting
import SocketTesting
import Testing
import WSClient
import WSConnection
import WSServer

/// Connections that receive in pieces, over real sockets: what they hold while nobody reads.
@Suite(.serialized, .timeLimit(.minutes(2))) struct PiecesTests {
    private static let inbound = 100_000
    private static let size = 4 << 20
    /// What a connection may hold: its queue and the piece that fills it, one read, and a piece that is being made.
    private static let most = inbound + 3 * (64 << 10)

    private static func limits() -> WebSocket.Limits {
        var limits = WebSocket.Limits()
        limits.messageSize = 1000
        limits.inboundBytes = inbound
        limits.streamedMessageSize = nil
        return limits
    }

    /// What deflate makes about a tenth of, but not nothing.
    private static let payload: [UInt8] = (0..<size).map { UInt8(truncatingIfNeeded: ($0 / 10) &* 0x9E37_79B1 >> 11) }

    private static func options(isCompressed: Bool, isSecure: Bool) -> (ServerOptions, ConnectOptions) {
        var server = ServerOptions()
        var client = ConnectOptions(connectTimeout: nil)
        if isCompressed { (server.compression, client.compression) = (.init(), .init()) }
        if isSecure {
            server.tls = TLSServerOptions(
                identity: .pem(certificateChain: Array(certificate.utf8), privateKey: Array(key.utf8)))
            client.tls.verification = .none
        }
        return (server, client)
    }

    private static func url(_ harness: ServerHarness, isSecure: Bool) -> String {
        "\(isSecure ? "wss" : "ws")://\(harness.server.address)"
    }

    /// Lets a connection take what it can while nobody reads, and then reads. Runs as the connection.
    ///
    /// - Returns: how many bytes came, and the most that was held.
    private static func receiveLate(_ ws: isolated WebSocket) async throws -> (total: Int, most: Int) {
        while ws.heldBytes < inbound { await Task.yield() }
        for _ in 0..<200 { await Task.yield() }
        var (total, most) = (0, ws.heldBytes)
        for try await piece in try ws.recvStream() {
            total += piece.byteCount
            most = max(most, ws.heldBytes)
        }
        return (total, most)
    }

    @Test(arguments: [false, true], [false, true])
    func `ten early peers cost a server that receives in pieces its inbound queue each (W15, W24)`(
        isCompressed: Bool, isSecure: Bool
    ) async throws {
        let (server, shared) = Self.options(isCompressed: isCompressed, isSecure: isSecure)
        var client = shared
        var route = RouteOptions()
        route.receivesInPieces = true
        let limits = Self.limits()
        route.limits.messageSize = limits.messageSize
        route.limits.inboundBytes = limits.inboundBytes
        route.limits.streamedMessageSize = .some(limits.streamedMessageSize)
        let options = route
        let routes = { (routes: inout Routes) in
            routes.webSocket("/upload", options: options) { ws in
                for _ in 0..<2 {
                    let (total, most) = try await Self.receiveLate(ws)
                    try await ws.send(.text("\(total) \(most <= Self.most)"))
                }
            }
            routes.webSocket("/echo") { ws in for try await message in ws { try await ws.send(message) } }
        }
        client.limits.messageSize = 1 << 20
        let others = client
        try await ServerHarness.with(server, routes: routes) { harness in
            let url = Self.url(harness, isSecure: isSecure)
            var uploads: [Task<[WebSocket.Message], any Error>] = []
            for _ in 0..<10 {
                uploads.append(
                    Task {
                        let ws = try await WebSocket.connect(to: "\(url)/upload", options: others)
                        try await ws.send(.binary(Self.payload))
                        let first = try await ws.recv()
                        try await ws.send(.binary(Self.payload))
                        return [first, try await ws.recv()]
                    })
            }
            for upload in uploads {
                let told = try await upload.value
                #expect(told == [.text("\(Self.size) true"), .text("\(Self.size) true")])
            }
            // Other routes are as ever.
            let ws = try await WebSocket.connect(to: "\(url)/echo", options: others)
            try await ws.send(.text("whole"))
            #expect(try await ws.recv() == .text("whole"))
            try await ws.close()
        }
    }

    @Test(arguments: [false, true], [false, true])
    func `a server that speaks first costs a client that receives in pieces its inbound queue (W15, W24)`(
        isCompressed: Bool, isSecure: Bool
    ) async throws {
        let (server, shared) = Self.options(isCompressed: isCompressed, isSecure: isSecure)
        var client = shared
        client.receivesInPieces = true
        client.limits = Self.limits()
        let options = client
        let handler: WebSocket.Handler = { ws in
            try await ws.send(.binary(Self.payload))
            try await ws.send(.text("after"))
            _ = try await ws.recv()
        }
        try await ServerHarness.with(server, handler: handler) { harness in
            let ws = try await WebSocket.connect(to: Self.url(harness, isSecure: isSecure), options: options)
            let (total, most) = try await Self.receiveLate(ws)
            #expect(total == Self.size)
            #expect(most <= Self.most, "\(most)")
            var after: [WebSocket.Message] = []
            for try await piece in try await ws.recvStream() { after.append(piece) }
            #expect(after == [.text("after")])
            let error = await failure { _ = try await ws.recv() }
            #expect(error?.code == .misuse)
            try await ws.send(.text("done"))
            try await ws.close()
        }
    }

    @Test func `a handler of whole messages is refused on a server that receives in pieces (W24)`() async throws {
        var options = ServerOptions()
        options.receivesInPieces = true
        let refused = options
        for service in [WebSocketService.onMessage { _, _ in }, .onMessageView { _, _ in }] {
            let error = await failure {
                _ = try await WebSocketServer.listen(on: [.tcp(port: 0)], serving: service, options: refused)
            }
            #expect(error?.code == .invalidConfiguration)
            #expect(error?.message.contains("receivesInPieces") == true)
        }
    }

    // Of nobody but this test: a certificate that no client of ours verifies, and its key.

    private static let certificate = """
        -----BEGIN CERTIFICATE-----
        MIIBmzCCAUGgAwIBAgIUWSVDhFnZNQtjm0FbpR1XEmzjdkQwCgYIKoZIzj0EAwIw
        FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyODAxMzg0M1oYDzIxMjYxMTA0
        MDEzODQzWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
        PQMBBwNCAARmAh6vm5RbfbSmmX4q0OklkbxvDrteCve9pIoLwTFx1/CcFe3Uhror
        MpyZtMZykXsuMn2LAGos2BXQyZkUoPIJo28wbTAdBgNVHQ4EFgQUdeRfyKXSseki
        Kp9tRAjXHBl4K/UwHwYDVR0jBBgwFoAUdeRfyKXSsekiKp9tRAjXHBl4K/UwDwYD
        VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
        zj0EAwIDSAAwRQIhALQeQ5XF+mG3+DVHYEQ+xNcziapS/q0b7550655CrAX8AiBc
        KAPuWJRGzsvMa4rTJzXwp3rwZqjQ3PPWdfgZnwt96w==
        -----END CERTIFICATE-----
        """

    private static let key = """
        -----BEGIN PRIVATE KEY-----
        MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgJU8ZpsVTsuDl/QXv
        Y+Vght86IBMurclk0D9TG/busKmhRANCAARmAh6vm5RbfbSmmX4q0OklkbxvDrte
        Cve9pIoLwTFx1/CcFe3UhrorMpyZtMZykXsuMn2LAGos2BXQyZkUoPIJ
        -----END PRIVATE KEY-----
        """
}
