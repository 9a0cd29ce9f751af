internal import Actors
internal import HansomTransport
internal import WSConnection

/// A connection that another HTTP server has accepted and handed over: it belongs to no server's tree, but to the task
/// that waits for it.
actor HandedOverConnection {
    /// The stream, and who is at its other end.
    struct Origin: Sendable {
        nonisolated(unsafe) let stream: any ByteStream
        let peer: SocketAddress?
        let local: SocketAddress?
        /// What was read from it so far.
        let received: [UInt8]
        // Safety (stream): it is handed over before it is used; from then on only the scheduler's thread touches it.
    }

    private let scheduler: Scheduler
    private let origin: Origin
    private let settings: ServerSettings
    private var http: HTTPConnection?
    private var isCancelled = false

    private init(_ origin: Origin, _ settings: ServerSettings, on scheduler: Scheduler) {
        self.scheduler = scheduler
        self.origin = origin
        self.settings = settings
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    /// Carries it to its end, or that of the WebSocket that it becomes. Cancelling the task ends it, a WebSocket with
    /// 1001.
    ///
    /// - Returns: whether it became a WebSocket.
    static func run(_ origin: Origin, _ settings: ServerSettings, on scheduler: Scheduler) async -> Bool {
        guard let connection = await HandedOverConnection(origin, settings, on: scheduler).run() else { return false }
        await withTaskCancellationHandler {
            _ = await connection.pid.downInAnyCase()
        } onCancel: {
            connection.pid.exit(.shutdown)
        }
        return true
    }

    private func run() async -> WebSocket? {
        await withTaskCancellationHandler {
            await carryThrough()
        } onCancel: {
            scheduler.run { self.onOwnThread { $0.cancel() } }
        }
    }

    private func cancel() {
        isCancelled = true
        http?.abort()
    }

    /// A function of its own, so that it runs here and not where the handler above would run a closure.
    private func carryThrough() async -> WebSocket? {
        let books = Bookkeeper(on: scheduler, settings.load.reports)
        let http = unsafe HTTPConnection(
            origin.stream, peer: origin.peer, local: origin.local, received: origin.received, on: scheduler, settings,
            books)
        self.http = http
        defer { self.http = nil }
        if isCancelled { http.abort() }
        let connection = await http.run()
        connection?.core.addObserver { _ in connection.map { books.ended($0) } }
        return connection
    }
}
