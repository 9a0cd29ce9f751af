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

/// One run of a server as a service. It may be asked to end while it starts, and while it serves.
final class ServerRun: @unchecked Sendable {
    private enum State {
        case starting
        case serving(WebSocketServer)
        case failed(any Error)
        /// It has not started yet, and nobody waits for that any more.
        case left
    }

    /// How it is to end.
    private enum Wish { case none, drained, closed }

    private let drain: Duration
    // Safety: touched with `lock` held; `starting` is set before anybody else knows of this run.
    private let lock = Lock()
    private var state = State.starting
    private var wish = Wish.none
    private var waiting: CheckedContinuation<Void, Never>?
    /// Ends the wait for a start that goes on though it was cancelled.
    private var patience: Task<Void, Never>?
    private var starting: Task<Void, Never>?

    init(_ drain: Duration) { self.drain = drain }

    /// Begins to start the server.
    func start(_ listen: @escaping @Sendable () async throws -> WebSocketServer) {
        starting = Task {
            do {
                await began(try await listen())
            } catch {
                _ = settle(.failed(error))
            }
        }
    }

    /// Waits until the server has ended, could not be started, or is not waited for any more.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isSettled = lock.withLock {
                guard case .starting = state else { return true }
                waiting = continuation
                return false
            }
            if isSettled { continuation.resume() }
        }
        if let server { await server.ended() }
    }

    /// - Throws: why it has ended, unless it was asked to.
    func check() async throws {
        let (outcome, asked) = lock.withLock { (state, wish) }
        switch outcome {
        case _ where asked != .none: break
        case .failed(let error): throw error
        case .serving(let server): throw await server.pid.down()
        case .starting, .left: break
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
            _ = settle(.left)
        }
    }

    // MARK: The start

    private var server: WebSocketServer? {
        lock.withLock { if case .serving(let server) = state { server } else { nil } }
    }

    /// The server listens. It may have been asked to end meanwhile.
    private func began(_ server: WebSocketServer) async {
        guard settle(.serving(server)) else { return await server.forceClose() }
        switch lock.withLock({ wish }) {
        case .none: break
        case .drained: await server.shutdown(within: drain)
        case .closed: await server.forceClose()
        }
    }

    /// The start may go on so long.
    private func wait(for limit: Duration) {
        let task = Task {
            do { try await Task.sleep(for: limit) } catch { return }
            _ = settle(.left)
        }
        let isSettled = lock.withLock {
            guard case .starting = state else { return true }
            patience = task
            return false
        }
        if isSettled { task.cancel() }
    }

    /// The start is over, one way or the other. Whether it was not before.
    private func settle(_ new: State) -> Bool {
        let (isFirst, waiting, patience) = lock.withLock { () -> (Bool, CheckedContinuation<Void, Never>?, Task<Void, Never>?) in
            guard case .starting = state else { return (false, nil, nil) }
            state = new
            defer { (self.waiting, self.patience) = (nil, nil) }
            return (true, self.waiting, self.patience)
        }
        patience?.cancel()
        waiting?.resume()
        return isFirst
    }
}
