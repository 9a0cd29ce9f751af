internal import Actors
internal import Glibc
internal import HansomTransport
public import WSConnection

extension WebSocketServer {
    /// Starts a server over TCP and returns it running.
    ///
    /// - Parameters:
    ///   - host: a name or address to bind; default `127.0.0.1`. `::` is every address, IPv4 and IPv6.
    ///   - port: default 8080; 0 lets the system choose, and `address` then tells.
    ///   - options: TLS, limits and the rest.
    ///   - handler: runs as each connection.
    /// - Throws: `.addressInUse`, `.accessDenied`, `.resolution`, `.tls` when certificate or key cannot be used, each
    ///   naming the address or file; `.system` otherwise.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await listen(host, port, options, Service(.perConnection(handler), options))
    }

    /// The same with a synchronous handler, which is called for each message and answers with `trySend`: nothing
    /// suspends, so it is the fastest. If it throws, its connection is closed with 1011.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        onMessage handler: @escaping WebSocket.MessageHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await listen(host, port, options, Service(.perMessage(handler), options))
    }

    /// Starts a server that answers plain requests too, and opens WebSockets where its routes say.
    ///
    /// - Parameter routes: what stands where; otherwise as above.
    /// - Throws: as above; `.invalidConfiguration` for a route that is none.
    public static func listen(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(), routes: Routes
    ) async throws(WebSocketError) -> WebSocketServer {
        try await listen(host, port, options, Service(routes, options))
    }

    /// Starts a server on a Unix-domain socket and returns it running.
    ///
    /// - Parameter unixPath: at most 107 bytes; a socket file that nobody listens on any more is replaced.
    public static func listen(
        unixPath: String, options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start(.unix(path: unixPath), options, Service(.perConnection(handler), options))
    }

    /// The same with a synchronous handler.
    public static func listen(
        unixPath: String, options: ServerOptions = .init(), onMessage handler: @escaping WebSocket.MessageHandler
    ) async throws(WebSocketError) -> WebSocketServer {
        try await start(.unix(path: unixPath), options, Service(.perMessage(handler), options))
    }

    /// Starts a server on a socket that is bound and listens already: inherited from a service manager (as file
    /// descriptor 3, say) or handed over by the process before. The server owns it from then on.
    ///
    /// - Throws: `.invalidConfiguration` when the descriptor is no listening socket; otherwise as `listen(host:)`.
    public static func listen(
        descriptor: Int32, options: ServerOptions = .init(), handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) -> WebSocketServer {
        let settings = try ServerSettings(options, Service(.perConnection(handler), options))
        let listener: ListeningSocket
        do {
            listener = try ListeningSocket(inherited: descriptor)
        } catch {
            throw WebSocketError(
                .invalidConfiguration, "descriptor \(descriptor) is no socket that listens: \(error)")
        }
        return try await start(listener, settings, on: options.schedulers)
    }

    /// Runs a server until it has ended. Cancelling the task shuts it down.
    ///
    /// - Parameters: as for `listen`.
    public static func run(
        host: String = "127.0.0.1", port: Int = 8080, options: ServerOptions = .init(),
        handler: @escaping WebSocket.Handler
    ) async throws(WebSocketError) {
        let server = try await listen(host: host, port: port, options: options, handler: handler)
        await withTaskCancellationHandler {
            await server.wait()
        } onCancel: {
            Task { await server.shutdown() }
        }
    }

    private static func listen(
        _ host: String, _ port: Int, _ options: ServerOptions, _ service: Service
    ) async throws(WebSocketError) -> WebSocketServer {
        guard let number = UInt16(exactly: port) else {
            throw WebSocketError(.invalidConfiguration, "port \(port); 0 to 65535 are allowed")
        }
        let addresses: [SocketAddress]
        do {
            addresses = try await Resolver.resolve(host, port: number, on: options.schedulers.blockingPool)
        } catch {
            throw WebSocketError(.resolution, "cannot resolve \(host): \(error.reason)", phase: .resolution)
        }
        return try await start(addresses[0], options, service)
    }

    private static func start(
        _ address: SocketAddress, _ options: ServerOptions, _ service: Service
    ) async throws(WebSocketError) -> WebSocketServer {
        if case .unix(let path) = address, path.utf8.count > SocketAddress.longestUnixPath || path.isEmpty {
            throw WebSocketError(
                .invalidConfiguration,
                "Unix socket path of \(path.utf8.count) bytes; 1 to \(SocketAddress.longestUnixPath) are allowed")
        }
        let settings = try ServerSettings(options, service)
        let listener: ListeningSocket
        do {
            let socket = ListeningSocket.Options(
                backlog: Int32(clamping: options.backlog), reusePort: options.reusesPort)
            listener = try ListeningSocket(address, options: socket)
        } catch {
            throw failure(error, address)
        }
        return try await start(listener, settings, on: options.schedulers)
    }

    private static func failure(_ error: SystemError, _ address: SocketAddress) -> WebSocketError {
        switch error.errno {
        case EADDRINUSE:
            WebSocketError(
                .addressInUse,
                "\(address) is in use; stop who uses it, or choose another \(address.isUnix ? "path" : "port")")
        case EACCES, EPERM:
            WebSocketError(
                .accessDenied,
                "not allowed to listen on \(address); choose \(address.isUnix ? "another directory" : "a port from 1024 on")"
            )
        default:
            WebSocketError(.system, "cannot listen on \(address): \(error)")
        }
    }
}
