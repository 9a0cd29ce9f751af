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
        let owner = options.owner?.core ?? ProcessCore.current
        if let owner, !owner.isAlive { throw .ownerEnded }
        if Task.isCancelled { throw .connectCancelled }
        let target = try parse(url)
        try options.timing.check()
        let handshake = try ClientHandshake(target, options)
        let scheduler = options.scheduler ?? Scheduler.current ?? SchedulerGroup.shared.next()
        let dialer = Dialer(target, handshake, options, on: scheduler)
        let task = Task(executorPreference: scheduler) { () async -> Result<WebSocket, WebSocketError> in
            do throws(WebSocketError) { return .success(try await dialer.dial()) } catch { return .failure(error) }
        }
        // An attempt belongs to the process too, whatever task of it makes the attempt.
        let bond = owner.map { DialBond($0, dialer, scheduler) }
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

    private static func parse(_ url: String) throws(WebSocketError) -> WebSocketURL {
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
    fileprivate static let ownerEnded = WebSocketError(.ownerEnded, "the process that connects has ended")
    fileprivate static let connectCancelled = WebSocketError(.cancelled, "the task that connected was cancelled")
}

/// What ends an attempt to connect when the process that it is made for ends.
private final class DialBond: @unchecked Sendable {
    // Safety: both vars are touched on the owner's scheduler only.
    private let owner: ProcessCore
    private var observer: UInt64?
    private var isOver = false

    init(_ owner: ProcessCore, _ dialer: Dialer, _ scheduler: Scheduler) {
        self.owner = owner
        owner.scheduler.run { [self] in
            guard !isOver else { return }
            observer = owner.addObserver { _ in scheduler.run { dialer.abort(.ownerEnded) } }
        }
    }

    func end() {
        owner.scheduler.run { [self] in
            isOver = true
            if let observer { owner.removeObserver(observer) }
        }
    }
}

extension ClientHandshake {
    /// The request that `options` ask for, checked before anything is sent.
    fileprivate init(_ url: WebSocketURL, _ options: ConnectOptions) throws(WebSocketError) {
        var headers = options.headers
        if let userinfo = url.userinfo, headers[.authorization] == nil {
            headers[.authorization] = userinfo.basicAuthorization
        }
        do {
            self = try ClientHandshake(
                target: url.target, host: url.hostHeader, fields: headers, protocols: options.protocols,
                key: Random.bytes(16))
        } catch {
            throw WebSocketError(.invalidConfiguration, "\(error)")
        }
    }
}
