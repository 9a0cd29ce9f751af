public import WSConnection

/// What a server does for whoever comes: it runs a handler for each WebSocket, whatever its path, or follows routes.
///
///     let server = try await WebSocketServer.listen(on: [.tcp(port: 8080), .unix("/run/app.sock")], serving: .handler { ws in
///         for try await message in ws { try await ws.send(message) }
///     })
///
/// `WebSocketServer.listen(host:port:options:handler:)` and the other short forms make one of what they are given.
public struct WebSocketService: Sendable {
    private enum Content: Sendable {
        case everyPath(ServerSettings.Handling)
        case routes(Routes)
    }

    private let content: Content

    /// A handler that runs as each connection, on any path. One that returns closes it with 1000, one that throws with
    /// 1011. A request that asks for no WebSocket is answered with 426.
    public static func handler(_ handler: @escaping WebSocket.Handler) -> WebSocketService {
        WebSocketService(content: .everyPath(.perConnection(handler)))
    }

    /// The same with a synchronous handler, which is called for each message and answers with `trySend`: nothing
    /// suspends, so it is the fastest. If it throws, its connection is closed with 1011.
    public static func onMessage(_ handler: @escaping WebSocket.MessageHandler) -> WebSocketService {
        WebSocketService(content: .everyPath(.perMessage(handler)))
    }

    /// The same with a synchronous handler that sees each message where it lies: for one that is sent back or published,
    /// or looked at and forgotten, nothing is copied on the way to it. If it throws, its connection is closed with 1011.
    public static func onMessageView(_ handler: @escaping WebSocket.MessageViewHandler) -> WebSocketService {
        WebSocketService(content: .everyPath(.perMessageView(handler)))
    }

    /// Plain answers, and WebSockets where the routes say.
    public static func routes(_ routes: Routes) -> WebSocketService { WebSocketService(content: .routes(routes)) }

    /// What requests are looked up in.
    ///
    /// - Throws: `.invalidConfiguration` for options that nobody could be served with, and for a route that is none.
    func resources(_ options: ServerOptions) throws(WebSocketError) -> ResourceMap {
        switch content {
        case .everyPath(let handling): .everyPath(try WebSocketResource(handling, options))
        case .routes(let routes): .routes(try routes.tree(options))
        }
    }
}

/// What a server looks requests up in.
enum ResourceMap: Sendable {
    /// One WebSocket on every path, and nothing else.
    case everyPath(WebSocketResource)
    case routes(RouteTree<Resource>)
}
