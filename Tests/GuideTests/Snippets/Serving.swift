import WSServer
import WSTopics

func readmeServer() async throws {
    // guide: readme-server
    try await WebSocketServer.run(port: 8080) { ws in
        for try await message in ws { try await ws.send(message) }
    }
    // end
}

func listen() async throws -> WebSocketServer {
    // guide: listen
    let server = try await WebSocketServer.listen(host: "127.0.0.1", port: 0) { ws in
        print(ws.request?.path ?? "/", ws.request?.headers[.userAgent] ?? "")
        for try await message in ws {
            try await ws.send(message)
        }
    }
    print("listening on ws://\(server.address)")
    // end
    return server
}

func answerSynchronously() async throws -> WebSocketServer {
    // guide: sync
    struct SlowReader: Error {}

    let server = try await WebSocketServer.listen(
        port: 0,
        onMessage: { ws, message in
            if ws.trySend(message) == .full { throw SlowReader() }
        })
    // end
    return server
}

func answerWithViews() async throws -> WebSocketServer {
    // guide: views
    let topics = Topics()
    let server = try await WebSocketServer.listen(
        port: 0,
        onMessageView: { ws, message in
            switch message {
            case .text(let utf8): topics.publish(.text(String(copying: utf8)), to: "chat")
            case .binary(let bytes) where bytes.byteCount > 1_000: topics.publish(message, to: "pictures")
            case .binary: ws.trySend(message)
            }
        })
    // end
    return server
}

func configureServer() -> ServerOptions {
    // guide: server-options
    var options = ServerOptions()
    options.limits.messageSize = 64 << 10
    options.maxConnections = 10_000
    options.origins = .list(["https://example.com", "https://www.example.com"])
    options.subprotocols = .preferring(["chat.v2", "chat.v1"], isRequired: true)
    // end
    return options
}

func serveTLS() async throws -> WebSocketServer {
    // guide: tls
    var options = ServerOptions()
    options.tls = TLSServerOptions(identity: .files(certificateChain: "chain.pem", privateKey: "key.pem"))
    let server = try await WebSocketServer.listen(host: "::", port: 8443, options: options) { ws in
        for try await message in ws { try await ws.send(message) }
    }
    // end
    return server
}

func listenOnUnixSocket() async throws -> WebSocketServer {
    // guide: unix-server
    let server = try await WebSocketServer.listen(unixPath: "/run/app.sock") { ws in
        for try await message in ws { try await ws.send(message) }
    }
    // end
    return server
}

func shutDown(_ server: WebSocketServer) async {
    // guide: shutdown
    await server.shutdown(within: .seconds(10))
    // end
}

func serveUntilBye() async throws -> WebSocketServer {
    // guide: begin-close
    let server = try await WebSocketServer.listen(
        port: 0,
        onMessage: { ws, message in
            if message == .text("bye") { try ws.beginClose(reason: "bye") } else { ws.trySend(message) }
        })
    // end
    return server
}

func upgrade(_ descriptor: Int32, _ head: [UInt8]) async throws -> Bool {
    // guide: upgrade
    let wasAccepted = try await WebSocketServer.upgrade(over: descriptor, received: head) { ws in
        for try await message in ws { try await ws.send(message) }
    }
    // end
    return wasAccepted
}

func listenWithRoutes() async throws -> WebSocketServer {
    // guide: routes
    var routes = Routes()
    routes.get("/hello/:name") { request in
        ServerResponse(text: "Hello, \(request.parameters["name"] ?? "you")!\n")
    }
    routes.post("/notes") { request in
        print(String(decoding: request.body, as: UTF8.self))
        return ServerResponse(status: .created)
    }
    routes.file("/", at: "page.html")
    routes.health("/health")
    routes.readiness("/ready")
    routes.metrics("/metrics")
    routes.webSocket("/chat/:room") { ws in
        let room = ws.request?.parameters["room"] ?? ""
        for try await message in ws { try await ws.send(.text("\(room): \(message)")) }
    }
    let server = try await WebSocketServer.listen(port: 0, routes: routes)
    // end
    return server
}

func addUpgradingRoutes(to routes: inout Routes) {
    // guide: route-options
    var small = RouteOptions(origins: .list(["https://example.com"]), subprotocols: .preferring(["chat"]))
    small.limits.messageSize = 4096
    small.idleTimeout = .own(.seconds(30))
    let options = small

    routes.webSocket("/small", options: options, onMessage: { ws, message in ws.trySend(message) })
    routes.get("/both") { request in
        request.isUpgrade
            ? .upgrade(options: options) { ws in for try await message in ws { try await ws.send(message) } }
            : ServerResponse(text: "Come with a WebSocket.\n")
    }
    // end
}

func authorize(_ find: @escaping @Sendable (String) async throws -> Int?) async throws -> WebSocketServer {
    // guide: authorize
    struct User: Sendable { let id: Int }

    var options = ServerOptions()
    options.authorize = { request in
        guard let token = request.headers[.authorization], let id = try await find(token) else {
            return .refuse(ServerResponse(status: .unauthorized, headers: [.wwwAuthenticate: "Bearer"]))
        }
        return .accept(User(id: id))
    }
    let server = try await WebSocketServer.listen(port: 0, options: options) { ws in
        guard let user = ws.request?.value(as: User.self) else { return }
        try await ws.send(.text("Hello, number \(user.id)!"))
    }
    // end
    return server
}

func accept(_ pipe: BytePipe, _ request: RequestHead) async throws {
    // guide: accept
    try await WebSocketServer.accept(over: pipe, request: request) { ws in
        for try await message in ws { try await ws.send(message) }
    }
    // end
}

func receiveUploads(_ routes: inout Routes) {
    // guide: receiving-in-pieces
    var options = RouteOptions()
    options.receivesInPieces = true
    options.limits.inboundBytes = 256 << 10
    options.limits.streamedMessageSize = 10 << 30

    routes.webSocket("/upload", options: options) { ws in
        while true {
            var total = 0
            for try await piece in try ws.recvStream() { total += piece.byteCount }
            try await ws.send(.text("\(total) bytes"))
        }
    }
    // end
}

func boundMemory() -> ServerOptions {
    // guide: memory
    var options = ServerOptions()
    options.limits.messageSize = 4 << 20
    options.totalBytes = 128 << 20
    // end
    return options
}
