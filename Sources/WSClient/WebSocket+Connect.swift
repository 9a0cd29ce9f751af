internal import Actors
internal import HansomTransport
public import WSConnection
internal import WSProtocol

extension WebSocket {
    /// Connects to a server.
    ///
    /// Called inside a process, the connection belongs to that process and ends with it; otherwise to whoever holds
    /// it, and it ends when nobody does. Cancelling the task ends the attempt, never an established connection.
    ///
    /// - Parameters:
    ///   - url: `ws`, `wss`, `http`, `https`, or `ws+unix:///path/of.sock:/target`. A user and password become an
    ///     `Authorization` field unless `headers` has one.
    ///   - options: deadlines, headers, subprotocols, TLS and limits.
    /// - Throws: `.invalidConfiguration` before a byte is sent; `.resolution`, `.refused`, `.unreachable`, `.tls`,
    ///   `.badHandshake`, `.http` with the server's answer; `.timeout` with the phase; `.cancelled`; `.ownerEnded`.
    public static func connect(
        to url: String, options: ConnectOptions = .init()
    ) async throws(WebSocketError) -> WebSocket {
        let target = try parse(url)
        return try await attempt(options) { (scheduler) throws(WebSocketError) in
            try Dialer(Hop(target, headers: options.headers, tls: options.tls, hostHeader: options.hostHeader), options, on: scheduler)
        }
    }

    /// Carries an attempt through, for the process that it belongs to.
    static func attempt(
        _ options: ConnectOptions, _ make: (Scheduler) throws(WebSocketError) -> Dialer
    ) async throws(WebSocketError) -> WebSocket {
        let owner = options.owner?.core ?? ProcessCore.current
        if let owner, !owner.isAlive { throw .ownerEnded }
        if Task.isCancelled { throw .connectCancelled }
        try options.timing.check()
        if let objection = options.headLimits.objection { throw WebSocketError(.invalidConfiguration, objection) }
        let scheduler = options.scheduler ?? Scheduler.current ?? SchedulerGroup.shared.next()
        let dialer = try make(scheduler)
        let task = Task(executorPreference: scheduler) { () async -> Result<WebSocket, WebSocketError> in
            do throws(WebSocketError) { return .success(try await dialer.dial()) } catch { return .failure(error) }
        }
        // An attempt belongs to the process too, whatever task of it makes the attempt.
        let bond = owner.map { owner in EndBond(owner) { scheduler.run { dialer.abort(.ownerEnded) } } }
        let result = await withTaskCancellationHandler {
            await task.value
        } onCancel: {
            scheduler.run { dialer.abort(.connectCancelled) }
        }
        bond?.end()
        let connection = try result.get()
        if let owner { await connection.setOwner(owner) }
        return connection
    }

    /// Connects, runs `body` with the connection, and closes it.
    ///
    /// - Parameters:
    ///   - url, options: as for `connect(to:options:)`.
    ///   - body: runs in the caller's isolation.
    /// - Returns: what `body` returns; the connection is then closed with 1000.
    /// - Throws: what connecting or `body` throws; in the second case the connection is closed with 1001.
    public static func withConnection<R>(
        to url: String, options: ConnectOptions = .init(),
        _ body: nonisolated(nonsending) (WebSocket) async throws -> R
    ) async throws -> R {
        let connection = try await connect(to: url, options: options)
        let result: R
        do {
            result = try await body(connection)
        } catch {
            try? await connection.close(code: .goingAway)
            throw error
        }
        try? await connection.close(code: Task.isCancelled ? .goingAway : .normal)
        return result
    }

    static func parse(_ url: String) throws(WebSocketError) -> WebSocketURL {
        let target: WebSocketURL
        do {
            target = try WebSocketURL(url)
        } catch {
            throw WebSocketError(.invalidConfiguration, "\(error)")
        }
        // Cut short, it would be another server's.
        if let path = target.unixPath, path.utf8.count > SocketAddress.longestUnixPath {
            throw WebSocketError(
                .invalidConfiguration,
                "Unix socket path of \(path.utf8.count) bytes; at most \(SocketAddress.longestUnixPath) are allowed")
        }
        return target
    }
}

extension WebSocketError {
    static let ownerEnded = WebSocketError(.ownerEnded, "the process that connects has ended")
    static let connectCancelled = WebSocketError(.cancelled, "the task that connected was cancelled")
}
