internal import WSServer

/// What SIGHUP does: certificates are read again, and the access log is opened again.
struct Reloading {
    let settings: ServeSettings
    /// A new key for session tickets, if this is one of several workers.
    let ticketKey: [UInt8]?

    /// What is said when it is done.
    static let done = "reloaded"

    /// What went wrong, if anything has; then the server goes on with what it had.
    func carryOut(_ server: WebSocketServer, _ log: AccessLogFile?) async -> String? {
        log?.reopen()
        for endpoint in server.endpoints where endpoint.isSecure {
            guard var tls = tls(of: endpoint) else { continue }
            tls.sessionTicketKey = ticketKey
            do {
                try await server.reload(tls: tls, at: endpoint.address)
            } catch {
                return error.message
            }
        }
        return nil
    }

    /// The certificate of the place that this endpoint belongs to.
    private func tls(of endpoint: BoundEndpoint) -> TLSServerOptions? {
        let place = settings.places.first { place in
            switch (place.kind, endpoint.address) {
            case (.tcp(_, let port), let address): place.tls != nil && port == address.port
            case (.unix(let path), .unix(let bound)): place.tls != nil && path == bound
            case (.unix, _): false
            }
        }
        // A port that the system chose is found nowhere.
        return place?.tls ?? settings.places.compactMap(\.tls).first
    }
}
