internal import Actors
internal import HansomTransport
internal import WSConnection

/// TLS, over whatever stream there is by then.
extension Dialer {
    /// With the server.
    func startTLS(_ driver: StreamDriver) async throws(WebSocketError) -> TLSDetails {
        enter(.tls, with: hop.place, within: options.timeouts.tls)
        return try await startTLS(driver, hop.tls, host: hop.url.host, "\(hop.place)")
    }

    /// With the server, or with a proxy.
    @discardableResult
    func startTLS(
        _ driver: StreamDriver, _ options: TLSClientOptions, host: String, _ who: String
    ) async throws(WebSocketError) -> TLSDetails {
        let context = try await context(for: options)
        let scheduler = scheduler
        let stream = TLSStream(client: context, host: host, over: driver.stream) { scheduler.deferAction($0) }
        do {
            return try await driver.startTLS(stream)
        } catch {
            guard error.code == .tls else { throw error }
            throw fault(.tls, "TLS with \(who): \(error.message)")
        }
    }

    /// Files are looked at, and read where they have changed, elsewhere: a disk may be slow.
    private func context(for options: TLSClientOptions) async throws(WebSocketError) -> TLSContext {
        let pool = scheduler.blockingPool
        let result = try await elsewhere {
            await pool.run {
                Result { () throws(TLSConfigurationError) in try TLSContexts.shared.context(for: options) }
            }
        }
        do {
            return try result.get()
        } catch {
            throw fault(.tls, error.message)
        }
    }
}
