internal import Actors
internal import Glibc
internal import WSServer

/// The life of one worker of several.
struct Worker {
    /// The descriptor by which it hears from its keeper.
    let descriptor: Int32

    private enum Ending { case asked, alone }

    /// Serves where the keeper says, until a signal comes or the keeper is gone.
    ///
    /// - Parameter listen: starts the server at a place, with a key for session tickets, and tells how many connections
    ///   it can have.
    func run(_ listen: (ServePlace, [UInt8]) async throws -> (WebSocketServer, maxConnections: Int)) async throws {
        // A keeper that is gone before its first word wants nothing any more.
        guard let channel = try? await WorkerChannel.open(descriptor), let word = try? await channel.recv() else {
            return
        }
        guard case .serve(let host, let port, let ticketKey) = try WorkerMessage.decode(word, as: WorkerOrder.self)
        else { throw CommandFailure("a worker's first order is where to serve") }
        let (server, maxConnections) = try await listen(.tcp(host: host, port: port), ticketKey)
        // Every one: a service manager may send its own to all processes, beside the keeper's.
        let signals = Signals.catchAll([SIGTERM, SIGINT])
        let report = WorkerReport.serving(
            .init(process: getpid(), address: Serving.name(of: server), maxConnections: maxConnections))
        try await channel.send(try WorkerMessage.encode(report))
        let obeying = Task { await Worker.obey(channel) }
        let ending = await Worker.firstOf(signals, obeying)
        Worker.bound(ending, obeying)
        await server.shutdown(within: Serving.grace)
    }

    /// Carries out orders until the keeper is gone.
    private static func obey(_ channel: WebSocket) async {
        while (try? await channel.recv()) != nil {}
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
