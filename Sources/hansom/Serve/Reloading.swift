internal import HansomTransport
internal import WSServer

/// What SIGHUP does: certificates are read again, and the access log is opened again.
struct Reloading {
    /// What the server was told to listen on.
    let endpoints: [Endpoint]
    /// What session tickets are made with, if this is one of several workers.
    let ticketKey: TLSTicketSecret?

    /// What is said when it is done.
    static let done = "reloaded"

    /// What went wrong, if anything has; then the server goes on with what it had.
    func carryOut(_ server: WebSocketServer, _ log: AccessLogFile?) async -> String? {
        log?.reopen()
        for endpoint in server.endpoints where endpoint.isSecure {
            guard var tls = endpoints[endpoint.number].tls else { continue }
            tls.ticketSecret = ticketKey
            do {
                try await server.reload(tls: tls, at: endpoint.address)
            } catch {
                return error.message
            }
        }
        return nil
    }
}
