internal import Actors
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
    /// While `listen` has not returned, both cancel it. One that goes on nevertheless is waited for as long as a drain
    /// may take, and not at all after cancelling; a server that comes of it later is closed at once.
    ///
    /// - Throws: what `listen` throws; the `ExitReason` of the server when it ended by itself.
    public func run() async throws {
        let run = ServerRun(drain)
        run.start(listen)
        await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await run.wait()
            } onCancel: {
                run.cancel()
            }
        } onGracefulShutdown: {
            run.shutDown()
        }
        try await run.check()
    }
}

/// One run of a server as a service. It may be asked to end while it starts, and while it serves.
final class ServerRun: @unchecked Sendable {
    /// What has become of the start.
    private enum Start {
        case serving(WebSocketServer)
        case failed(any Error)
        /// It goes on, and nobody waits for it any more.
        case left
    }

    /// How it is to end.
    private enum Wish { case none, drained, closed }

    private let drain: Duration
    private let start = Promise<Start>()
    // Safety: touched with `lock` held; `starting` is set before anybody else knows of this run.
    private let lock = Lock()
    private var wish = Wish.none
    private var starting: Task<Void, Never>?

    init(_ drain: Duration) { self.drain = drain }

    /// Begins to start the server.
    func start(_ listen: @escaping @Sendable () async throws -> WebSocketServer) {
        starting = Task {
            do {
                await began(try await listen())
            } catch {
                start.keep(.failed(error))
            }
        }
    }

    /// Waits until the server has ended, could not be started, or is not waited for any more.
    func wait() async {
        if case .serving(let server) = await start.valueInAnyCase() { await server.ended() }
    }

    /// - Throws: why it has ended, unless it was asked to.
    func check() async throws {
        guard lock.withLock({ wish }) == .none else { return }
        switch start.current {
        case .failed(let error): throw error
        case .serving(let server): throw await server.pid.downInAnyCase()
        case .left, nil: break
        }
    }

    /// It is to end in good order.
    func shutDown() {
        lock.withLock { if wish == .none { wish = .drained } }
        if let server {
            Task { await server.shutdown(within: drain) }
        } else {
            starting?.cancel()
            wait(for: drain)
        }
    }

    /// It is to end at once.
    func cancel() {
        lock.withLock { wish = .closed }
        if let server {
            Task { await server.forceClose() }
        } else {
            starting?.cancel()
            start.keep(.left)
        }
    }

    // MARK: The start

    var server: WebSocketServer? { if case .serving(let server) = start.current { server } else { nil } }

    /// The server listens. It may have been asked to end meanwhile.
    private func began(_ server: WebSocketServer) async {
        guard start.keep(.serving(server)) else { return await server.forceClose() }
        switch lock.withLock({ wish }) {
        case .none: break
        case .drained: await server.shutdown(within: drain)
        case .closed: await server.forceClose()
        }
    }

    /// The start may go on so long.
    private func wait(for limit: Duration) {
        let patience = Task { [start] in
            do { try await Task.sleep(for: limit) } catch { return }
            start.keep(.left)
        }
        // It is over sooner, most likely.
        Task { [start] in
            _ = await start.valueInAnyCase()
            patience.cancel()
        }
    }
}
