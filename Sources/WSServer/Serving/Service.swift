internal import WSConnection

/// What a server does with requests.
enum Service: Sendable {
    /// One handler for WebSockets on any path, and nothing else.
    case everyPath(WebSocketService)
    case routes(RouteTree<Resource>)

    init(_ handling: ServerSettings.Handling, _ options: ServerOptions) throws(WebSocketError) {
        self = .everyPath(try WebSocketService(handling, options))
    }

    init(_ routes: Routes, _ options: ServerOptions) throws(WebSocketError) {
        self = .routes(try routes.tree(options))
    }
}
