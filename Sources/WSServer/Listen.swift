internal import Actors
internal import HansomTransport
public import WSConnection

extension WebSocketServer {
    /// Starts a server over TCP and returns it running.
    ///
    /// - Parameters:
    ///   - host: a name or address to bind; default `127.0.0.1`. `::` is every address, IPv4 and IPv6; of a name that has
    ///     several, each is listened on: see `addresses`.
    ///   - port: default 8080; 0 lets the system choose, and `address` then tells.
    ///   - options: TLS, limits and the rest.
    ///   - handler: runs as each connection.
    /// - Throws: `.addressInUse`, `.accessDenied`, `.resolution`, `.tls` when certificate or key cannot be used, each
    ///   naming the address or file; `.system` otherwise.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start(
            [.tcp(host: host, port: port, tls: options.tls)], options, Service(.perConnection(handler), options))
    }

    /// The same with a synchronous handler, which is called for each message and answers with `trySend`: nothing
    /// suspends, so it is the fastest. If it throws, its connection is closed with 1011.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        onMessage handler: @escaping WebSocket.MessageHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start(
            [.tcp(host: host, port: port, tls: options.tls)], options, Service(.perMessage(handler), options))
    }

    /// Starts a server that answers plain requests too, and opens WebSockets where its routes say.
    ///
    /// - Parameter routes: what stands where; otherwise as above.
    /// - Throws: as above; `.invalidConfiguration` for a route that is none.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(), routes: Routes
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.tcp(host: host, port: port, tls: options.tls)], options, Service(routes, options))
    }

    /// Starts a server on a Unix-domain socket and returns it running.
    ///
    /// - Parameter unixPath: at most 107 bytes; a socket file that nobody listens on any more is replaced.
    public static func listen(
        unixPath: String, options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.unix(unixPath, tls: options.tls)], options, Service(.perConnection(handler), options))
    }

    /// The same with a synchronous handler.
    public static func listen(
        unixPath: String, options: ServerOptions = .init(), onMessage handler: @escaping WebSocket.MessageHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.unix(unixPath, tls: options.tls)], options, Service(.perMessage(handler), options))
    }

    /// Starts a server on a socket that is bound and listens already: inherited from a service manager (as file
    /// descriptor 3, say) or handed over by the process before. The server owns it from then on.
    ///
    /// - Throws: `.invalidConfiguration` when the descriptor is no listening socket; otherwise as `listen(host:)`.
    public static func listen(
        descriptor: Int32, options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start([.descriptor(descriptor, tls: options.tls)], options, Service(.perConnection(handler), options))
    }

    /// Starts one server in several places, plain and with TLS, and returns it running. The limits hold for all of them
    /// together.
    ///
    /// - Parameters:
    ///   - endpoints: where. Each says for itself whether it speaks TLS: `options.tls` must be `nil`.
    ///   - options: limits and the rest.
    ///   - handler: runs as each connection.
    /// - Throws: as `listen(host:)`; then it listens nowhere. `.invalidConfiguration` without any endpoint.
    public static func listen(
        on endpoints: [Endpoint], options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start(listOf: endpoints, options, Service(.perConnection(handler), options))
    }

    /// The same with a synchronous handler.
    public static func listen(
        on endpoints: [Endpoint], options: ServerOptions = .init(),
        onMessage handler: @escaping WebSocket.MessageHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start(listOf: endpoints, options, Service(.perMessage(handler), options))
    }

    /// The same with routes.
    ///
    /// - Throws: as above; `.invalidConfiguration` for a route that is none.
    public static func listen(
        on endpoints: [Endpoint], options: ServerOptions = .init(), routes: Routes
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start(listOf: endpoints, options, Service(routes, options))
    }

    /// Runs a server until it has ended. Cancelling the task shuts it down.
    ///
    /// - Parameters: as for `listen`.
    public static func run(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) {
        let server: WebSocketServer
        do {
            server = try await listen(host: host, port: port, options: options, handler: handler)
        } catch {
            // Nothing is left of what was cancelled while it started: that is the end which was asked for.
            if error.code == .cancelled { return }
            throw error
        }
        await withTaskCancellationHandler {
            await server.wait()
        } onCancel: {
            Task { await server.shutdown() }
        }
    }

    static func start(
        listOf endpoints: [Endpoint], _ options: ServerOptions, _ service: Service
    ) async throws(WebSocketError) -> WebSocketServer {
        guard options.tls == nil else {
            throw WebSocketError(
                .invalidConfiguration,
                "options.tls beside a list of endpoints; give `tls` to those that are to speak it")
        }
        return try await start(endpoints, options, service)
    }

    static func start(
        _ endpoints: [Endpoint], _ options: ServerOptions, _ service: Service
    ) async throws(WebSocketError) -> WebSocketServer {
        let load = ServerLoad(options)
        return try await start(try await Binding.bind(endpoints, options, service, load), options, load)
    }
}
