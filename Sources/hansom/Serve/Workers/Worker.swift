internal import Actors
internal import Glibc
internal import HansomTransport
internal import WSServer

/// The life of one worker of several.
struct Worker {
    /// The descriptor by which it hears from its keeper.
    let descriptor: Int32
    let settings: ServeSettings
    let log: AccessLogFile?

    private enum Ending { case asked, alone }

    /// Serves where the keeper says, until a signal comes or the keeper is gone.
    func run(_ service: Service, _ options: ServerOptions, _ watch: FullWatch) async throws {
        // A keeper that is gone before its first word wants nothing any more.
        guard let channel = try? await WorkerChannel.open(descriptor), let word = try? await channel.recv() else {
            return
        }
        guard case .serve(let addresses, let ticketKey) = try WorkerMessage.decode(word, as: WorkerOrder.self)
        else { throw CommandFailure("a worker's first order is where to serve") }
        var options = options
        options.reusesPort = true
        let server = try await service.listen(on: endpoints(addresses, ticketKey), options)
        let watching = watch.start(server, on: options.schedulers.next())
        // Every one: a service manager may send its own to all processes, beside the keeper's.
        let signals = Signals.catchAll([SIGTERM, SIGINT])
        // Who starts and stops the keeper may send this one too; the keeper's order is what counts.
        _ = Signals.catchAll([SIGHUP])
        try await channel.send(
            WorkerMessage.encode(
                WorkerReport.serving(
                    .init(
                        process: getpid(), names: Serving.names(of: server, settings.places.count),
                        maxConnections: options.maxConnections))))
        // Without the secret that it began with: that is forgotten from tomorrow on.
        let bare = endpoints(addresses, nil)
        let obeying = Task { await obey(channel, server, bare) }
        let ending = await Worker.firstOf(signals, obeying)
        Worker.bound(ending, obeying)
        watching.exit(.shutdown)
        await server.shutdown(within: Serving.grace)
    }

    private func endpoints(_ addresses: [[WorkerOrder.Address]], _ ticketKey: TLSTicketSecret?) -> [Endpoint] {
        zip(settings.places, addresses).flatMap { place, addresses in
            addresses.map { address in
                var tls = place.tls
                tls?.ticketSecret = ticketKey
                return .tcp(host: address.host, port: address.port, tls: tls)
            }
        }
    }

    /// Carries out orders until the keeper is gone.
    private func obey(_ channel: WebSocket, _ server: WebSocketServer, _ endpoints: [Endpoint]) async {
        while let word = try? await channel.recv(),
            let order = try? WorkerMessage.decode(word, as: WorkerOrder.self)
        {
            let report: WorkerReport
            switch order {
            case .serve: continue
            case .numbers: report = .numbers(await server.statistics().prometheusText)
            case .reload(let ticketKey):
                let reloading = Reloading(endpoints: endpoints, ticketKey: ticketKey)
                report = .reloaded(flaw: await reloading.carryOut(server, log))
            }
            guard let answer = try? WorkerMessage.encode(report) else { continue }
            _ = try? await channel.send(answer)
        }
    }

    private static func firstOf(_ signals: AsyncStream<Int32>, _ obeying: Task<Void, Never>) async -> Ending {
        let (endings, ending) = AsyncStream<Ending>.makeStream()
        Task {
            for await _ in signals { ending.yield(.asked) }
        }
        Task {
            await obeying.value
            ending.yield(.alone)
        }
        return await endings.first { _ in true } ?? .alone
    }

    /// Sees to it that a worker which is to end does, whatever holds it up.
    private static func bound(_ ending: Ending, _ obeying: Task<Void, Never>) {
        switch ending {
        case .alone:
            // Nobody is left who would kill it: the kernel does, by SIGALRM.
            alarm(UInt32(Serving.grace.components.seconds) + 2)
        case .asked:
            // A keeper that goes meanwhile was told to end at once.
            Task {
                await obeying.value
                exit(128 + SIGTERM)
            }
        }
    }
}
