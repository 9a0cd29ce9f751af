internal import Actors
internal import HansomTransport
internal import WSConnection
internal import HansomHTTP
internal import WSProtocol

/// What a server does with requests.
enum Service: Sendable {
    /// One handler for WebSockets on any path, and nothing else.
    case everyPath(WebSocketService)
    case routes(RouteTree<Resource>)

    init(_ handling: ServerSettings.Handling, _ options: ServerOptions) throws(WebSocketError) {
        self = .everyPath(try WebSocketService(handling, options))
    }

    init(_ routes: Routes, _ options: ServerOptions) throws(WebSocketError) {
        self = .routes(try routes.tree(options))
    }
}

/// A conversation on a stream that somebody else has accepted: it belongs to no server's tree, but to the task that waits
/// for it.
actor Guest {
    /// The stream, and who is at its other end.
    struct Visit: Sendable {
        nonisolated(unsafe) let stream: any ByteStream
        let peer: SocketAddress?
        let local: SocketAddress?
        /// What was read from it so far.
        let received: [UInt8]
        // Safety (stream): it is handed over before it is used; from then on only the scheduler's thread touches it.
    }

    private let scheduler: Scheduler
    private let visit: Visit
    private let settings: ServerSettings
    private var conversation: Conversation?
    private var isCancelled = false

    private init(_ visit: Visit, _ settings: ServerSettings, on scheduler: Scheduler) {
        self.scheduler = scheduler
        self.visit = visit
        self.settings = settings
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    /// Serves it to its end, or that of the WebSocket that it becomes. Cancelling the task ends it, a WebSocket with 1001.
    ///
    /// - Returns: whether it became a WebSocket.
    static func serve(_ visit: Visit, _ settings: ServerSettings, on scheduler: Scheduler) async -> Bool {
        guard let connection = await Guest(visit, settings, on: scheduler).run() else { return false }
        await withTaskCancellationHandler {
            _ = await connection.pid.downInAnyCase()
        } onCancel: {
            connection.pid.exit(.shutdown)
        }
        return true
    }

    private func run() async -> WebSocket? {
        await withTaskCancellationHandler {
            await converse()
        } onCancel: {
            scheduler.run { self.onOwnThread { $0.cancel() } }
        }
    }

    private func cancel() {
        isCancelled = true
        conversation?.abort()
    }

    /// A function of its own, so that it runs here and not where the handler above would run a closure.
    private func converse() async -> WebSocket? {
        let books = Bookkeeper(on: scheduler, settings.load.reports)
        let conversation = unsafe Conversation(
            visit.stream, peer: visit.peer, local: visit.local, received: visit.received, on: scheduler, settings,
            books)
        self.conversation = conversation
        defer { self.conversation = nil }
        if isCancelled { conversation.abort() }
        let connection = await conversation.run()
        connection?.core.addObserver { _ in connection.map { books.ended($0) } }
        return connection
    }
}

/// WebSockets as one route serves them: who is let in, and what is run for them.
struct WebSocketService: Sendable {
    let handling: ServerSettings.Handling
    let authorize: Authorization.Hook?
    let connection: ConnectionOptions
    private let rules: ServerHandshake.Rules

    /// - Throws: `.invalidConfiguration` for options that nobody could be served with.
    init(_ handling: ServerSettings.Handling, _ options: ServerOptions) throws(WebSocketError) {
        try options.check()
        if options.receivesInPieces, case .perMessage = handling {
            throw WebSocketError(
                .invalidConfiguration,
                "receivesInPieces with a handler of whole messages (onMessage); give one that takes recvStream")
        }
        self.handling = handling
        authorize = options.authorize
        connection = ConnectionOptions(
            limits: options.limits, recvTimeout: options.recvTimeout, closeTimeout: options.closeTimeout,
            timing: options.timing, receivesInPieces: options.receivesInPieces)
        rules = ServerHandshake.Rules(
            origin: options.origins, subprotocols: options.subprotocols, compression: options.compression)
    }

    /// Judges a request by the rules of the protocol and of this route.
    ///
    /// - Parameter origin: what the client sees, where a trusted proxy says so.
    func evaluate(_ head: RequestHead, isTLS: Bool, _ origin: WebOrigin?) -> ServerHandshake.Verdict {
        var rules = rules
        rules.externalOrigin = origin
        rules.isTLS = isTLS
        return ServerHandshake.evaluate(head, rules: rules)
    }
}
