public import HTTPTypes
public import WSConnection

/// What stands where on a server: WebSockets and plain answers, by method and path.
///
///     var routes = Routes()
///     routes.get("/hello/:name") { request in ServerResponse(text: "Hello, \(request.parameters["name"] ?? "you")") }
///     routes.webSocket("/chat/:room") { ws in ... }
///     let server = try await WebSocketServer.listen(port: 8080, routes: routes)
///
/// A path is made of segments that must be there exactly, of parameters (`:name`, one segment that is not empty), and
/// may end in `*` (any further segments, or none). Exact segments win over parameters, and those over `*`. Paths are
/// compared segment by segment after percent-decoding, upper and lower case apart; a path with `.` or `..` in it is
/// answered with 400. What stands nowhere is 404, another method 405, and a WebSocket route that is asked for anything
/// else 426.
///
/// `listen` throws `.invalidConfiguration` for a path that is none, or a route that is there twice.
public struct Routes: Sendable {
    /// Answers a request. It runs as a process of its own: what it throws is answered with 500, without details; it is
    /// cancelled when the peer goes, when `routeTimeout` is over, and when the server ends.
    public typealias Handler = @Sendable (WebSocket.Request) async throws -> ServerResponse

    struct Entry: Sendable {
        let path: String
        let content: Content
    }

    enum Content: Sendable {
        case answers(HTTPRequest.Method, Resource.Responder)
        case webSocket(ServerSettings.Handling, RouteOptions)
    }

    private(set) var entries: [Entry] = []

    public init() {}

    /// Answers GET, and HEAD without the content.
    ///
    /// - Parameter authorize: who is asked before; default: the server's hook. `.own(nil)`: nobody.
    public mutating func get(
        _ path: String, authorize: RouteOptions.Setting<Authorization.Hook?> = .asServer, _ handler: @escaping Handler
    ) { on(.get, path, authorize: authorize, handler) }

    /// Answers POST. The request has its `body`, of at most `ServerOptions.maxBodySize` bytes.
    ///
    /// - Parameter authorize: as for `get`.
    public mutating func post(
        _ path: String, authorize: RouteOptions.Setting<Authorization.Hook?> = .asServer, _ handler: @escaping Handler
    ) { on(.post, path, authorize: authorize, handler) }

    /// Answers any one method.
    ///
    /// - Parameter authorize: as for `get`.
    public mutating func on(
        _ method: HTTPRequest.Method, _ path: String, authorize: RouteOptions.Setting<Authorization.Hook?> = .asServer,
        _ handler: @escaping Handler
    ) {
        add(method, path, Resource.Responder(make: .handler(handler), authorize: authorize))
    }

    /// Opens WebSockets.
    ///
    /// - Parameters:
    ///   - path: where; a plain answer to GET may stand there too.
    ///   - options: what differs from the server's options.
    ///   - handler: runs as each connection.
    public mutating func webSocket(
        _ path: String, options: RouteOptions = .init(), _ handler: @escaping WebSocket.Handler
    ) {
        entries.append(Entry(path: path, content: .webSocket(.perConnection(handler), options)))
    }

    /// The same with a synchronous handler.
    public mutating func webSocket(
        _ path: String, options: RouteOptions = .init(), onMessage handler: @escaping WebSocket.MessageHandler
    ) {
        entries.append(Entry(path: path, content: .webSocket(.perMessage(handler), options)))
    }

    mutating func add(_ method: HTTPRequest.Method, _ path: String, _ responder: Resource.Responder) {
        entries.append(Entry(path: path, content: .answers(method, responder)))
    }

    /// What the server looks requests up in.
    func tree(_ options: ServerOptions) throws(WebSocketError) -> RouteTree<Resource> {
        var tree = RouteTree<Resource>()
        for entry in entries {
            do throws(RoutePattern.Flaw) {
                try Self.add(entry, to: &tree, options)
            } catch {
                throw WebSocketError(.invalidConfiguration, "route \(entry.path): \(error.reason)")
            }
        }
        return tree
    }

    private static func add(
        _ entry: Entry, to tree: inout RouteTree<Resource>, _ server: ServerOptions
    ) throws(RoutePattern.Flaw) {
        try tree.update(RoutePattern(entry.path), default: Resource()) { resource throws(RoutePattern.Flaw) in
            switch entry.content {
            case .answers(let method, let responder):
                guard resource.responders.updateValue(responder, forKey: method) == nil else {
                    throw RoutePattern.Flaw(reason: "two routes for \(method)")
                }
            case .webSocket(let handling, let own):
                guard resource.webSocket == nil else { throw RoutePattern.Flaw(reason: "two routes for WebSockets") }
                do throws(WebSocketError) {
                    resource.webSocket = try WebSocketService(handling, own.applied(to: server))
                } catch {
                    throw RoutePattern.Flaw(reason: error.message)
                }
            }
        }
    }
}
