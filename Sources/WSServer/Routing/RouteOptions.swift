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

    public var limits: WebSocket.Limits?
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

    public init(
        limits: WebSocket.Limits? = nil, origins: OriginPolicy? = nil, subprotocols: SubprotocolPolicy? = nil
    ) {
        self.limits = limits
        self.origins = origins
        self.subprotocols = subprotocols
    }

    /// The server's options with these in their place.
    func applied(to server: ServerOptions) -> ServerOptions {
        var options = server
        options.limits = limits ?? server.limits
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
