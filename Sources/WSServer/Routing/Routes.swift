public import HTTPTypes
public import WSConnection
public import WSProtocol

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

    /// No routes: nothing stands anywhere, which is answered with 404.
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

    /// The same with a synchronous handler that sees each message where it lies: see `WebSocketService.onMessageView`.
    public mutating func webSocket(
        _ path: String, options: RouteOptions = .init(), onMessageView handler: @escaping WebSocket.MessageViewHandler
    ) {
        entries.append(Entry(path: path, content: .webSocket(.perMessageView(handler), options)))
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
                    resource.webSocket = try WebSocketResource(handling, own.applied(to: server))
                } catch {
                    throw RoutePattern.Flaw(reason: error.message)
                }
            }
        }
    }
}

/// What most servers have beside their own routes.
///
/// Each asks the server's authorisation hook or not, as its parameter `authorize` says. By default `health` and
/// `readiness`, which say one word to whoever asks, do not, and `metrics` and `file` do, as all other routes.
extension Routes {
    /// Answers 200 as long as the server runs: for whoever restarts it otherwise.
    ///
    /// - Parameter authorize: who is asked before; default: nobody. `.asServer`: the server's hook.
    public mutating func health(_ path: String, authorize: RouteOptions.Setting<Authorization.Hook?> = .own(nil)) {
        let maker = Resource.Maker.server { _ in ServerResponse(headers: [.cacheControl: "no-store"], text: "ok\n") }
        add(.get, path, Resource.Responder(make: maker, authorize: authorize, isProbe: true))
    }

    /// Answers 200 while the server takes new connections, and 503 when it does not: for whoever sends it new clients.
    ///
    /// - Parameter authorize: as for `health`.
    public mutating func readiness(_ path: String, authorize: RouteOptions.Setting<Authorization.Hook?> = .own(nil)) {
        let maker = Resource.Maker.server { settings in
            let isReady = settings.load.isReady
            return ServerResponse(
                status: isReady ? .ok : .serviceUnavailable, headers: [.cacheControl: "no-store"],
                text: isReady ? "ready\n" : "not ready\n")
        }
        add(.get, path, Resource.Responder(make: maker, authorize: authorize, isProbe: true))
    }

    /// Answers with the server's numbers, `ServerStatistics.prometheusText`.
    ///
    /// - Parameter authorize: who is asked before; default: the server's hook. `.own(nil)`: nobody, where only
    ///   Prometheus can reach the server; another hook where it has credentials of its own.
    public mutating func metrics(_ path: String, authorize: RouteOptions.Setting<Authorization.Hook?> = .asServer) {
        let maker = Resource.Maker.server { settings in
            let statistics = await settings.load.reports.statistics(settings.load)
            return ServerResponse(
                headers: [.contentType: ServerStatistics.prometheusContentType, .cacheControl: "no-store"],
                text: statistics.prometheusText)
        }
        add(.get, path, Resource.Responder(make: maker, authorize: authorize))
    }

    /// Answers GET and HEAD with a file, as it is at each request.
    ///
    /// It is read off the schedulers, 64 KiB at a time, as the peer takes it; a peer that takes nothing for
    /// `writeTimeout` is cut. The answer has `ETag` and `Last-Modified`, conditions get 304 or 412, and one range of
    /// bytes is answered with 206 (RFC 9110 sections 13 and 14).
    ///
    /// - Parameters:
    ///   - path: where it stands on the server.
    ///   - file: its path on this machine. A file that is not there is answered with 404, what is no ordinary file with
    ///     500.
    ///   - contentType: default: by the ending of its name.
    ///   - maxSize: a longer file, in bytes, is not sent, but answered with 500; default `nil`: any is sent.
    ///   - authorize: who is asked before; default: the server's hook.
    public mutating func file(
        _ path: String, at file: String, contentType: String? = nil, maxSize: Int? = nil,
        authorize: RouteOptions.Setting<Authorization.Hook?> = .asServer
    ) {
        let type = contentType ?? ContentTypes.type(ofFile: file)
        get(path, authorize: authorize) { request in
            guard let opened = try await ServedFile.open(file, atMost: maxSize) else {
                return ServerResponse(status: .notFound, text: "not found\n")
            }
            return opened.response(to: request, contentType: type)
        }
    }
}

/// What a WebSocket route grants its connections otherwise than the server does; what is `nil` or `.asServer` is as in
/// `ServerOptions`, where each is described.
public struct RouteOptions: Sendable {
    /// A setting that may itself be "none".
    public enum Setting<Value: Sendable>: Sendable {
        /// What `ServerOptions` says.
        case asServer
        /// This, which may be `nil`.
        case own(Value)

        func or(_ server: Value) -> Value {
            switch self {
            case .asServer: server
            case .own(let value): value
            }
        }
    }

    /// The limits that differ, one by one: `options.limits.messageSize = 64 << 10`. `nil` is as the server's.
    public var limits = Limits()
    /// Which origins may connect here; default `nil`: as the server's.
    public var origins: OriginPolicy?
    /// How a subprotocol is chosen here; default `nil`: as the server does.
    public var subprotocols: SubprotocolPolicy?
    /// How messages are compressed here; `.own(nil)`: not at all.
    public var compression: Setting<CompressionOptions?> = .asServer
    /// Another authorisation hook than the server's, or none.
    public var authorize: Setting<Authorization.Hook?> = .asServer
    /// How long a peer may take to end a connection that is being closed; default `nil`: as the server's.
    public var closeTimeout: Duration?
    /// How often a peer is pinged; `.own(nil)`: never.
    public var pingInterval: Setting<Duration?> = .asServer
    /// How long a peer may be silent after such a ping before its connection is lost; `.own(nil)`: as long as it likes.
    public var pingTimeout: Setting<Duration?> = .asServer
    /// How long nothing may arrive, pongs included, before a connection ends; `.own(nil)`: no limit.
    public var idleTimeout: Setting<Duration?> = .asServer
    /// How long a peer may take nothing of what waits to be written before it is cut; `.own(nil)`: no limit.
    public var writeTimeout: Setting<Duration?> = .asServer
    /// How long a message may take from its first byte to its last; `.own(nil)`: no limit. More is answered with 1008.
    public var messageTimeout: Setting<Duration?> = .asServer
    /// How long `recv()` waits in a handler; `.own(nil)`: without end.
    public var recvTimeout: Setting<Duration?> = .asServer
    /// Whether all messages are received in pieces, with `recvStream` alone; default `nil`: as the server's.
    public var receivesInPieces: Bool?

    /// Some of `WebSocket.Limits`: those that were set.
    @dynamicMemberLookup public struct Limits: Sendable {
        // By key path, so that there is none that a route could not have.
        private var changes: [Change] = []

        private struct Change: Sendable {
            let path: any PartialKeyPath<WebSocket.Limits> & Sendable
            let value: any Sendable
            let apply: @Sendable (inout WebSocket.Limits) -> Void
        }

        /// No limit of the route's own: all are the server's.
        public init() {}

        /// A limit of the route's own; `nil`: as the server's.
        public subscript<Value: Sendable>(
            dynamicMember path: any WritableKeyPath<WebSocket.Limits, Value> & Sendable
        ) -> Value? {
            get { changes.first { $0.path == path }.flatMap { $0.value as? Value } }
            set {
                changes.removeAll { $0.path == path }
                guard let newValue else { return }
                changes.append(Change(path: path, value: newValue) { $0[keyPath: path] = newValue })
            }
        }

        /// The server's limits with these in their place.
        func applied(to server: WebSocket.Limits) -> WebSocket.Limits {
            changes.reduce(into: server) { $1.apply(&$0) }
        }
    }

    /// Origins and subprotocols of the route's own. What is `nil` is as the server's, and so is all else until it is
    /// set.
    public init(origins: OriginPolicy? = nil, subprotocols: SubprotocolPolicy? = nil) {
        self.origins = origins
        self.subprotocols = subprotocols
    }

    /// The server's options with these in their place.
    func applied(to server: ServerOptions) -> ServerOptions {
        var options = server
        options.limits = limits.applied(to: server.limits)
        // Its connections count with all others.
        options.totalBytes = server.totalBound
        options.origins = origins ?? server.origins
        options.subprotocols = subprotocols ?? server.subprotocols
        options.compression = compression.or(server.compression)
        options.authorize = authorize.or(server.authorize)
        options.closeTimeout = closeTimeout ?? server.closeTimeout
        options.pingInterval = pingInterval.or(server.pingInterval)
        options.pingTimeout = pingTimeout.or(server.pingTimeout)
        options.idleTimeout = idleTimeout.or(server.idleTimeout)
        options.writeTimeout = writeTimeout.or(server.writeTimeout)
        options.messageTimeout = messageTimeout.or(server.messageTimeout)
        options.recvTimeout = recvTimeout.or(server.recvTimeout)
        options.receivesInPieces = receivesInPieces ?? server.receivesInPieces
        return options
    }
}
