internal import WSServer

/// What is done for those who connect.
enum Service: Sendable {
    /// The handler runs as each connection.
    case perConnection(WebSocket.Handler)
    /// The handler is called for each message, and does not suspend.
    case perMessage(WebSocket.MessageHandler)
    case routes(Routes)

    /// Starts a server that does it.
    func listen(on endpoints: [Endpoint], _ options: ServerOptions) async throws(WebSocketError) -> WebSocketServer {
        switch self {
        case .perConnection(let handler):
            try await WebSocketServer.listen(on: endpoints, options: options, handler: handler)
        case .perMessage(let handler):
            try await WebSocketServer.listen(on: endpoints, options: options, onMessage: handler)
        case .routes(let routes):
            try await WebSocketServer.listen(on: endpoints, options: options, routes: routes)
        }
    }
}
