import Actors
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSConnection

@testable import HansomHTTP
@testable import WSServer

/// How long one connection goes on with requests and answers, and how it ends (S7).
@Suite(.serialized, .timeLimit(.minutes(1))) struct ExchangeTests {
    private static func request(_ line: String, _ fields: [String] = [], body: String = "") -> String {
        RoutesTests.request(line, fields, body: body)
    }

    private static func common(_ routes: inout Routes) {
        routes.get("/") { _ in ServerResponse(text: "here") }
        routes.post("/") { request in ServerResponse(body: request.body) }
    }

    @Test func `answers requests that were sent at once in their order, however long one takes (S7)`() async throws {
        let gate = Handover<Bool>()
        let second = Handover<Bool>()
        try await ServerHarness.with(routes: { routes in
            routes.get("/slow") { _ in
                _ = await gate.take()
                return ServerResponse(text: "slow")
            }
            routes.get("/quick") { _ in
                second.give()
                return ServerResponse(text: "quick")
            }
        }) { harness in
            let socket = try await harness.raw()
            try await socket.send(Self.request("GET /slow") + Self.request("GET /quick") + Self.request("GET /none"))
            // Another connection is served meanwhile.
            let other = try await harness.raw()
            try await other.send(Self.request("GET /quick"))
            #expect(try await other.receiveAnswer().body == "quick")
            gate.give()
            #expect(try await socket.receiveAnswer().body == "slow")
            #expect(try await socket.receiveAnswer().body == "quick")
            #expect(try await socket.receiveAnswer().head.hasPrefix("HTTP/1.1 404 "))
        }
    }

    @Test(
        arguments: [
            request("GET /", ["Connection: close"]), "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
        ])
    func `ends the connection when the client wants it, or cannot know better (S7)`(text: String) async throws {
        try await ServerHarness.with(routes: Self.common) { harness in
            let answer = try await harness.answer(to: text + Self.request("GET /"))
            #expect(answer.hasPrefix("HTTP/1.1 200 ") && answer.hasSuffix("\r\n\r\nhere"))
            #expect(Handshakes.field("Connection", of: answer) == "close")
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `ends the connection after so many requests (S7)`() async throws {
        var options = ServerOptions()
        options.maxRequestsPerConnection = 3
        try await ServerHarness.with(options, routes: Self.common) { harness in
            let answer = try await harness.answer(to: String(repeating: Self.request("GET /"), count: 5))
            #expect(answer.split(separator: "here").count == 3)
            #expect(Handshakes.field("Connection", of: answer) == "close")
        }
    }

    @Test func `ends the connection behind any answer but 101 to a request for a WebSocket (S7)`() async throws {
        try await ServerHarness.with(routes: Self.common) { harness in
            let answer = try await harness.answer(to: Handshakes.request("/") + Self.request("GET /"))
            #expect(answer.split(separator: "here").count == 1)
        }
    }

    static let refused: [(Int, String)] = [
        (400, request("POST /", ["Content-Length: 5", "Transfer-Encoding: chunked"], body: "0\r\n\r\n")),
        (400, request("POST /", ["Content-Length: 4", "Content-Length: 4"], body: "abcd")),
        (400, request("POST /", ["Transfer-Encoding: chunked"], body: "4\nabcd\r\n0\r\n\r\n")),
        (400, request("GET /", ["X: y", " z"])), (400, request("GET /", ["X : y"])),
        (501, request("POST /", ["Transfer-Encoding: gzip, chunked"], body: "0\r\n\r\n")),
        (413, request("POST /", ["Content-Length: 11"], body: "12345678901")),
        (413, request("POST /", ["Transfer-Encoding: chunked"], body: "B\r\n12345678901\r\n0\r\n\r\n")),
        (417, request("POST /", ["Content-Length: 4", "Expect: miracles"], body: "abcd")),
        (404, request("POST /none", ["Content-Length: 4"], body: "abcd")),
        (405, request("PUT /", ["Content-Length: 4"], body: "abcd")),
        (431, request("GET /", Array(repeating: "X: y", count: 101))),
        (505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), (400, "GET /\r\n"),
    ]

    @Test(arguments: 0..<refused.count)
    func `takes nothing for a request that came behind one that was refused (S7) (T16) (T19) (T20)`(
        index: Int
    ) async throws {
        var options = ServerOptions()
        options.maxBodySize = 10
        let (status, text) = Self.refused[index]
        try await ServerHarness.with(options, routes: Self.common) { harness in
            // A good one before, and one that was smuggled behind.
            let socket = try await harness.raw()
            try await socket.send(Self.request("GET /") + text + Self.request("GET /"))
            #expect(try await socket.receiveAnswer().body == "here")
            expectRefusal(String(decoding: try await socket.receiveAll(), as: UTF8.self), status)
            await socket.close()
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `invites a body only when it wants it (S7)`() async throws {
        var options = ServerOptions()
        options.maxBodySize = 10
        try await ServerHarness.with(options, routes: Self.common) { harness in
            let socket = try await harness.raw()
            let waiting = ["Content-Length: 4", "Expect: 100-continue"]
            try await socket.send(Self.request("POST /", waiting))
            #expect(try await socket.receiveHead() == "HTTP/1.1 100 Continue\r\n\r\n")
            try await socket.send("abcd")
            #expect(try await socket.receiveAnswer().body == "abcd")
            // It has come already.
            try await socket.send(Self.request("POST /", waiting, body: "efgh"))
            #expect(try await socket.receiveAnswer().body == "efgh")
            // Nobody wants it.
            try await socket.send(Self.request("POST /", ["Content-Length: 11", "Expect: 100-continue"]))
            expectRefusal(String(decoding: try await socket.receiveAll(), as: UTF8.self), 413)
        }
    }

    // MARK: Time

    @Test func `waits a while for another request, and counts who waits as a connection (S3) (S7)`() async throws {
        let time = ManualTime()
        var options = ServerOptions()
        options.maxHandshakes = 1
        options.maxConnections = 3
        try await ServerHarness.with(options, time: time, routes: Self.common) { harness in
            var kept: [RawSocket] = []
            for _ in 0..<3 {
                let socket = try await harness.raw()
                try await socket.send(Self.request("GET /"))
                #expect(try await socket.receiveAnswer().body == "here")
                kept.append(socket)
            }
            #expect(harness.server.connectionCount == 0)
            // The fourth waits in the backlog until one of them goes.
            let next = try await harness.raw()
            try await next.send(Self.request("GET /"))
            // No handshake is left that could make room, so nobody looks for one any more.
            time.advance(by: .milliseconds(100))
            await turns(of: harness.schedulers)
            #expect(await Remains.count(harness.schedulers).alarms == 3)
            time.advance(by: .seconds(59))
            try await kept[0].send(Self.request("GET /"))
            #expect(try await kept[0].receiveAnswer().body == "here")
            time.advance(by: .seconds(1))
            #expect(await kept[1].end() == .endOfStream)
            #expect(await kept[2].end() == .endOfStream)
            #expect(try await next.receiveAnswer().body == "here")
            try await kept[0].send(Self.request("GET /"))
            #expect(try await kept[0].receiveAnswer().body == "here")
        }
    }

    @Test(arguments: ["GET / HTTP/1.1\r\nHost", request("POST /", ["Content-Length: 100"], body: "x")])
    func `gives a later head, and a body, handshakeTimeout each, a byte on the way or not (S7) (T17)`(
        part: String
    ) async throws {
        let time = ManualTime()
        try await ServerHarness.with(time: time, routes: Self.common) { harness in
            let socket = try await harness.raw()
            // In one segment, so that the server has the part when it has answered.
            try await socket.send(Self.request("GET /") + part)
            #expect(try await socket.receiveAnswer().body == "here")
            await turns(of: harness.schedulers)
            time.advance(by: .seconds(6))
            await turns(of: harness.schedulers)
            try await socket.send("x")
            await turns(of: harness.schedulers)
            time.advance(by: .seconds(4))
            _ = await socket.end()
            await socket.close()
            #expect(await harness.isIdleAgain())
        }
    }

    // MARK: Routes that do not do well

    private struct Secret: Error {}

    @Test func `a route that throws answers 500 and says nothing more (S7)`() async throws {
        try await ServerHarness.with(routes: { $0.get("/") { _ in throw Secret() } }) { harness in
            let answer = try await harness.answer(to: Self.request("GET /"))
            expectRefusal(answer, 500)
            #expect(!answer.contains("Secret"))
            #expect(await harness.isIdleAgain())
        }
    }

    @Test(arguments: [101, 100, 199, 600, 42])
    func `a route cannot answer with what is no final status (S7)`(code: Int) async throws {
        try await ServerHarness.with(routes: { $0.get("/") { _ in ServerResponse(status: .init(code: code)) } }) {
            harness in
            let answer = try await harness.answer(to: Self.request("GET /", ["Connection: close"]))
            #expect(answer.hasPrefix("HTTP/1.1 500 "))
        }
    }

    /// A route that waits to be cancelled.
    private static func patient(_ cancelled: Handover<Bool>, _ begun: Handover<Bool>) -> Routes.Handler {
        { _ in
            begun.give()
            await withTaskCancellationHandler {
                _ = await cancelled.take()
            } onCancel: {
                cancelled.give()
            }
            throw CancellationError()
        }
    }

    @Test(arguments: ["reset", "end"])
    func `a route is cancelled when its peer goes (S7) (T30)`(how: String) async throws {
        let (cancelled, begun) = (Handover<Bool>(), Handover<Bool>())
        try await ServerHarness.with(routes: { $0.get("/", Self.patient(cancelled, begun)) }) { harness in
            let socket = try await harness.raw()
            try await socket.send(Self.request("GET /"))
            _ = await begun.take()
            if how == "reset" { await socket.reset() } else { await socket.close() }
            #expect(await cancelled.take())
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `a route that takes too long is cancelled and answered for (S7)`() async throws {
        let time = ManualTime()
        let (cancelled, begun) = (Handover<Bool>(), Handover<Bool>())
        try await ServerHarness.with(time: time, routes: { $0.get("/", Self.patient(cancelled, begun)) }) { harness in
            let socket = try await harness.raw()
            try await socket.send(Self.request("GET /"))
            _ = await begun.take()
            time.advance(by: .seconds(30))
            #expect(try await socket.receiveAnswer().head.hasPrefix("HTTP/1.1 503 "))
            #expect(await cancelled.take())
        }
    }

    @Test func `a route has its own time, however long the body may have taken (S7)`() async throws {
        let time = ManualTime()
        let (gate, begun) = (Handover<Bool>(), Handover<Bool>())
        try await ServerHarness.with(
            time: time,
            routes: { routes in
                routes.post("/") { request in
                    begun.give()
                    _ = await gate.take()
                    return ServerResponse(body: request.body)
                }
            }
        ) { harness in
            let socket = try await harness.raw()
            try await socket.send(Self.request("POST /", ["Content-Length: 4"], body: "four"))
            _ = await begun.take()
            // Longer than a request may take, shorter than a route may.
            time.advance(by: .seconds(15))
            await turns(of: harness.schedulers, 10)
            gate.give()
            #expect(try await socket.receiveAnswer().body == "four")
            await socket.close()
        }
    }

    @Test func `keeps what a peer sends meanwhile within bounds (S7) (T25)`() async throws {
        let gate = Handover<Bool>()
        try await ServerHarness.with(routes: { routes in
            routes.get("/") { _ in
                _ = await gate.take()
                return ServerResponse(text: "at last")
            }
        }) { harness in
            let socket = try await harness.raw()
            try await socket.send(Self.request("GET /"))
            // More than the kernel and the server hold together: it cannot be sent before the route is done.
            let flood = Task { try await socket.send([UInt8](repeating: 0x41, count: 64 << 20)) }
            await turns(of: harness.schedulers, 100)
            gate.give()
            #expect(try await socket.receiveAnswer().body == "at last")
            flood.cancel()
            await socket.reset()
            _ = try? await flood.value
            #expect(await harness.isIdleAgain())
        }
    }

    // MARK: The end

    @Test func `at the end of the server answers under way are given, all else is dropped (S7) (S9)`() async throws {
        let (gate, begun) = (Handover<Bool>(), Handover<Bool>())
        try await ServerHarness.with(routes: { routes in
            Self.common(&routes)
            routes.get("/slow") { _ in
                begun.give()
                _ = await gate.take()
                return ServerResponse(text: "slow")
            }
        }) { harness in
            let idle = try await harness.raw()
            try await idle.send(Self.request("GET /"))
            #expect(try await idle.receiveAnswer().body == "here")
            let busy = try await harness.raw()
            try await busy.send(Self.request("GET /slow") + Self.request("GET /"))
            _ = await begun.take()
            async let shutdown: Void = harness.server.shutdown(within: .seconds(30))
            #expect(await idle.end() == .endOfStream)
            gate.give()
            let (head, body) = try await busy.receiveAnswer()
            #expect(body == "slow" && Handshakes.field("Connection", of: head) == "close")
            await busy.close()
            await shutdown
        }
    }

    @Test func `at the deadline of the shutdown a route is cancelled (S7) (S9)`() async throws {
        let time = ManualTime()
        let (cancelled, begun) = (Handover<Bool>(), Handover<Bool>())
        try await ServerHarness.with(time: time, routes: { $0.get("/", Self.patient(cancelled, begun)) }) { harness in
            let socket = try await harness.raw()
            try await socket.send(Self.request("GET /"))
            _ = await begun.take()
            async let shutdown: Void = harness.server.shutdown(within: .seconds(5))
            #expect(await eventually { await Remains.count(harness.schedulers).alarms == 2 })
            time.advance(by: .seconds(5))
            #expect(await cancelled.take())
            _ = await socket.end()
            await shutdown
        }
    }
}

/// What one request asks for, decided as a value: without a socket, a hook or a route (S6, S7).
@Suite(.timeLimit(.minutes(1))) struct ExchangeTargetTests {
    private static let upgrade = [
        "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
    ]

    private static func settings() throws -> ServerSettings {
        var routes = Routes()
        routes.get("/plain/:name") { _ in ServerResponse() }
        routes.webSocket("/chat") { _ in }
        routes.get("/both") { _ in ServerResponse() }
        routes.webSocket("/both") { _ in }
        return try ServerSettings(.init(), WebSocketService.routes(routes).resources(.init()), tls: nil)
    }

    private static func exchange(_ text: String) throws -> Exchange {
        var reader = RequestReader(maxBodyBytes: 100)
        reader.receive(Array(text.utf8))
        let request = try #require(try reader.nextHead())
        return Exchange(request, from: nil, tls: nil, isSecureAtProxy: false, .init())
    }

    private static func word(_ target: Exchange.Target) -> String {
        switch target {
        case .webSocket: "webSocket"
        case .responder: "route"
        case .settled(.refused(let refusal)): "refused \(refusal.status)"
        case .settled(.answered(let response)): "answered \(response.status.code)"
        case .settled(.denied), .settled(.webSocket): "never before the hook is asked"
        }
    }

    @Test(
        arguments: [
            ("GET /plain/a", false, "route"), ("HEAD /plain/a", false, "route"),
            ("POST /plain/a", false, "answered 405"),
            ("GET /none", false, "answered 404"), ("OPTIONS *", false, "answered 204"),
            ("CONNECT 127.0.0.1:1", false, "refused 501"), ("GET /../plain", false, "refused 400"),
            ("GET https://127.0.0.1/plain/a", false, "refused 421"), ("GET /chat", true, "webSocket"),
            ("GET /chat", false, "refused 426"), ("GET /both", true, "webSocket"), ("GET /both", false, "route"),
        ])
    func `a request is for a route, for a WebSocket, or settled at once (S6) (S7)`(
        line: String, isUpgrade: Bool, expected: String
    ) throws {
        var exchange = try Self.exchange(RoutesTests.request(line, isUpgrade ? Self.upgrade : []))
        #expect(Self.word(exchange.find(in: try Self.settings())) == expected)
        #expect(exchange.isToHead == line.hasPrefix("HEAD"))
        if line.hasSuffix("/plain/a"), expected == "route" { #expect(exchange.seen.parameters == ["name": "a"]) }
    }

    @Test func `on a server of one handler each path is the WebSocket's (S6)`() throws {
        let resources = try WebSocketService.handler { _ in }.resources(.init())
        let settings = try ServerSettings(.init(), resources, tls: nil)
        for (fields, expected) in [(Self.upgrade, "webSocket"), ([], "refused 426")] {
            var exchange = try Self.exchange(RoutesTests.request("GET /any/path", fields))
            #expect(Self.word(exchange.find(in: settings)) == expected)
        }
    }

    @Test func `another request may follow when the body was read, and not before (S7)`() throws {
        var exchange = try Self.exchange(RoutesTests.request("POST /plain/a", ["Content-Length: 2"], body: "hi"))
        #expect(!exchange.mayKeepAlive)
        exchange.take(Array("hi".utf8))
        #expect(exchange.mayKeepAlive && exchange.seen.body == Array("hi".utf8))
    }
}
