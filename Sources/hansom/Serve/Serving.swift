internal import Actors
internal import WSServer

/// A server's life, from listening to the signal that ends it: in this process, or in several that it keeps.
struct Serving {
    let place: ServeOptions
    /// `nil` for a server that is always one process.
    var workers: WorkerArguments?

    /// How long peers and handlers may take to end.
    static let grace = Duration.seconds(5)

    /// Serves what `make` makes, which may change the options first. It is called only in a process that serves.
    func run(_ make: (inout ServerOptions) throws -> Service) async throws {
        if let count = workers?.count, workers?.channel == nil {
            return try await WorkerGroup(place: place, count: count).run()
        }
        let limit = DescriptorLimit.raise()
        var options = place.serverOptions(on: try place.makeSchedulers())
        let service = try make(&options)
        options.maxConnections = min(
            options.maxConnections,
            DescriptorLimit.connections(within: limit, schedulers: options.schedulers.schedulers.count))
        guard let channel = workers?.channel else { return try await serveAlone(service, options) }
        try await Worker(descriptor: channel).run { place, ticketKey in
            var options = options
            options.reusesPort = true
            options.tls?.sessionTicketKey = ticketKey
            return (try await service.listen(at: place, options), options.maxConnections)
        }
    }

    private func serveAlone(_ service: Service, _ options: ServerOptions) async throws {
        let server = try await service.listen(at: place.place, options)
        var inspection: WebSocketServer?
        if let path = place.inspect {
            inspection = try await WebSocketServer.serveSnapshots(unixPath: path, of: options.schedulers)
        }
        let signals = Signals.catchNext()
        try StandardStream.output.write(line: "listening on \(Serving.name(of: server))")
        for await _ in signals {}
        await server.shutdown(within: Serving.grace)
        await inspection?.forceClose()
    }

    static func name(of server: WebSocketServer) -> String {
        if case .unix(let path) = server.address { return "unix:\(Printable(path))" }
        return "\(server.isSecure ? "wss" : "ws")://\(server.address)"
    }
}
