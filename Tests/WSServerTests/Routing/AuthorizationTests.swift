import Actors
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSServer

/// Who may come in: the authorisation hook (S7).
@Suite(.serialized, .timeLimit(.minutes(1))) struct AuthorizationTests {
    private struct User: Sendable, Equatable { let name: String }
    private struct Secret: Error {}

    private static func routes(_ routes: inout Routes) {
        routes.webSocket("/ws/:room") { ws in
            let user = ws.request?.value(as: User.self)?.name ?? "nobody"
            let other = ws.request?.value(as: Int.self) == nil ? "" : "wrong"
            try await ws.send(.text("\(user) in \(ws.request?.parameters["room"] ?? "")\(other)"))
        }
        routes.webSocket("/open", options: open) { _ in }
        routes.get("/plain") { request in ServerResponse(text: request.value(as: User.self)?.name ?? "nobody") }
        routes.post("/plain") { request in ServerResponse(text: "posted") }
        routes.health("/health")
        routes.get("/upgrade") { request in
            .upgrade { ws in try await ws.send(.text(ws.request?.value(as: User.self)?.name ?? "nobody")) }
        }
    }

    private static var open: RouteOptions {
        var options = RouteOptions()
        options.authorize = .own(nil)
        return options
    }

    private static func options(_ hook: @escaping Authorization.Hook) -> ServerOptions {
        var options = ServerOptions()
        options.authorize = hook
        return options
    }

    private static let byName: Authorization.Hook = { request in
        guard let name = request.headers[.authorization] else {
            return .refuse(
                ServerResponse(status: .unauthorized, headers: [.wwwAuthenticate: "Bearer"], text: "who are you?"))
        }
        return name == "none" ? .accept : .accept(User(name: name))
    }

    @Test func `each route asks the server's hook unless it says otherwise, health and readiness by default (S7)`()
        async throws
    {
        try await ServerHarness.with(
            Self.options(Self.byName),
            routes: { routes in
                routes.health("/health")
                routes.readiness("/ready")
                routes.metrics("/metrics")
                routes.get("/get") { _ in ServerResponse(text: "ok") }
                routes.health("/own/health", authorize: .asServer)
                routes.readiness("/own/ready", authorize: .own { _ in .refuse(ServerResponse(status: .forbidden)) })
                routes.metrics("/own/metrics", authorize: .own(nil))
                routes.get("/own/get", authorize: .own(nil)) { _ in ServerResponse(text: "ok") }
                routes.file("/file", at: "/dev/null")
            }
        ) { harness in
            for (path, status) in [
                ("/health", 200), ("/ready", 200), ("/metrics", 401), ("/get", 401), ("/file", 401),
                ("/own/health", 401),
                ("/own/ready", 403), ("/own/metrics", 200), ("/own/get", 200),
            ] {
                let socket = try await harness.raw()
                try await socket.send(RoutesTests.request("GET \(path)"))
                let head = try await socket.receiveHead()
                #expect(head.hasPrefix("HTTP/1.1 \(status) "), "\(path): \(head)")
                await socket.close()
            }
        }
    }

    @Test func `hands a value from the hook to the handler (S7) (W18)`() async throws {
        try await ServerHarness.with(Self.options(Self.byName), routes: Self.routes) { harness in
            for (name, text) in [("ada", "ada in x"), ("none", "nobody in x")] {
                let socket = try await harness.raw()
                try await socket.send(Handshakes.request("/ws/x", extra: ["Authorization: \(name)"]))
                #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
                #expect(try await socket.receiveFrame()?.payload == Array(text.utf8))
            }
            let socket = try await harness.raw()
            try await socket.send(RoutesTests.request("GET /plain", ["Authorization: bob"]))
            #expect(try await socket.receiveAnswer().body == "bob")
            try await socket.send(Handshakes.request("/upgrade", extra: ["Authorization: eve"]))
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
            #expect(try await socket.receiveFrame()?.payload == Array("eve".utf8))
        }
    }

    @Test(
        arguments: [
            Handshakes.request("/ws/x"), RoutesTests.request("GET /plain"), Handshakes.request("/upgrade"),
            RoutesTests.request("POST /plain", ["Content-Length: 1000", "Expect: 100-continue"]),
        ])
    func `refuses with the hook's answer, before a body is read, and ends the connection (S7)`(
        request: String
    ) async throws {
        try await ServerHarness.with(Self.options(Self.byName), routes: Self.routes) { harness in
            let answer = try await harness.answer(to: request)
            expectRefusal(answer, 401, "who are you?")
            #expect(Handshakes.field("WWW-Authenticate", of: answer) == "Bearer")
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `asks before the handler of any path, too (S7)`() async throws {
        try await ServerHarness.with(Self.options(Self.byName)) { harness in
            expectRefusal(try await harness.answer(to: Handshakes.request()), 401)
            // What is no request for a WebSocket is not asked about.
            expectRefusal(try await harness.answer(to: RoutesTests.request("GET /")), 426)
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request(extra: ["Authorization: x"]) + "")
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
        }
    }

    @Test func `does not ask about what is open, or not there (S7)`() async throws {
        let hook: Authorization.Hook = { _ in .refuse(ServerResponse(status: .forbidden)) }
        try await ServerHarness.with(Self.options(hook), routes: Self.routes) { harness in
            let socket = try await harness.raw()
            try await socket.send(RoutesTests.request("GET /health") + RoutesTests.request("GET /none"))
            #expect(try await socket.receiveAnswer().head.hasPrefix("HTTP/1.1 200 "))
            #expect(try await socket.receiveAnswer().head.hasPrefix("HTTP/1.1 404 "))
            _ = try await harness.rawUpgraded("/open")
        }
    }

    @Test func `shows the hook who asks for what (S7)`() async throws {
        let seen = Handover<[String]>()
        let hook: Authorization.Hook = { request in
            seen.give([
                request.method, request.target, request.path, request.query ?? "", request.parameters["room"] ?? "",
                request.headers[.userAgent] ?? "", request.peerAddress?.host ?? "", "\(request.isUpgrade)",
            ])
            return .accept
        }
        try await ServerHarness.with(Self.options(hook), routes: Self.routes) { harness in
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request("/ws/a%20b?c", extra: ["User-Agent: test"]))
            _ = try await socket.receiveHead()
            #expect(await seen.take() == ["GET", "/ws/a%20b?c", "/ws/a%20b", "c", "a b", "test", "127.0.0.1", "true"])
        }
    }

    @Test func `a hook that throws answers 500 and says nothing more (S7)`() async throws {
        try await ServerHarness.with(Self.options { _ in throw Secret() }, routes: Self.routes) { harness in
            let answer = try await harness.answer(to: Handshakes.request("/ws/x"))
            expectRefusal(answer, 500)
            #expect(!answer.contains("Secret"))
        }
    }

    @Test func `a hook cannot answer with a WebSocket (S7)`() async throws {
        try await ServerHarness.with(Self.options { _ in .refuse(.upgrade { _ in }) }, routes: Self.routes) { harness in
            expectRefusal(try await harness.answer(to: Handshakes.request("/ws/x")), 500)
        }
    }

    @Test func `a slow hook has its own time, which is not the peer's (S4) (S7)`() async throws {
        let time = ManualTime()
        let (gate, begun) = (Handover<Bool>(), Handover<Bool>())
        var options = Self.options { _ in
            begun.give()
            _ = await gate.take()
            return .accept
        }
        options.handshakeTimeout = .seconds(3)
        try await ServerHarness.with(options, time: time, routes: Self.routes) { harness in
            let socket = try await harness.raw()
            // A frame that came too early waits for its WebSocket.
            try await socket.send(Array(Handshakes.request("/ws/x").utf8) + Frames.close(1000, isMasked: true))
            _ = await begun.take()
            time.advance(by: .seconds(9))
            await turns(of: harness.schedulers)
            gate.give()
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
            #expect(try await socket.receiveClose() == .init(1000))
        }
    }

    @Test func `a hook that takes too long is given up (S7)`() async throws {
        let time = ManualTime()
        let (gate, begun) = (Handover<Bool>(), Handover<Bool>())
        let options = Self.options { _ in
            begun.give()
            _ = await gate.take()
            return .accept
        }
        try await ServerHarness.with(options, time: time, routes: Self.routes) { harness in
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request("/ws/x"))
            _ = await begun.take()
            time.advance(by: .seconds(10))
            expectRefusal(String(decoding: try await socket.receiveAll(), as: UTF8.self), 503)
            gate.give()
        }
    }

    @Test(arguments: ["reset", "end", "shutdown"])
    func `a hook is cancelled when nobody waits for it any more (S7)`(how: String) async throws {
        let (cancelled, begun) = (Handover<Bool>(), Handover<Bool>())
        let options = Self.options { _ in
            begun.give()
            await withTaskCancellationHandler {
                _ = await cancelled.take()
            } onCancel: {
                cancelled.give()
            }
            throw CancellationError()
        }
        try await ServerHarness.with(options, routes: Self.routes) { harness in
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request("/ws/x"))
            _ = await begun.take()
            switch how {
            case "reset": await socket.reset()
            case "end": await socket.close()
            default: await harness.server.shutdown(within: .seconds(30))
            }
            #expect(await cancelled.take())
            if how != "shutdown" { #expect(await harness.isIdleAgain()) }
        }
    }
}
