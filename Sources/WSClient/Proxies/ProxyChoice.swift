internal import WSConnection
internal import WSProtocol

/// Which proxy a client goes through. A Unix-domain socket never has one.
public enum ProxyChoice: Sendable, Hashable {
    /// What the environment variables say: for `wss` `HTTPS_PROXY`, for `ws` `HTTP_PROXY`, for either `ALL_PROXY`,
    /// except for what `NO_PROXY` lists. Names in lower case go before those in capitals.
    case environment
    /// None, whatever the environment says.
    case none
    /// This one.
    case through(Proxy)

    /// The proxy for a URL; `nil`: straight to the server.
    func proxy(
        for url: WebSocketURL, environment: ProxyEnvironment = .ofThisProgram
    ) throws(WebSocketError) -> Proxy? {
        guard url.unixPath == nil else { return nil }
        let proxy: Proxy? =
            switch self {
            case .none: nil
            case .through(let proxy): proxy
            case .environment: try environment.proxy(for: url)
            }
        if let proxy, let zone = url.zone {
            throw WebSocketError(
                .invalidConfiguration,
                "proxy \(proxy): the zone \(zone.debugDescription) of the server's address is this machine's own; connect without a proxy")
        }
        try proxy?.check(reaching: url.host)
        return proxy
    }
}
