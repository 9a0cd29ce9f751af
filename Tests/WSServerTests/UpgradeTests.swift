import Actors
import Glibc
import HTTPTypes
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient
import WSServer

/// Connections that another server has accepted (S7).
@Suite(.timeLimit(.minutes(2))) struct UpgradeTests {
    private func sockets() throws -> (client: Int32, server: Int32) {
        var ends: [Int32] = [-1, -1]
        let result = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        try #require(result == 0)
        return (ends[0], ends[1])
    }

    /// Reads some of a request, as another server would.
    private func readSome(_ descriptor: Int32, atMost count: Int) async -> [UInt8] {
        await blockingInAnyCase {
            var bytes = [UInt8](repeating: 0, count: count)
            let read = unsafe bytes.withUnsafeMutableBytes { unsafe Glibc.read(descriptor, $0.baseAddress, $0.count) }
            return Array(bytes.prefix(max(read, 0)))
        }
    }

    @Test(arguments: [1, 40, 4096])
    func `serves a connection whose request somebody else has begun to read (S7)`(count: Int) async throws {
        try await withSchedulers { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            let (near, far) = try sockets()
            async let client = WebSocket.connect(
                over: near, to: "ws://example.com/chat", options: .init(scheduler: schedulers.schedulers[0]))
            let received = await readSome(far, atMost: count)
            async let served = WebSocketServer.upgrade(
                over: far, received: received, options: options, handler: ServerHarness.echo)
            let ws = try await client
            try await ws.send(.text("hello"))
            #expect(try await ws.recv() == .text("hello"))
            try await ws.close()
            #expect(try await served)
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    @Test func `answers a request that is no upgrade, and says so (S4, S7)`() async throws {
        try await withSchedulers { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            let (near, far) = try sockets()
            async let served = WebSocketServer.upgrade(
                over: far, received: Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), options: options,
                handler: ServerHarness.echo)
            let answer = await readSome(near, atMost: 4096)
            #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 426 "))
            close(near)
            #expect(try await !served)
        }
    }

    @Test func `refuses what is no socket, and leaves it to its owner (S7)`() async throws {
        let file = unsafe open("/dev/null", O_RDONLY)
        defer { close(file) }
        let error = await #expect(throws: WebSocketError.self) {
            try await WebSocketServer.upgrade(over: file, received: [], handler: ServerHarness.echo)
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(fcntl(file, F_GETFD) != -1)
    }

    @Test func `cancelling ends the connection with 1001 (S7, W8)`() async throws {
        try await withSchedulers { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            let (near, far) = try sockets()
            let task = Task { [options] in
                try await WebSocketServer.upgrade(
                    over: far, received: [], options: options, handler: ServerHarness.echo)
            }
            let ws = try await WebSocket.connect(
                over: near, to: "ws://example.com/", options: .init(scheduler: schedulers.schedulers[0]))
            task.cancel()
            while (try? await ws.recv()) != nil {}
            #expect(ws.closeCode == .goingAway)
            #expect(try await task.value)
        }
    }

    @Test func `serves requests on a socket that somebody else has accepted, until one becomes a WebSocket (S7)`()
        async throws
    {
        try await withSchedulers { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            var routes = Routes()
            routes.get("/plain") { _ in ServerResponse(text: "plain") }
            routes.webSocket("/chat", ServerHarness.echo)
            let (near, far) = try sockets()
            let request = "GET /plain HTTP/1.1\r\nHost: a\r\n\r\n"
            async let served = WebSocketServer.upgrade(
                over: far, received: Array(request.utf8), options: options, routes: routes)
            let answer = await readSome(near, atMost: 4096)
            #expect(String(decoding: answer, as: UTF8.self).hasSuffix("\r\n\r\nplain"))
            let ws = try await WebSocket.connect(
                over: near, to: "ws://example.com/chat", options: .init(scheduler: schedulers.schedulers[0]))
            try await ws.close()
            #expect(try await served)
            #expect(await eventually { await Remains.count(schedulers) == Remains() })
        }
    }

    // MARK: With the request read by somebody else

    private var upgradeRequest: RequestHead {
        var fields: HTTPFields = [.upgrade: "websocket", .connection: "Upgrade", .secWebSocketVersion: "13"]
        fields[.secWebSocketKey] = "dGhlIHNhbXBsZSBub25jZQ=="
        if let host = HTTPField.Name("Host") { fields[host] = "example.com" }
        return RequestHead(target: "/chat?a", fields: fields)
    }

    @Test func `serves a connection whose request somebody else has read, over a pipe (S7)`() async throws {
        try await withSchedulers { schedulers in
            let pipe = BytePipe(scheduler: schedulers.schedulers[0])
            let request = upgradeRequest
            async let served = WebSocketServer.accept(
                over: pipe, request: request, received: Frames.maskedText("early"),
                peerAddress: SocketAddress(numeric: "192.0.2.1", port: 9)
            ) { ws in
                try await ws.send(.text("\(ws.request?.target ?? "") \(ws.peerAddress?.host ?? "")"))
                try await ws.send(try await ws.recv())
            }
            var bytes: [UInt8] = []
            while true {
                let more = try await pipe.read()
                if more.isEmpty { break }
                bytes += more
                if bytes.suffix(4) == [0x88, 0x02, 0x03, 0xE8] {
                    try await pipe.write(Frames.close(1000, isMasked: true))
                }
            }
            let text = String(decoding: bytes, as: UTF8.self)
            #expect(text.hasPrefix("HTTP/1.1 101 ") && text.contains(Handshakes.acceptKey))
            #expect(text.contains("/chat?a 192.0.2.1") && text.contains("early"))
            #expect(try await served)
            // The pipe has carried its answer.
            let error = await failure { try await WebSocketServer.accept(over: pipe, request: request) { _ in } }
            #expect(error?.code == .misuse)
        }
    }

    @Test func `serves a connection whose request somebody else has read, over a socket (S7)`() async throws {
        try await withSchedulers { schedulers in
            var options = ServerOptions()
            options.schedulers = schedulers
            let (near, far) = try sockets()
            let request = upgradeRequest
            async let served = WebSocketServer.accept(over: far, request: request, options: options) { _ in }
            let answer = await readSome(near, atMost: 4096)
            #expect(String(decoding: answer, as: UTF8.self).hasPrefix("HTTP/1.1 101 "))
            close(near)
            #expect(try await served)
        }
    }

    @Test func `serves a handler, a synchronous handler or routes to somebody else's connection (S7)`() async throws {
        var routes = Routes()
        routes.webSocket("/chat") { ws in try await ServerHarness.echo(ws) }
        let services: [WebSocketService] = [
            .handler(ServerHarness.echo), .onMessage { ws, message in ws.trySend(message) }, .routes(routes),
        ]
        let request = upgradeRequest
        for service in services {
            try await withSchedulers { schedulers in
                let options = ServerOptions.with { $0.schedulers = schedulers }
                let (near, far) = try sockets()
                async let served = WebSocketServer.accept(
                    over: far, request: request, received: Frames.maskedText("early"), serving: service,
                    options: options)
                var bytes: [UInt8] = []
                while !String(decoding: bytes, as: UTF8.self).hasSuffix("early") {
                    let more = await readSome(near, atMost: 4096)
                    try #require(!more.isEmpty)
                    bytes += more
                }
                close(near)
                #expect(try await served)
            }
        }
    }

    @Test func `throws when an answer has begun, or the request is none (S7)`() async throws {
        let (near, far) = try sockets()
        defer {
            close(near)
            close(far)
        }
        let request = upgradeRequest
        let begun = await failure {
            try await WebSocketServer.accept(over: far, request: request, answerBegun: true) { _ in }
        }
        #expect(begun?.code == .misuse)
        for target in ["", "/a b", "/a HTTP/1.1\r\nX: y\r\n\r\nGET /", "/\u{E9}"] {
            var bad = request
            bad.target = target
            let error = await failure { [bad] in try await WebSocketServer.accept(over: far, request: bad) { _ in } }
            #expect(error?.code == .invalidConfiguration)
        }
        #expect(fcntl(far, F_GETFD) != -1)
    }
}
