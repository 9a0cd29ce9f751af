internal import Actors
internal import ArgumentParser
internal import CHansomSystem
internal import FoundationEssentials
internal import Glibc
internal import HansomTransport
internal import WSClient
internal import WSServer

/// The life of one worker of several.
struct Worker {
    /// The descriptor by which it hears from its keeper.
    let descriptor: Int32
    let settings: ServeSettings
    let log: AccessLogFile?

    private enum Ending { case asked, alone }

    /// Serves where the keeper says, until a signal comes or the keeper is gone.
    func run(_ service: WebSocketService, _ options: ServerOptions, _ watch: FullWatch) async throws {
        // A keeper that is gone before its first word wants nothing any more.
        guard let channel = try? await WorkerChannel.open(descriptor), let word = try? await channel.recv() else {
            return
        }
        guard case .serve(let addresses, let ticketKey) = try WorkerMessage.decode(word, as: WorkerOrder.self)
        else { throw CommandFailure("a worker's first order is where to serve") }
        var options = options
        options.reusesPort = true
        let server = try await WebSocketServer.listen(
            on: endpoints(addresses, ticketKey), serving: service, options: options)
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

/// Whether a server is several processes, and whether this is one of them.
struct WorkerArguments: ParsableArguments {
    @Option(
        name: .customLong("workers"),
        help: ArgumentHelp(
            """
            Serve with so many processes on one port: more connections than one process may have descriptors. One \
            that ends is started again. (default: one process, this one)
            """, valueName: "count"))
    var count: Int?

    /// What a worker is started with: the descriptor by which it hears from the process that keeps it.
    @Option(name: .customLong("worker-channel"), help: .hidden)
    var channel: Int32?

    func validate() throws { try OptionRange.check("--workers", count, 1...1024) }

    func apply(to settings: inout ServeSettings) {
        if let count { settings.workers = count }
        settings.workerChannel = channel
    }
}

/// What a worker is told.
enum WorkerOrder: Codable, Sendable {
    /// Listen there. The first order, and given once.
    ///
    /// - Parameters:
    ///   - addresses: of each place in the settings.
    ///   - ticketKey: what TLS session tickets are made with, so that a client can take up at one worker the session
    ///     that it had with another.
    case serve(addresses: [[Address]], ticketKey: TLSTicketSecret)
    /// Say your numbers.
    case numbers
    /// Read certificates again, and open the access log again.
    case reload(ticketKey: TLSTicketSecret)

    /// An address in numbers.
    struct Address: Codable, Sendable, Equatable {
        let host: String
        let port: Int
    }
}

/// What a worker tells. Orders are answered in their order.
enum WorkerReport: Codable, Sendable {
    /// It listens.
    case serving(Serving)
    /// Its numbers, in Prometheus's format.
    case numbers(String)
    /// It has reloaded, or could not.
    case reloaded(flaw: String?)

    struct Serving: Codable, Sendable {
        /// Its number in the system.
        let process: Int32
        /// Where it listens, as one connects to it.
        let names: [String]
        let maxConnections: Int
    }
}

/// Orders and reports are messages of JSON.
enum WorkerMessage {
    static func encode(_ value: some Encodable) throws -> WebSocket.Message {
        .text(String(decoding: try JSONEncoder().encode(value), as: UTF8.self))
    }

    static func decode<Value: Decodable>(_ message: WebSocket.Message, as type: Value.Type) throws -> Value {
        guard case .text(let text) = message else { throw CommandFailure("a worker's channel carries text only") }
        return try JSONDecoder().decode(type, from: Data(text.utf8))
    }
}

/// How a worker and the process that keeps it talk: a WebSocket over a pair of sockets, which ends for the one when the
/// other has ended, in whatever way.
struct WorkerChannel: Sendable {
    /// The keeper's end and the worker's.
    let ends: (keeper: Int32, worker: Int32)

    /// How long a worker may take from its start until it listens.
    static let patience = Duration.seconds(60)

    init() throws(SystemError) {
        var pair: [Int32] = [-1, -1]
        let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        guard unsafe socketpair(AF_UNIX, type, 0, &pair) == 0 else {
            throw SystemError(call: "socketpair", errno: errno)
        }
        ends = (pair[0], pair[1])
    }

    /// Talks to the worker until one of them has ended. The keeper's part.
    ///
    /// A worker whose schedulers stand still answers no pings, and this throws.
    static func keep(_ descriptor: Int32, on schedulers: SchedulerGroup, for keeper: Address<WorkerKeeper.Input>)
        async throws
    {
        var options = ServerOptions()
        options.schedulers = schedulers
        options.handshakeTimeout = patience
        options.idleTimeout = nil
        options.limits.messageSize = 64 << 20
        try await WebSocketServer.upgrade(over: descriptor, received: [], options: options) { ws in
            keeper.send(.connected(ws))
            for try await message in ws {
                keeper.send(.report(try WorkerMessage.decode(message, as: WorkerReport.self)))
            }
        }
    }

    /// Opens the channel. The worker's part.
    static func open(_ descriptor: Int32) async throws -> WebSocket {
        var options = ConnectOptions()
        options.connectTimeout = patience
        // That the other end is there the kernel tells; whether it is well is not for the worker to judge.
        options.pingInterval = nil
        return try await WebSocket.connect(over: descriptor, to: "ws://keeper/", options: options)
    }
}
