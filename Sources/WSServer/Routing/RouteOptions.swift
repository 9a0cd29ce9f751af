public import WSConnection
public import WSProtocol

/// What a WebSocket route grants its connections otherwise than the server does; what is `nil` or `.asServer` is as in
/// `ServerOptions`, where each is described.
public struct RouteOptions: Sendable {
    /// A setting that may itself be "none".
    public enum Setting<Value: Sendable>: Sendable {
        case asServer
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
    public var origins: OriginPolicy?
    public var subprotocols: SubprotocolPolicy?
    public var compression: Setting<CompressionOptions?> = .asServer
    /// Another authorisation hook than the server's, or none.
    public var authorize: Setting<Authorization.Hook?> = .asServer
    public var closeTimeout: Duration?
    public var pingInterval: Setting<Duration?> = .asServer
    public var pingTimeout: Setting<Duration?> = .asServer
    public var idleTimeout: Setting<Duration?> = .asServer
    public var writeTimeout: Setting<Duration?> = .asServer
    public var messageTimeout: Setting<Duration?> = .asServer
    public var recvTimeout: Setting<Duration?> = .asServer
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
