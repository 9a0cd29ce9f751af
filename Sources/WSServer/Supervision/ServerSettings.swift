internal import HansomTransport
internal import WSConnection
internal import WSProtocol

/// What all connections of one server share.
final class ServerSettings: Sendable {
    /// What is run for a connection.
    enum Handling: Sendable {
        case perConnection(WebSocket.Handler)
        case perMessage(WebSocket.MessageHandler)
    }

    let handler: Handling
    let tls: TLSContext?
    let rules: ServerHandshake.Rules
    let handshakeTimeout: Duration
    let connection: ConnectionOptions
    let load: ServerLoad

    init(_ options: ServerOptions, handler: Handling) throws(TLSConfigurationError) {
        self.handler = handler
        load = ServerLoad(maxConnections: options.maxConnections, maxHandshakes: options.maxHandshakes)
        tls = if let tls = options.tls { try TLSContext(server: tls) } else { nil }
        rules = ServerHandshake.Rules(
            isTLS: options.tls != nil, origin: options.origins, subprotocols: options.subprotocols,
            compression: options.compression)
        handshakeTimeout = options.handshakeTimeout
        connection = ConnectionOptions(
            limits: options.limits, recvTimeout: options.recvTimeout, closeTimeout: options.closeTimeout,
            timing: options.timing)
    }
}
