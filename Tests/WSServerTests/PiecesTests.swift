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
    /// What a connection may hold: its queue, one read, and one piece.
    private static let most = inbound + 2 * (64 << 10)

    private static func limits() -> WebSocket.Limits {
        var limits = WebSocket.Limits()
        limits.messageSize = 1000
        limits.inboundBytes = inbound
        limits.streamedMessageSize = nil
        return limits
    }

    /// What deflate makes about a tenth of, but not nothing.
    private static let payload: [UInt8] = (0..<size).map { UInt8(truncatingIfNeeded: ($0 / 10) &* 0x9E37_79B1 >> 11) }

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

    @Test(arguments: [false, true])
    func `ten early peers cost a server that receives in pieces its inbound queue each (W15, W24)`(isCompressed: Bool) async throws {
        var server = ServerOptions()
        var client = ConnectOptions(connectTimeout: nil)
        if isCompressed { (server.compression, client.compression) = (.init(), .init()) }
        var route = RouteOptions()
        route.receivesInPieces = true
        route.limits = Self.limits()
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
        try await ServerHarness.with(server, routes: routes) { harness in
            var options = client
            options.limits.messageSize = 1 << 20
            let others = options
            var uploads: [Task<[WebSocket.Message], any Error>] = []
            for _ in 0..<10 {
                uploads.append(
                    Task {
                        let ws = try await WebSocket.connect(to: "\(harness.url)/upload", options: others)
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
            let ws = try await WebSocket.connect(to: "\(harness.url)/echo", options: others)
            try await ws.send(.text("whole"))
            #expect(try await ws.recv() == .text("whole"))
            try await ws.close()
        }
    }

    @Test(arguments: [false, true])
    func `a server that speaks first costs a client that receives in pieces its inbound queue (W15, W24)`(
        isCompressed: Bool
    ) async throws {
        var server = ServerOptions()
        var client = ConnectOptions(connectTimeout: nil)
        if isCompressed { (server.compression, client.compression) = (.init(), .init()) }
        client.receivesInPieces = true
        client.limits = Self.limits()
        let options = client
        let handler: WebSocket.Handler = { ws in
            try await ws.send(.binary(Self.payload))
            try await ws.send(.text("after"))
            _ = try await ws.recv()
        }
        try await ServerHarness.with(server, handler: handler) { harness in
            let ws = try await harness.client(options)
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
        let error = await failure {
            _ = try await WebSocketServer.listen(port: 0, options: refused, onMessage: { _, _ in })
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("receivesInPieces") == true)
    }
}
