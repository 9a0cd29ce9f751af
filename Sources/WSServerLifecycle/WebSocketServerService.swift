public import ServiceLifecycle
public import WSServer

/// A WebSocket server as a service of swift-service-lifecycle: SIGTERM, as the group is told, ends it in good order.
///
///     let server = WebSocketServerService(drain: .seconds(25)) {
///         try await WebSocketServer.listen(port: 8080) { ws in ... }
///     }
///     let group = ServiceGroup(services: [server], gracefulShutdownSignals: [.sigterm], logger: logger)
///     try await group.run()
public struct WebSocketServerService: Service {
    private let drain: Duration
    private let listen: @Sendable () async throws -> WebSocketServer

    /// - Parameters:
    ///   - deadline: how long a graceful shutdown lets handlers and peers take; default 30 s. Keep it shorter than what
    ///     kills the process: systemd's `TimeoutStopSec`, Kubernetes' `terminationGracePeriodSeconds`.
    ///   - listen: starts the server.
    public init(
        drain deadline: Duration = .seconds(30), listen: @escaping @Sendable () async throws -> WebSocketServer
    ) {
        drain = deadline
        self.listen = listen
    }

    /// Starts the server, and returns when it has ended because that was asked for: a graceful shutdown drains it
    /// (`WebSocketServer.shutdown(within:)`), cancelling ends it at once.
    ///
    /// While `listen` has not returned, both cancel it. One that goes on nevertheless is waited for as long as a drain may take,
    /// and not at all after cancelling; a server that comes of it later is closed at once.
    ///
    /// - Throws: what `listen` throws; the `ExitReason` of the server when it ended by itself.
    public func run() async throws {
        let run = ServerRun(drain)
        run.start(listen)
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler { await run.wait() } onCancel: { run.cancel() }
        } onGracefulShutdown: {
            run.shutDown()
        }
        try await run.check()
    }
}
