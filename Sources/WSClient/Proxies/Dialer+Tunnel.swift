internal import WSConnection

extension Dialer {
    /// Has a proxy, which the stream leads to, make the way to the server.
    func openTunnel(_ proxy: Proxy, _ driver: StreamDriver) async throws(WebSocketError) {
        enter(.proxy, with: proxy.place, within: options.timeouts.proxy)
        if proxy.kind == .https { try await startTLS(driver, proxy.tls, host: proxy.host, "proxy \(proxy)") }
        driver.phase = .proxy
        var tunnel = proxy.tunnel(to: hop.place, options.headLimits)
        try await driver.ask(tunnel.greeting)
        while true {
            switch try await step(&tunnel, driver) {
            case .more: continue
            case .send(let answer): try await driver.ask(answer)
            case .open: return
            case .refused(let failure):
                throw fault(.proxy, "proxy \(proxy) \(failure.reason), on the way to \(hop.place)", failure.response)
            }
        }
    }

    private func step(
        _ tunnel: inout any Tunnel, _ driver: StreamDriver
    ) async throws(WebSocketError) -> TunnelStep {
        do {
            let bytes = try await driver.read()
            return bytes.isEmpty ? .refused(tunnel.ended()) : tunnel.receive(bytes)
        } catch {
            // A refusal says more than that the rest of its body did not come.
            let known = tunnel.ended()
            guard known.response != nil, error.code == .timeout || error.code == .connectionLost else { throw error }
            return .refused(known)
        }
    }
}
