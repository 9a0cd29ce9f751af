// Snippets may take for certain what their readers can see.
// swift-format-ignore-file: NeverForceUnwrap

import WSClient

func configureDialling() -> ConnectOptions {
    // guide: dial-timeouts
    var options = ConnectOptions(connectTimeout: .seconds(20))
    options.timeouts.resolution = .seconds(2)
    options.timeouts.tcp = .seconds(5)
    options.timeouts.responseHead = .seconds(5)
    // end
    return options
}

func configureProxy() throws -> ConnectOptions {
    // guide: proxy
    var options = ConnectOptions()
    var proxy = try Proxy("https://user:password@proxy.example:3129")
    proxy.tls.trustRoots = .systemAnd(.file("proxy-authority.pem"))
    options.proxy = .through(proxy)
    // end
    return options
}

func chooseProxy(_ options: inout ConnectOptions) {
    // guide: proxy-kinds
    options.proxy = .through(Proxy(.socks5, host: "127.0.0.1", port: 9050))
    options.proxy = .none
    options.proxy = .environment
    // end
}

func tellProxyErrors(at url: String, _ options: ConnectOptions) async throws {
    // guide: proxy-errors
    do throws(WebSocketError) {
        let ws = try await WebSocket.connect(to: url, options: options)
        try await ws.close()
    } catch {
        guard error.code == .proxy else { throw error }
        print("\(error.host ?? ""):\(error.port ?? 0) makes no way: \(error.response?.status ?? 0)")
    }
    // end
}

func configureRedirects(_ options: inout ConnectOptions) throws {
    // guide: redirects
    options.redirects.limit = 3
    options.redirects.privateHeaders = [.init("X-Api-Key")!]
    // end
}

func keepCookies(from login: String, for url: String) async throws {
    // guide: cookies
    var options = ConnectOptions()
    options.cookies = CookieJar()
    try options.cookies?.set("session=abc; Path=/; Secure", from: login)
    let ws = try await WebSocket.connect(to: url, options: options)
    print(options.cookies?.cookies.map(\.name) ?? [])
    try await ws.close()
    // end
}

func configureSockets(_ options: inout ConnectOptions) {
    // guide: sockets
    options.socket.localAddress = SocketAddress(numeric: "192.0.2.10", port: 0)
    options.socket.keepAlive = .seconds(60)
    options.attemptDelay = .milliseconds(100)
    options.resolver = { host, port in
        [SocketAddress(numeric: host == "app.internal" ? "10.0.0.7" : "10.0.0.8", port: UInt16(port))!]
    }
    // end
}

func configureTLS(pin: [UInt8]) -> TLSClientOptions {
    // guide: client-tls
    var tls = TLSClientOptions()
    tls.identity = .files(certificateChain: "client.pem", privateKey: "client.key")
    tls.pinnedPublicKeys = [pin]
    tls.serverName = "inner.example"
    tls.minimumVersion = .tls13
    // end
    return tls
}

func connectOverDescriptor(_ descriptor: Int32) async throws {
    // guide: over-descriptor
    let ws = try await WebSocket.connect(over: descriptor, to: "wss://inner.example/chat")
    // end
    try await ws.close()
}

/// Whatever carries bytes.
protocol Channel: Sendable {
    associatedtype Incoming: AsyncSequence<[UInt8], any Error> & Sendable
    var incoming: Incoming { get }
    func send(_ bytes: [UInt8]) async throws
}

func connectOverPipe(_ channel: some Channel) async throws -> WebSocket {
    // guide: over-pipe
    let pipe = BytePipe()
    Task {
        while case let bytes = try await pipe.read(), !bytes.isEmpty { try await channel.send(bytes) }
    }
    Task {
        for try await bytes in channel.incoming { try await pipe.write(bytes) }
        await pipe.finish()
    }
    let ws = try await WebSocket.connect(over: pipe, to: "ws://inner.example/chat")
    // end
    return ws
}
