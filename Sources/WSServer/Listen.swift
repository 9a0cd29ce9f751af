internal import Actors
internal import HansomTransport
public import WSConnection

/// Starting a server: in general, and in short for one place.
extension WebSocketServer {
    /// Starts one server in several places, plain and with TLS, and returns it running. The limits hold for all of them
    /// together.
    ///
    ///     try await WebSocketServer.listen(on: [.tcp(port: 80), .tcp(port: 443, tls: tls)], serving: .routes(routes))
    ///
    /// - Parameters:
    ///   - endpoints: where. Each says for itself whether it speaks TLS: `options.tls` must be `nil`.
    ///   - service: what is done for whoever comes: a handler, a synchronous handler, or routes.
    ///   - options: limits and the rest.
    /// - Throws: `.addressInUse`, `.accessDenied`, `.resolution`, `.tls` when certificate or key cannot be used, each
    ///   naming the address or file; `.invalidConfiguration` without any endpoint, for an option that cannot be and for
    ///   a route that is none; `.system` otherwise. Then it listens nowhere.
    public static func listen(
        on endpoints: [Endpoint], serving service: WebSocketService, options: ServerOptions = .init()
    ) async throws(WebSocketError) -> WebSocketServer {
        guard options.tls == nil else {
            throw WebSocketError(
                .invalidConfiguration,
                "options.tls beside a list of endpoints; give `tls` to those that are to speak it")
        }
        return try await start(endpoints, service, options)
    }

    /// Runs a server until it has ended. Cancelling the task shuts it down, and this returns when that is done.
    ///
    /// - Parameters: as for `listen(on:serving:options:)`.
    /// - Throws: as `listen(on:serving:options:)`.
    public static func run(
        on endpoints: [Endpoint], serving service: WebSocketService, options: ServerOptions = .init()
    ) async throws(WebSocketError) {
        try await run { () async throws(WebSocketError) in
            try await listen(on: endpoints, serving: service, options: options)
        }
    }

    // MARK: Over TCP

    /// Starts a server over TCP and returns it running.
    ///
    /// - Parameters:
    ///   - host: a name or address to bind; default `127.0.0.1`. `::` is every address, IPv4 and IPv6; of a name that
    ///     has several, each is listened on: see `addresses`.
    ///   - port: default 8080; 0 lets the system choose, and `address` then tells.
    ///   - options: TLS, limits and the rest.
    ///   - handler: runs as each connection.
    /// - Throws: as `listen(on:serving:options:)`.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.tcp(host: host, port: port, tls: options.tls)], .handler(handler), options)
    }

    /// The same with a synchronous handler: see `WebSocketService.onMessage`.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        onMessage handler: @escaping WebSocket.MessageHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.tcp(host: host, port: port, tls: options.tls)], .onMessage(handler), options)
    }

    /// The same with a synchronous handler that sees each message where it lies: see `WebSocketService.onMessageView`.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        onMessageView handler: @escaping WebSocket.MessageViewHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.tcp(host: host, port: port, tls: options.tls)], .onMessageView(handler), options)
    }

    /// The same with routes: it answers plain requests too, and opens WebSockets where its routes say.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(), routes: Routes
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.tcp(host: host, port: port, tls: options.tls)], .routes(routes), options)
    }

    /// Runs a server over TCP until it has ended. Cancelling the task shuts it down, and this returns when that is
    /// done.
    ///
    /// - Parameters: as for `listen(host:port:options:handler:)`.
    /// - Throws: as `listen(on:serving:options:)`.
    public static func run(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) {
        try await run { () async throws(WebSocketError) in
            try await listen(host: host, port: port, options: options, handler: handler)
        }
    }

    // MARK: In other places

    /// Starts a server on a Unix-domain socket and returns it running.
    ///
    /// - Parameter unixPath: at most 107 bytes; a socket file that nobody listens on any more is replaced.
    /// - Throws: as `listen(on:serving:options:)`.
    public static func listen(
        unixPath: String, options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.unix(unixPath, tls: options.tls)], .handler(handler), options)
    }

    /// The same with a synchronous handler.
    public static func listen(
        unixPath: String, options: ServerOptions = .init(), onMessage handler: @escaping WebSocket.MessageHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.unix(unixPath, tls: options.tls)], .onMessage(handler), options)
    }

    /// The same with a synchronous handler that sees each message where it lies: see `WebSocketService.onMessageView`.
    public static func listen(
        unixPath: String, options: ServerOptions = .init(),
        onMessageView handler: @escaping WebSocket.MessageViewHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.unix(unixPath, tls: options.tls)], .onMessageView(handler), options)
    }

    /// Starts a server on a socket that is bound and listens already: inherited from a service manager (as file
    /// descriptor 3, say) or handed over by the process before. The server owns it from then on.
    ///
    /// - Throws: `.invalidConfiguration` when the descriptor is no listening socket; otherwise as
    ///   `listen(on:serving:options:)`.
    public static func listen(
        descriptor: Int32, options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.descriptor(descriptor, tls: options.tls)], .handler(handler), options)
    }

    /// Starts one server in several places with a handler: short for `listen(on:serving:options:)`.
    public static func listen(
        on endpoints: [Endpoint], options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await listen(on: endpoints, serving: .handler(handler), options: options)
    }

    /// The same with a synchronous handler.
    public static func listen(
        on endpoints: [Endpoint], options: ServerOptions = .init(),
        onMessage handler: @escaping WebSocket.MessageHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await listen(on: endpoints, serving: .onMessage(handler), options: options)
    }

    /// The same with a synchronous handler that sees each message where it lies: see `WebSocketService.onMessageView`.
    public static func listen(
        on endpoints: [Endpoint], options: ServerOptions = .init(),
        onMessageView handler: @escaping WebSocket.MessageViewHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await listen(on: endpoints, serving: .onMessageView(handler), options: options)
    }

    /// The same with routes.
    public static func listen(
        on endpoints: [Endpoint], options: ServerOptions = .init(), routes: Routes
    ) async throws(WebSocketError) -> WebSocketServer {
        try await listen(on: endpoints, serving: .routes(routes), options: options)
    }

    // MARK: How

    private static func start(
        _ endpoints: [Endpoint], _ service: WebSocketService, _ options: ServerOptions
    ) async throws(WebSocketError) -> WebSocketServer {
        let (resources, load) = (try service.resources(options), ServerLoad(options))
        return try await start(try await Binding.bind(endpoints, options, resources, load), options, load)
    }

    private static func run(
        _ listen: () async throws(WebSocketError) -> WebSocketServer
    ) async throws(WebSocketError) {
        let server: WebSocketServer
        do {
            server = try await listen()
        } catch {
            // Nothing is left of what was cancelled while it started: that is the end which was asked for.
            if error.code == .cancelled { return }
            throw error
        }
        await withTaskCancellationHandler {
            await server.ended()
        } onCancel: {
            Task { await server.shutdown() }
        }
    }
}
