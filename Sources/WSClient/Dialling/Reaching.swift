internal import Actors
internal import Glibc
internal import HansomTransport
internal import WSConnection

/// From a name to a stream that leads to the server.
extension Dialer {
    /// Connects to the server, or to the proxy and through it.
    func reach() async throws(WebSocketError) -> StreamDriver {
        proxy = try options.proxy.proxy(for: hop.url)
        let place = proxy?.place ?? hop.place
        let who = proxy.map { "proxy \($0)" } ?? "\(place)"
        let stream = try await connectSocket(to: try await addresses(of: place, who), place, who)
        let driver = drive(stream)
        if let proxy { try await openTunnel(proxy, driver) }
        return driver
    }

    // MARK: Name

    private func addresses(of place: WebSocketError.Place, _ who: String) async throws(WebSocketError)
        -> [SocketAddress]
    {
        guard let number = place.port else { return [.unix(path: place.host)] }
        let port = UInt16(clamping: number)
        if let literal = SocketAddress(numeric: place.host, port: port) { return try local([literal], who) }
        enter(.resolution, with: place, within: options.timeouts.resolution)
        let host = place.host
        let name = proxy.map { "\(host), the host of proxy \($0)" } ?? "\(host)"
        switch try await resolve(host, port) {
        case .success(let found) where !found.isEmpty: return try local(found, who)
        case .success: throw fault(.resolution, "cannot resolve \(name): no address")
        case .failure(let error): throw fault(.resolution, "cannot resolve \(name): \(error.reason)")
        }
    }

    private func resolve(
        _ host: String, _ port: UInt16
    ) async throws(WebSocketError) -> Result<[SocketAddress], HansomTransport.Resolver.Failure> {
        let (pool, resolver) = (scheduler.resolverPool, options.resolver)
        return try await elsewhere {
            do {
                if let resolver { return .success(try await resolver(host, Int(port))) }
                return .success(try await HansomTransport.Resolver.resolve(host, port: port, on: pool))
            } catch {
                let reason = (error as? HansomTransport.Resolver.Failure)?.reason ?? "\(error)"
                return .failure(HansomTransport.Resolver.Failure(host: host, reason: reason))
            }
        }
    }

    /// Those that can be reached from the local address that is wanted.
    private func local(_ found: [SocketAddress], _ who: String) throws(WebSocketError) -> [SocketAddress] {
        guard let own = options.socket.localAddress else { return found }
        let reachable = found.filter { $0.family == own.family }
        guard !reachable.isEmpty else {
            throw fault(.unreachable, "no address of \(who) can be reached from the local address \(own.host)")
        }
        return reachable
    }

    // MARK: Socket

    private func connectSocket(
        to addresses: [SocketAddress], _ place: WebSocketError.Place, _ who: String
    ) async throws(WebSocketError) -> SocketStream {
        try check()
        enter(.connect, with: place, within: options.timeouts.tcp)
        let race = SocketRace(addresses, options.socket, delay: options.attemptDelay, on: scheduler)
        self.race = race
        let winner = await race.run()
        self.race = nil
        try check()
        guard let winner else { throw refusal(race.failures, who) }
        return winner.stream
    }

    /// Tells of all addresses, and takes its code from the one that was heard from most.
    private func refusal(_ failures: [AddressRace.Failure], _ who: String) -> WebSocketError {
        let told = failures.prefix(4).map { "\($0.address): \(Dialer.words($0.error))" }
        let rest = failures.count > told.count ? "; \(failures.count - told.count) more addresses" : ""
        let codes = failures.map { Dialer.code(of: $0.error) }
        let code = codes.first { $0 != .unreachable } ?? .unreachable
        return fault(code, "cannot connect to \(who) (\(told.joined(separator: "; "))\(rest))")
    }

    private static func words(_ error: SystemError) -> String {
        let text = error.errno == EAGAIN ? "its backlog is full" : SystemError.text(of: error.errno)
        return error.call == "connect" ? text : "\(error.call): \(text)"
    }

    private static func code(of error: SystemError) -> WebSocketError.Code {
        switch error.errno {
        // The last is a Unix-domain socket's full backlog.
        case ECONNREFUSED, ENOENT, EAGAIN: .refused
        case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, EAFNOSUPPORT: .unreachable
        case ETIMEDOUT: .timeout
        case EADDRINUSE: .addressInUse
        case EACCES, EPERM: .accessDenied
        case ECONNRESET: .connectionLost
        default: .system
        }
    }
}

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
        let stream = TLSStream(client: context, host: host, over: driver.stream) { scheduler.runHereLater($0) }
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
