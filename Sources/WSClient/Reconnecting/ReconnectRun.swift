internal import Actors
internal import Glibc
internal import WSConnection

/// What the process of a reconnecting client does, from its first attempt to its last. What to do when is
/// `ReconnectMachine`'s decision.
struct ReconnectRun: Sendable {
    typealias Me = Process<ReconnectSignal>

    /// What is done with each connection.
    enum Duty: Sendable {
        case body(WebSocket.Handler)
        case frames(WebSocket.ActiveMode)
        case listener(ReconnectListener, WebSocket.ActiveMode)
    }

    let url: String
    let options: ReconnectOptions
    let feed: ReconnectFeed
    private let duty: Duty
    private var machine: ReconnectMachine

    init(_ url: String, _ options: ReconnectOptions, _ duty: Duty) {
        self.url = url
        self.options = options
        self.duty = duty
        machine = ReconnectMachine(options, at: 0)
        switch duty {
        case .body: feed = ReconnectFeed()
        case .frames(let mode): feed = ReconnectFeed(active: mode)
        case .listener(let listener, _): feed = ReconnectFeed(listener: listener)
        }
    }

    /// Returns never: it throws the reason of the end.
    mutating func run(_ me: isolated Me) async throws {
        do {
            try options.check()
        } catch {
            throw givesUp(error, me)
        }
        let bond = followListener(me)
        defer { bond?.end() }
        machine = ReconnectMachine(options, at: me.core.scheduler.time.nanoseconds)
        while true {
            let (reason, connection) = try await attempt(me)
            try await pause(after: reason, me)
            // It had this long to close in good order; two at a time would be two sets of timers.
            await connection?.drop()
        }
    }

    /// Who tells a process ends with it.
    private func followListener(_ me: isolated Me) -> EndBond? {
        guard case .listener(let listener, _) = duty else { return nil }
        let pid = me.pid
        return EndBond(listener.pid.core) { _ in pid.exit(.shutdown("its subscriber has ended")) }
    }

    // MARK: An attempt

    /// Connects, and does what is to be done with the connection.
    ///
    /// - Returns: why there is no connection, or none any more, and the one there was.
    private mutating func attempt(_ me: isolated Me) async throws -> (WebSocketError, WebSocket?) {
        feed.state = .connecting(attempt: machine.attempt)
        let connection: WebSocket
        do throws(WebSocketError) {
            connection = try await WebSocket.connect(to: url, options: connectOptions(me))
        } catch {
            return (error, nil)
        }
        machine.connected(at: me.core.scheduler.time.nanoseconds)
        feed.tell(.up(connection))
        let reason = try await serve(connection, me)
        await connection.beginClose(.goingAway)
        return (reason, connection)
    }

    private func connectOptions(_ me: isolated Me) -> ConnectOptions {
        var connect = options.connect
        connect.owner = me.pid
        connect.scheduler = me.core.scheduler
        if let left = machine.timeLeft(at: me.core.scheduler.time.nanoseconds) {
            connect.connectTimeout = min(connect.connectTimeout ?? left, left)
        }
        return connect
    }

    /// - Returns: why the connection is over.
    private func serve(_ connection: WebSocket, _ me: isolated Me) async throws -> WebSocketError {
        switch duty {
        case .body(let body):
            return try await run(body, connection)
        case .frames:
            try await untilRead(connection, me)
        case .listener(let listener, let mode):
            let (process, pid) = (me.address, connection.pid)
            try await connection.subscribe(ReconnectSink(listener) { process.send(.drained(pid)) }, active: mode)
            try await untilRead(connection, me)
        }
        return connection.outcomeError ?? .closedHere
    }

    private func run(_ body: WebSocket.Handler, _ connection: WebSocket) async throws -> WebSocketError {
        do {
            try await body(connection)
        } catch let error as WebSocketError {
            return error
        }
        if connection.isClosed { return await connection.knownEnd ?? .closedHere }
        try? await connection.close(code: Task.isCancelled ? .goingAway : .normal)
        throw ExitReason.normal
    }

    /// Waits until the subscriber has been told of the connection's end or, if nobody reads, until it is gone.
    private func untilRead(_ connection: WebSocket, _ me: isolated Me) async throws {
        let pid = connection.pid
        let monitor = me.monitor(pid) { .ended($0.pid) }
        defer { me.demonitor(monitor) }
        var (isDrained, hasEnded) = (false, false)
        while let signal = await me.receive() {
            switch signal {
            case .drained(pid): isDrained = true
            case .ended(pid): hasEnded = true
            case .drained, .ended, .timeIsUp, .readerLeft: break
            }
            // One whose end was told may take a while to go; one that somebody else reads has not ended yet.
            if isDrained, connection.outcomeError != nil { return }
            if hasEnded, isDrained || feed.dropUnread() { return }
        }
        throw CancellationError()
    }

    // MARK: Between two attempts

    /// Waits until it is time for the next attempt.
    ///
    /// - Throws: `reason`, if there is to be none.
    private mutating func pause(after reason: WebSocketError, _ me: isolated Me) async throws {
        let decision = machine.ended(
            prospect(reason), at: me.core.scheduler.time.nanoseconds, jitter: options.randomness())
        guard case .retry(let delay) = decision else { throw givesUp(reason, me) }
        let number = ProcessCore.nextID()
        me.sendAfter(delay, .timeIsUp(attempt: number))
        feed.tell(.down(reason, retryIn: delay))
        while let signal = await me.receive() {
            if signal == .timeIsUp(attempt: number) { return }
        }
        throw CancellationError()
    }

    /// It ends by an error, but did not crash: its last event and its exit reason say why.
    private func givesUp(_ reason: WebSocketError, _ me: isolated Me) -> WebSocketError {
        me.core.beginToldEnd(.error(reason))
        return reason
    }

    private func prospect(_ reason: WebSocketError) -> ReconnectMachine.Prospect {
        // Nobody's opinion is asked when it is this client that is to end.
        if Task.isCancelled || reason.code == .ownerEnded { return .hopeless }
        return options.retries(reason) ? .hopeful(notBefore: reason.retryAfter(now: Int64(time(nil)))) : .hopeless
    }
}

extension WebSocketError {
    /// What a body did that closed its connection and returned.
    fileprivate static let closedHere = WebSocketError(.closed, "this side closed the connection")
}

/// The process that a reconnecting client tells its events, of whatever kind its messages are.
struct ReconnectListener: Sendable {
    let pid: PID
    let tell: @Sendable (ReconnectingWebSocket.Event) -> Void

    init<Message>(
        _ process: Process<Message>, _ adapter: @escaping @Sendable (ReconnectingWebSocket.Event) -> Message
    ) {
        pid = process.pid
        tell = { process.send(adapter($0)) }
    }
}

/// What the process of a reconnecting client is sent. Each carries the number of what it is about, so that one that
/// comes late means nothing.
enum ReconnectSignal: Sendable, Hashable {
    /// The wait before an attempt is over.
    case timeIsUp(attempt: UInt64)
    /// Everything that a connection had to tell has been taken, its end included.
    case drained(PID)
    /// A connection is gone.
    case ended(PID)
    /// Nobody reads the events any more.
    case readerLeft
}
