internal import Actors
public import HansomTransport
public import WSConnection

/// What can be changed while a server runs.
extension WebSocketServer {
    /// Accepts no more for now. Connections and handshakes that are there go on; who comes waits in the kernel's backlog.
    ///
    /// Nobody is let in any more when it returns.
    public func suspend() async {
        load.setSuspended(true)
        // An acceptor that had begun before may be about to accept one more.
        for scheduler in schedulers.schedulers { await scheduler.ask { _ in } }
    }

    /// Accepts again, those first who have waited.
    public func resume() { load.setSuspended(false) }

    /// Changes how many connections there may be at once: more are taken in at once if some wait, and if there are more
    /// already they stay.
    ///
    /// - Parameter count: 0 or less lets nobody in.
    public func setMaxConnections(_ count: Int) { load.setMaxConnections(count) }

    /// Answers handshakes that begin from now on with another certificate. Connections go on with what they have.
    ///
    /// The certificate is read first, on a thread of its own: one that cannot be used changes nothing.
    ///
    /// - Parameters:
    ///   - options: the new certificate, and all else about TLS. Session tickets stay good only with the same
    ///     `sessionTicketKey`.
    ///   - address: at which of `addresses`; default: at all that speak TLS.
    /// - Throws: `.tls` when certificate or key cannot be used, and then the old one stays; `.invalidConfiguration` when
    ///   nobody speaks TLS there.
    public func reload(tls options: TLSServerOptions, at address: SocketAddress? = nil) async throws(WebSocketError) {
        let secure = endpoints.filter { $0.isSecure && (address == nil || $0.address == address) }
        guard !secure.isEmpty else {
            let place = address.map { "at \($0)" } ?? "at any of its addresses"
            throw WebSocketError(.invalidConfiguration, "the server does not speak TLS \(place)")
        }
        let context: TLSContext
        do {
            context = try await schedulers.blockingPool.run { () throws(TLSConfigurationError) in
                try TLSContext(server: options)
            }
        } catch {
            throw WebSocketError(.tls, error.message, phase: .tls)
        }
        ServerSettings.tell(context.warnings, secure[0].settings.options)
        for endpoint in secure { endpoint.settings.use(context) }
    }

    /// The listening sockets, in the order of `addresses`, for a process that is to go on with them: it gets copies, by
    /// inheritance or over a Unix-domain socket, and serves them with `Endpoint.descriptor`.
    ///
    /// A socket lives as long as one process has it: whoever connects in between waits in its backlog, and is not
    /// refused. They are closed on `exec` and stay this server's, which closes them when it shuts down.
    public var listeningDescriptors: [Int32] { endpoints.map(\.descriptor) }
}
