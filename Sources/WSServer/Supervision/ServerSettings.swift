internal import Actors
internal import HansomTransport
internal import Logging
internal import WSConnection

/// What all connections of one endpoint of a server share.
final class ServerSettings: Sendable {
    /// What is run for a connection.
    enum Handling: Sendable {
        case perConnection(WebSocket.Handler)
        case perMessage(WebSocket.MessageHandler)
    }

    let service: Service
    let options: ServerOptions
    private let certificate: CurrentCertificate?
    let load: ServerLoad
    /// As which hosts it may be asked; `nil`: any.
    let hosts: AllowedHosts?

    /// - Parameters:
    ///   - tls: with which certificate peers are answered here; `nil`: plain.
    ///   - load: what the endpoints of a server share; default: one of its own.
    /// - Throws: `.invalidConfiguration`; `.tls` for a certificate or key that cannot be used.
    init(
        _ options: ServerOptions, _ service: Service, tls: TLSServerOptions?, _ load: ServerLoad? = nil
    ) throws(WebSocketError) {
        try options.check()
        hosts = try options.hosts()
        for name in tls?.identitiesByServerName.keys.sorted() ?? [] where SocketAddress(numeric: name, port: 0) != nil {
            throw WebSocketError(
                .invalidConfiguration, "tls.identitiesByServerName: no client asks for the address \(name) (RFC 6066 section 3)")
        }
        self.options = options
        self.service = service
        self.load = load ?? ServerLoad(options)
        do {
            let context: TLSContext? = if let tls { try TLSContext(server: tls) } else { nil }
            certificate = context.map(CurrentCertificate.init)
            if let context { ServerSettings.tell(context.warnings, options) }
        } catch {
            throw WebSocketError(.tls, error.message, phase: .tls)
        }
    }

    /// With what handshakes that begin now are answered.
    var tls: TLSContext? { certificate?.context }

    /// From now on handshakes are answered with another certificate. Connections that have one keep it.
    func use(_ context: TLSContext) { certificate?.context = context }

    /// Tells of what should be put right.
    static func tell(_ warnings: [String], _ options: ServerOptions) {
        for warning in warnings {
            if let logger = options.logger { logger.warning("\(warning)") } else { SystemLog.advise(warning) }
        }
    }
}

/// A certificate that can be changed while the server runs.
private final class CurrentCertificate: @unchecked Sendable {
    // Safety: `current` is touched with `lock` held.
    private let lock = Lock()
    private var current: TLSContext

    init(_ context: TLSContext) { current = context }

    var context: TLSContext {
        get { lock.withLock { current } }
        set {
            // The old one is released outside the lock: with its last session it frees much.
            var other = newValue
            lock.withLock { swap(&current, &other) }
        }
    }
}
