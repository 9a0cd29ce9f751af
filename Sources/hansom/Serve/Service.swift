internal import WSServer

/// What is done for those who connect.
enum Service: Sendable {
    /// The handler runs as each connection.
    case perConnection(WebSocket.Handler)
    /// The handler is called for each message, and does not suspend.
    case perMessage(WebSocket.MessageHandler)

    /// Starts a server that does it.
    func listen(at place: ServePlace, _ options: ServerOptions) async throws(WebSocketError) -> WebSocketServer {
        switch (self, place) {
        case (.perConnection(let handler), .tcp(let host, let port)):
            try await WebSocketServer.listen(host: host, port: port, options: options, handler: handler)
        case (.perConnection(let handler), .unix(let path)):
            try await WebSocketServer.listen(unixPath: path, options: options, handler: handler)
        case (.perMessage(let handler), .tcp(let host, let port)):
            try await WebSocketServer.listen(host: host, port: port, options: options, onMessage: handler)
        case (.perMessage(let handler), .unix(let path)):
            try await WebSocketServer.listen(unixPath: path, options: options, onMessage: handler)
        }
    }
}
