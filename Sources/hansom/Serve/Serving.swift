internal import Actors
internal import WSServer

/// A server's life, from listening to the signal that ends it.
struct Serving {
    let place: ServeOptions
    let options: ServerOptions

    /// How long peers and handlers may take to end.
    private static let grace = Duration.seconds(5)

    /// Serves each connection with `handler`, which runs as the connection.
    func run(_ handler: @escaping WebSocket.Handler) async throws {
        try await serve {
            if let path = place.unixPath {
                return try await WebSocketServer.listen(unixPath: path, options: options, handler: handler)
            }
            return try await WebSocketServer.listen(
                host: place.host ?? "127.0.0.1", port: place.port ?? 8080, options: options, handler: handler)
        }
    }

    /// Serves each message with `handler`, without suspending.
    func run(onMessage handler: @escaping WebSocket.MessageHandler) async throws {
        try await serve {
            if let path = place.unixPath {
                return try await WebSocketServer.listen(unixPath: path, options: options, onMessage: handler)
            }
            return try await WebSocketServer.listen(
                host: place.host ?? "127.0.0.1", port: place.port ?? 8080, options: options, onMessage: handler)
        }
    }

    private func serve(_ listen: () async throws -> WebSocketServer) async throws {
        let server = try await listen()
        var inspection: WebSocketServer?
        if let path = place.inspect {
            inspection = try await WebSocketServer.serveSnapshots(unixPath: path, of: options.schedulers)
        }
        let signals = Signals.catchNext()
        try StandardStream.output.write(line: "listening on \(Serving.name(of: server))")
        for await _ in signals {}
        await server.shutdown(within: Serving.grace)
        await inspection?.forceClose()
    }

    private static func name(of server: WebSocketServer) -> String {
        if case .unix(let path) = server.address { return "unix:\(Printable(path))" }
        return "\(server.isSecure ? "wss" : "ws")://\(server.address)"
    }
}
