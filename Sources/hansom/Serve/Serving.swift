internal import Actors
internal import Glibc
internal import HansomTransport
internal import WSServer

/// A server's life, from listening to the signal that ends it: in this process, or in several that it keeps.
struct Serving {
    let settings: ServeSettings

    /// How long peers and handlers may take to end.
    static let grace = Duration.seconds(5)

    /// Serves what `make` makes, which may change the options first. It is called only in a process that serves.
    func run(_ make: (inout ServerOptions) throws -> WebSocketService) async throws {
        try settings.checkWorkers()
        let limit = DescriptorLimit.raise()
        if let count = settings.workers, settings.workerChannel == nil {
            return try await WorkerGroup(settings: settings, count: count).run()
        }
        var options = settings.options
        options.schedulers = try settings.makeSchedulers()
        let service = try make(&options)
        let room = DescriptorLimit.connections(within: limit, schedulers: options.schedulers.schedulers.count)
        let watch = FullWatch(
            maxConnections: min(options.maxConnections, room), descriptors: room < options.maxConnections ? limit : nil,
            prefix: settings.workerChannel == nil ? "" : "process \(getpid()) has ")
        options.maxConnections = watch.maxConnections
        let log = try settings.accessLog.map { (log) throws(CommandFailure) in
            try AccessLogFile(log, on: options.schedulers)
        }
        options.accessLog = log?.log
        let errorLog = AccessLogFile(standardErrorOn: options.schedulers)
        options.logger = ServerLog.logger(isVerbose: settings.isVerbose, to: errorLog)
        if let channel = settings.workerChannel {
            try await Worker(descriptor: channel, settings: settings, log: log).run(service, options, watch)
        } else {
            try await serveAlone(service, options, log, watch)
        }
        await log?.flush()
        await errorLog.flush()
    }

    private func serveAlone(
        _ service: WebSocketService, _ options: ServerOptions, _ log: AccessLogFile?, _ watch: FullWatch
    ) async throws {
        let server = try await WebSocketServer.listen(
            on: settings.places.map(\.endpoint), serving: service, options: options)
        let watching = watch.start(server, on: options.schedulers.next())
        var others: [WebSocketServer] = []
        if let path = settings.inspect {
            others.append(try await WebSocketServer.serveSnapshots(unixPath: path, of: options.schedulers))
        }
        if let place = settings.metrics {
            others.append(
                try await MetricsServer.start(at: place, on: options.schedulers) {
                    await server.statistics().prometheusText
                })
        }
        let signals = Signals.catchNext()
        let reloading = reloadAtHangUp(server, log)
        for line in Serving.announcement(Serving.names(of: server, settings.places.count), others) {
            try StandardStream.output.write(line: line)
        }
        for await _ in signals {}
        reloading?.cancel()
        watching.exit(.shutdown)
        await server.shutdown(within: Serving.grace)
        for other in others { await other.forceClose() }
    }

    private func reloadAtHangUp(_ server: WebSocketServer, _ log: AccessLogFile?) -> Task<Void, Never>? {
        guard settings.canReload else { return nil }
        let signals = Signals.catchAll([SIGHUP])
        return Task {
            for await _ in signals {
                let flaw = await Reloading(endpoints: settings.places.map(\.endpoint), ticketKey: nil).carryOut(
                    server, log)
                let stream: StandardStream = flaw == nil ? .output : .error
                await blockingInAnyCase {
                    try? stream.write(line: flaw.map { "hansom: \(Printable($0))" } ?? Reloading.done)
                }
            }
        }
    }

    // MARK: Words

    /// What is said once everybody can connect: the first line is always where the server listens.
    static func announcement(_ names: [String], _ others: [WebSocketServer]) -> [String] {
        names.map { "listening on \($0)" }
            + others.compactMap { other in
                if case .unix = other.address { return nil }
                return "metrics on http://\(other.address)/metrics"
            }
    }

    /// Where one connects to it. A name of several addresses is one place.
    static func names(of server: WebSocketServer, _ places: Int) -> [String] {
        let endpoints = places == 1 ? Array(server.endpoints.prefix(1)) : server.endpoints
        return endpoints.map { endpoint in
            if case .unix(let path) = endpoint.address { return "unix:\(Printable(path))" }
            return "\(endpoint.isSecure ? "wss" : "ws")://\(endpoint.address)"
        }
    }
}

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

/// How many descriptors this process may have open, and so how many connections.
enum DescriptorLimit {
    /// What is kept for everything that is no connection: standard streams, files, listening sockets, the control
    /// channel.
    private static let reserve = 64

    /// Raises the limit as far as it may be raised without privileges, and returns it.
    static func raise() -> Int {
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        // Safety: here and below, `limit` lives as long as the call.
        guard unsafe getrlimit(resource, &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if unsafe setrlimit(resource, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }

    /// How many connections a server of this process can have.
    ///
    /// - Parameter schedulers: each has two descriptors of its own.
    static func connections(within limit: Int, schedulers: Int) -> Int {
        max(1, limit - reserve - 2 * schedulers)
    }
}

/// A peer that does not read what is sent to it.
enum SlowReader {
    /// Closes the connection, without waiting for it, instead of keeping ever more for it.
    ///
    /// 1008 and not 1013: to come back later would help only a peer that then reads faster.
    static func drop(_ connection: isolated WebSocket) {
        connection.beginClose(.policyViolation, "reads more slowly than it is sent to")
    }
}
