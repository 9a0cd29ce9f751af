internal import Actors
internal import HansomHTTP
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
            try Dialer(
                Hop(target, headers: options.headers, tls: options.tls, hostHeader: options.hostHeader), options,
                on: scheduler)
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
        let bond = owner.map { owner in EndBond(owner) { _ in scheduler.run { dialer.abort(.ownerEnded) } } }
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

extension WebSocket {
    /// Opens a WebSocket over a stream socket that is connected already: a descriptor that was inherited, or made in
    /// some way of one's own.
    ///
    /// Nothing is resolved or dialled: proxy, socket options and redirects do not apply, and an answer that is a
    /// redirect is thrown as `.http`. For `wss` and `https` TLS is spoken over the socket.
    ///
    /// - Parameters:
    ///   - descriptor: a connected stream socket. It becomes the connection's when this returns, and stays the
    ///     caller's, open, when this throws; what was sent and received by then is lost. It is made non-blocking.
    ///   - url: whom it leads to and what to ask for; its host is what `Host` says and TLS verifies.
    ///   - options: as for `connect(to:options:)`.
    /// - Throws: as `connect(to:options:)`.
    public static func connect(
        over descriptor: Int32, to url: String, options: ConnectOptions = .init()
    ) async throws(WebSocketError) -> WebSocket {
        let target = try parse(url)
        return try await attempt(options) { (scheduler) throws(WebSocketError) in
            let hop = Hop(target, headers: options.headers, tls: options.tls, hostHeader: options.hostHeader)
            return try Dialer(hop, options, over: try borrow(descriptor, on: scheduler), on: scheduler)
        }
    }

    /// Opens a WebSocket over a pipe in memory, whose other end you carry on to the server.
    ///
    /// Nothing is resolved or dialled, as over a descriptor. The connection lives where the pipe does: the option
    /// `scheduler` does not apply.
    ///
    /// - Parameters:
    ///   - pipe: it becomes the connection's when this returns, and may be used again when this throws; what went
    ///     through it by then is gone.
    ///   - url, options: as over a descriptor.
    /// - Throws: as `connect(to:options:)`; `.invalidConfiguration` when the pipe carries a connection already.
    public static func connect(
        over pipe: BytePipe, to url: String, options: ConnectOptions = .init()
    ) async throws(WebSocketError) -> WebSocket {
        let target = try parse(url)
        guard pipe.take() else {
            throw WebSocketError(.invalidConfiguration, "the pipe carries a connection already")
        }
        var options = options
        options.scheduler = pipe.home
        do {
            return try await attempt(options) { (scheduler) throws(WebSocketError) in
                let near = pipe.near
                scheduler.run { near.lend() }
                return try Dialer(
                    Hop(target, headers: options.headers, tls: options.tls, hostHeader: options.hostHeader), options,
                    over: near, on: scheduler)
            }
        } catch {
            pipe.giveBack()
            throw error
        }
    }

    private static func borrow(
        _ descriptor: Int32, on scheduler: Scheduler
    ) throws(WebSocketError) -> SocketStream {
        do {
            return try SocketStream(borrowing: descriptor, scheduler: scheduler)
        } catch {
            throw WebSocketError(
                .invalidConfiguration, "descriptor \(descriptor) is no connected stream socket: \(error)")
        }
    }
}
