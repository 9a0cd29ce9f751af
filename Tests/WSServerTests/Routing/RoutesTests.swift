import Foundation
import HansomTesting
import SocketTesting
import Testing

@testable import WSServer

/// Ordinary requests on the port of a WebSocket server, over real sockets (S7).
@Suite(.serialized, .timeLimit(.minutes(1))) struct RoutesTests {
    static func request(_ line: String, _ fields: [String] = [], body: String = "") -> String {
        ([line + " HTTP/1.1", "Host: 127.0.0.1"] + fields).map { $0 + "\r\n" }.joined() + "\r\n" + body
    }

    private static func common(_ routes: inout Routes) {
        routes.get("/hello/:name") { request in
            ServerResponse(
                headers: [.server: "ours"], text: "hello \(request.parameters["name"] ?? "") \(request.query ?? "")")
        }
        routes.post("/echo") { request in
            ServerResponse(status: .created, headers: [.contentType: "x/y"], body: request.body)
        }
        routes.on(.delete, "/echo") { _ in ServerResponse(status: .noContent) }
        routes.webSocket("/ws/:room") { ws in
            try await ws.send(.text(ws.request?.parameters["room"] ?? ""))
            for try await message in ws { try await ws.send(message) }
        }
        routes.get("/both") { request in ServerResponse(text: "isUpgrade \(request.isUpgrade)") }
        routes.webSocket("/both", onMessage: { ws, message in ws.trySend(message) })
    }

    static let answered: [(String, Int, String)] = [
        (request("GET /hello/a%20b?c=d"), 200, "hello a b c=d"),
        (request("GET http://127.0.0.1/hello/x"), 200, "hello x "),
        (request("GET HTTP://Other:8/hello/x?y"), 200, "hello x y"),
        (request("GET http://[::1/hello/x"), 400, "path"), (request("GET http://u:p@other/hello/x"), 400, "path"),
        (request("GET https://other/hello/x"), 421, "TLS"), (request("GET ftp://other/hello/x"), 400, "path"),
        (request("GET *"), 400, "OPTIONS"), (request("GET foo"), 400, "path"), (request("GET ?x"), 400, "path"),
        (request("GET a.example:80"), 400, "CONNECT"), (request("CONNECT a.example:80"), 501, "no proxy"),
        (request("CONNECT /hello/x"), 400, "host and port"),
        (request("POST /echo", ["Content-Length: 4"], body: "abcd"), 201, "abcd"),
        (request("POST /echo", ["Transfer-Encoding: chunked"], body: "4\r\nabcd\r\n0\r\n\r\n"), 201, "abcd"),
        (request("POST /echo"), 201, ""),
        (request("DELETE /echo"), 204, ""),
        (request("PUT /echo"), 405, ""), (request("POST /hello/x"), 405, ""), (request("POST /ws/a"), 405, ""),
        (request("GET /"), 404, ""), (request("GET /hello/"), 404, ""), (request("GET /hello/a/b"), 404, ""),
        (request("GET /ws/a"), 426, "websocket"),
        (request("GET /both"), 200, "isUpgrade false"),
        (request("GET /hello/../x"), 400, "dots"), (request("GET /hello/%2e%2e"), 400, "dots"),
        (request("GET /hello/%zz"), 400, ""), (request("OPTIONS *"), 204, ""), (request("OPTIONS /hello/x"), 405, ""),
        (Handshakes.request("/hello/x"), 200, "hello x "),
    ]

    @Test(arguments: 0..<answered.count)
    func `answers what stands at a path, and says what does not (S7)`(index: Int) async throws {
        let (request, status, text) = Self.answered[index]
        try await ServerHarness.with(routes: Self.common) { harness in
            let socket = try await harness.raw()
            try await socket.send(request)
            let (head, body) = try await socket.receiveAnswer()
            #expect(head.hasPrefix("HTTP/1.1 \(status) "), "\(head)")
            #expect(status > 299 ? text.isEmpty || body.contains(text) : body == text, "\(body)")
            if status == 405 { #expect(Handshakes.field("Allow", of: head)?.isEmpty == false) }
            if status == 426 { #expect(Handshakes.field("Upgrade", of: head) == "websocket") }
            await socket.close()
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `names the methods that a path has (S7)`() async throws {
        try await ServerHarness.with(routes: Self.common) { harness in
            for (path, allowed) in [("/echo", "DELETE, POST"), ("/hello/x", "GET, HEAD"), ("/ws/x", "GET")] {
                let socket = try await harness.raw()
                try await socket.send(Self.request("PATCH \(path)"))
                #expect(Handshakes.field("Allow", of: try await socket.receiveHead()) == allowed)
            }
        }
    }

    @Test func `answers HEAD like GET, without content (S7)`() async throws {
        try await ServerHarness.with(routes: Self.common) { harness in
            let socket = try await harness.raw()
            try await socket.send(Self.request("HEAD /hello/x") + Self.request("GET /both"))
            let head = try await socket.receiveHead()
            #expect(head.hasPrefix("HTTP/1.1 200 ") && Handshakes.field("Content-Length", of: head) == "8")
            #expect(try await socket.receiveAnswer().body == "isUpgrade false")
        }
    }

    @Test(arguments: ["/a", "a", "/:x/:x"])
    func `listen refuses routes that are none, or there twice (S7)`(path: String) async throws {
        var routes = Routes()
        for _ in 0..<2 { routes.get(path) { _ in ServerResponse() } }
        let error = await failure { [routes] in _ = try await WebSocketServer.listen(port: 0, routes: routes) }
        #expect(error?.code == .invalidConfiguration && error?.message.contains(path) == true)
    }

    @Test func `says when it answered (S7)`() async throws {
        try await ServerHarness.with(routes: Self.common) { harness in
            for target in ["/both", "/none", "/ws/a"] {
                let socket = try await harness.raw()
                try await socket.send(Self.request("GET \(target)"))
                let text = try #require(Handshakes.field("Date", of: try await socket.receiveHead()))
                let format = DateFormatter()
                format.locale = Locale(identifier: "en_US_POSIX")
                format.timeZone = TimeZone(identifier: "GMT")
                format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
                let date = try #require(format.date(from: text))
                // The day of the week is not read, but written.
                #expect(format.string(from: date) == text)
                #expect(abs(date.timeIntervalSinceNow) < 3600)
            }
        }
    }

    @Test func `a target that is refused gets no content when HEAD was asked (S7)`() async throws {
        try await ServerHarness.with(routes: Self.common) { harness in
            let answer = try await harness.answer(to: Self.request("HEAD /.."))
            #expect(answer.hasPrefix("HTTP/1.1 400 ") && answer.hasSuffix("\r\n\r\n"))
        }
    }

    // MARK: WebSockets

    @Test func `opens WebSockets where a route says so, with its parameters (S7) (W18)`() async throws {
        try await ServerHarness.with(routes: Self.common) { harness in
            let socket = try await harness.rawUpgraded("/ws/caf%C3%A9?x")
            #expect(try await socket.receiveFrame()?.payload == Array("caf\u{E9}".utf8))
            let both = try await harness.rawUpgraded("/both")
            try await both.send(Frames.maskedText("hi"))
            #expect(try await both.receiveFrame()?.payload == Array("hi".utf8))
        }
    }

    @Test func `loses nothing of requests and frames sent at once, wherever they are cut (S7) (T31)`() async throws {
        try await ServerHarness.with(routes: Self.common) { harness in
            let all =
                Array(
                    (Self.request("GET /hello/1") + Self.request("POST /echo", ["Content-Length: 3"], body: "abc")
                        + Handshakes.request("/ws/r")).utf8) + Frames.maskedText("one")
            for index in 0...all.count {
                let socket = try await harness.raw()
                try await socket.send(all, splitAt: index)
                #expect(try await socket.receiveAnswer().body == "hello 1 ")
                #expect(try await socket.receiveAnswer().body == "abc")
                #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "), "cut at \(index)")
                #expect(try await socket.receiveFrame()?.payload == Array("r".utf8))
                #expect(try await socket.receiveFrame()?.payload == Array("one".utf8))
                await socket.close()
            }
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `a route upgrades by itself, with its own options (S7)`() async throws {
        var own = RouteOptions(subprotocols: .preferring(["chat"]))
        own.limits.messageSize = 4
        let options = own
        try await ServerHarness.with(routes: { routes in
            routes.get("/maybe") { request in
                request.isUpgrade
                    ? .upgrade(options: options) { ws in for try await message in ws { try await ws.send(message) } }
                    : ServerResponse(text: "plain")
            }
        }) { harness in
            let socket = try await harness.raw()
            try await socket.send(Self.request("GET /maybe"))
            #expect(try await socket.receiveAnswer().body == "plain")
            try await socket.send(Handshakes.request("/maybe", extra: ["Sec-WebSocket-Protocol: chat"]))
            #expect(Handshakes.field("Sec-WebSocket-Protocol", of: try await socket.receiveHead()) == "chat")
            try await socket.send(Frames.maskedText("four"))
            #expect(try await socket.receiveFrame()?.payload == Array("four".utf8))
            try await socket.send(Frames.maskedText("fives"))
            #expect(try await socket.receiveClose()?.code == 1009)
        }
    }

    @Test func `a route that sets one limit has the server's others (S7)`() async throws {
        var server = ServerOptions()
        server.limits.messageSize = 4
        try await ServerHarness.with(
            server,
            routes: { routes in
                var own = RouteOptions()
                own.limits.fragments = 2
                routes.webSocket("/few", options: own) { ws in
                    for try await message in ws { try await ws.send(message) }
                }
                own = RouteOptions()
                own.limits.messageSize = 6
                own.limits.fragments = 1
                own.limits.fragments = nil
                routes.webSocket("/long", options: own) { ws in
                    for try await message in ws { try await ws.send(message) }
                }
            }
        ) { harness in
            let few = try await harness.rawUpgraded("/few")
            try await few.send(Frames.maskedText("four"))
            #expect(try await few.receiveFrame()?.payload == Array("four".utf8))
            try await few.send(Frames.maskedText("fives"))
            #expect(try await few.receiveClose()?.code == 1009)
            let long = try await harness.rawUpgraded("/long")
            try await long.send(Frames.maskedText("sixsix"))
            #expect(try await long.receiveFrame()?.payload == Array("sixsix".utf8))
            try await long.send(Frames.maskedText("sevenseven"))
            #expect(try await long.receiveClose()?.code == 1009)
        }
    }

    @Test func `a limit of a route can be read back, also one that may be none (S7)`() {
        var options = RouteOptions()
        #expect(options.limits.messageSize == nil && options.limits.frameSize == nil)
        options.limits.frameSize = 5
        #expect(options.limits.frameSize == 5)
        options.limits.frameSize = .some(nil)
        #expect(options.limits.frameSize == .some(nil))
        var server = WebSocket.Limits()
        (server.frameSize, server.fragments) = (7, 8)
        let limits = options.limits.applied(to: server)
        #expect(limits.frameSize == nil && limits.fragments == 8)
    }

    @Test func `a route has its own bound of inflation and of pieces, or the server's, one by one (S7, W15, W24)`() {
        var server = WebSocket.Limits()
        (server.inflationRatio, server.streamedMessageSize) = (50, 1 << 30)
        var options = RouteOptions()
        #expect(options.limits.applied(to: server) == server)
        options.limits.inflationRatio = 20
        var limits = options.limits.applied(to: server)
        #expect(limits.inflationRatio == 20 && limits.streamedMessageSize == 1 << 30)
        options.limits.streamedMessageSize = .some(nil)
        limits = options.limits.applied(to: server)
        #expect(limits.inflationRatio == 20 && limits.streamedMessageSize == nil)
        options.limits.inflationRatio = .some(nil)
        #expect(options.limits.applied(to: server).inflationRatio == nil)
        options.limits.inflationRatio = nil
        options.limits.streamedMessageSize = nil
        #expect(options.limits.applied(to: server) == server)
    }

    @Test func `a route that upgrades what asks for none answers 426 (S7)`() async throws {
        try await ServerHarness.with(routes: { $0.get("/ws") { _ in .upgrade { _ in } } }) { harness in
            expectRefusal(try await harness.answer(to: Self.request("GET /ws")), 426, "websocket")
        }
    }

    @Test func `each route has its own origins, subprotocols and limits (S5) (S6) (S7)`() async throws {
        var server = ServerOptions()
        server.origins = .list(["https://a.example"])
        try await ServerHarness.with(
            server,
            routes: { routes in
                routes.webSocket("/strict", options: RouteOptions(subprotocols: .preferring(["v1"], isRequired: true)))
                { _ in }
                routes.webSocket("/open", options: RouteOptions(origins: .any)) { _ in }
            }
        ) { harness in
            let origin = ["Origin: https://b.example"]
            expectRefusal(try await harness.answer(to: Handshakes.request("/strict", extra: origin)), 403)
            expectRefusal(try await harness.answer(to: Handshakes.request("/strict")), 400, "v1")
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request("/open", extra: origin))
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
        }
    }

    // MARK: What most servers have

    @Test func `tells health, readiness and numbers (S7)`() async throws {
        try await ServerHarness.with(routes: { routes in
            routes.health("/health")
            routes.readiness("/ready")
            routes.metrics("/metrics")
        }) { harness in
            let socket = try await harness.raw()
            for (path, word) in [("/health", "ok"), ("/ready", "ready"), ("/metrics", "# TYPE ")] {
                try await socket.send(Self.request("GET \(path)"))
                let (head, body) = try await socket.receiveAnswer()
                #expect(head.hasPrefix("HTTP/1.1 200 ") && body.contains(word))
                #expect(Handshakes.field("Cache-Control", of: head) == "no-store")
            }
        }
    }
}
