internal import HansomTransport
internal import WSConnection

/// What all connections of one server share.
final class ServerSettings: Sendable {
    /// What is run for a connection.
    enum Handling: Sendable {
        case perConnection(WebSocket.Handler)
        case perMessage(WebSocket.MessageHandler)
    }

    let service: Service
    let options: ServerOptions
    let tls: TLSContext?
    let load: ServerLoad

    /// - Throws: `.invalidConfiguration`; `.tls` for a certificate or key that cannot be used.
    init(_ options: ServerOptions, _ service: Service) throws(WebSocketError) {
        try options.check()
        self.options = options
        self.service = service
        load = ServerLoad(maxConnections: options.maxConnections, maxHandshakes: options.maxHandshakes)
        do {
            tls = if let tls = options.tls { try TLSContext(server: tls) } else { nil }
        } catch {
            throw WebSocketError(.tls, error.message, phase: .tls)
        }
    }

    /// The server's numbers in Prometheus' text format.
    func metricsText() -> String {
        """
        # HELP hansom_connections WebSocket connections that are open.
        # TYPE hansom_connections gauge
        hansom_connections \(load.connectionCount)

        """
    }
}
