public import Actors
public import WSConnection

/// A client that reconnects: a process that connects, does something with each connection, and connects again when that
/// is over.
///
///     let feed = ReconnectingWebSocket.start(to: url) { ws in
///         for try await message in ws { ... }        // once for each connection
///     }
///
/// It is a process like any other: it can be linked, monitored and listed, and be a child of a supervisor. It owns its
/// connections, which close with 1001 when it ends. It ends with the last error when it gives up, and goes on when
/// nobody holds it: `stop()` ends it.
public struct ReconnectingWebSocket: Supervisable, Hashable {
    let process: Process<ReconnectSignal>
    let feed: ReconnectFeed

    public static func == (a: ReconnectingWebSocket, b: ReconnectingWebSocket) -> Bool { a.process === b.process }

    public func hash(into hasher: inout Hasher) { hasher.combine(pid) }

    /// The identity of the client's own process, by which it is linked, monitored and found. Each of its connections
    /// has another.
    public var pid: PID { process.pid }

    /// Starts a client that hands each connection to a closure. Never fails: what is wrong with the URL or the options
    /// ends the client.
    ///
    /// When the body returns and its connection has ended, the client connects again. When it returns and the
    /// connection is still open, the work is done: the connection is closed with 1000, and the client ends with
    /// `.normal`. A `WebSocketError` that it throws stands for a lost connection, which is closed with 1001 if it is
    /// still open; any other error ends the client, and is the reason of its end.
    ///
    /// - Parameters:
    ///   - url: as for `WebSocket.connect(to:options:)`.
    ///   - options: how it connects, and how often it tries.
    ///   - parent: a process to link it to, usually `me.pid`; default: none.
    ///   - label: what introspection and reports call it; default `"reconnecting client"`.
    ///   - body: runs as the connection. It is cancelled when the client is to end.
    @discardableResult
    public static func start(
        to url: String, options: ReconnectOptions = .init(), linkedTo parent: PID? = nil,
        label: String = "reconnecting client", _ body: @escaping WebSocket.Handler
    ) -> ReconnectingWebSocket {
        start(ReconnectRun(url, options, .body(body)), parent, label)
    }

    /// Starts a client whose connections' frames are events: read `events`, which is one sequence over all connections.
    ///
    /// Nothing is lost to a slow reader: the next connection is not made before the last frame of this one was read.
    /// While nobody reads, frames wait with the connection, and those of one that has ended meanwhile are gone; once a
    /// connection can hold no more, its end is not noticed. Who wants no frames gives a body.
    ///
    /// - Parameters:
    ///   - url, options, parent, label: as with a body.
    ///   - active: how many frames of each connection become events; default `.on`. For more after `.once`, ask the
    ///     connection: `try await ws.setActive(.once)`.
    public static func start(
        to url: String, options: ReconnectOptions = .init(), active: WebSocket.ActiveMode = .on,
        linkedTo parent: PID? = nil, label: String = "reconnecting client"
    ) -> ReconnectingWebSocket {
        start(ReconnectRun(url, options, .frames(active)), parent, label)
    }

    /// Starts a client whose events are messages of a process. It ends with that process.
    ///
    /// - Parameters:
    ///   - url, options, active, parent, label: as without a process.
    ///   - process: whose mailbox the events enter, in their order.
    ///   - adapter: makes a message of the process's kind out of an event.
    @discardableResult
    public static func start<Message>(
        to url: String, options: ReconnectOptions = .init(), telling process: Process<Message>,
        active: WebSocket.ActiveMode = .on, linkedTo parent: PID? = nil, label: String = "reconnecting client",
        _ adapter: @escaping @Sendable (Event) -> Message
    ) -> ReconnectingWebSocket {
        let listener = ReconnectListener(process, adapter)
        return start(ReconnectRun(url, options, .listener(listener, active)), parent, label)
    }

    /// Asks it to end and waits until it has. What it does is cancelled at once, an attempt or a wait too; a connection
    /// closes with 1001.
    ///
    /// - Returns: why it has ended: `.shutdown`, unless something else was first.
    @discardableResult
    public func stop() async -> ExitReason {
        process.exit(.shutdown)
        return await process.pid.downInAnyCase()
    }

    /// Waits for its end and returns the reason, as `PID.down()` does.
    ///
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    public func down() async throws(CancellationError) -> ExitReason { try await process.down() }

    /// Waits for its end so long, as `PID.down(timeout:)` does; `nil` if it has not ended by then.
    ///
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    public func down(timeout: Duration) async throws(CancellationError) -> ExitReason? {
        try await process.down(timeout: timeout)
    }

    /// Where it stands, at this moment.
    public var state: State { feed.state }

    /// The connection, while there is one.
    public var connection: WebSocket? { if case .up(let connection) = state { connection } else { nil } }

    /// Sends over the present connection, as `WebSocket.send(_:)` does. What was sent just before a connection was lost
    /// may not have arrived: nothing is sent again.
    ///
    /// - Throws: `.notConnected` between two connections; what `WebSocket.send` throws.
    public func send(_ message: WebSocket.Message) async throws(WebSocketError) {
        guard let connection else { throw WebSocketError(.notConnected, "there is no connection just now: \(state)") }
        try await connection.send(message)
    }

    /// Sends a text over the present connection, as `send(_:)` does a message.
    public func send(_ text: some StringProtocol) async throws(WebSocketError) {
        try await send(WebSocket.Message(text))
    }

    /// What happens, over all connections, for one reader: every up and down, and the frames unless there is a body.
    ///
    /// With a body, 64 events wait for a reader at most; then the oldest are dropped.
    public var events: Events { Events(client: self) }

    private static func start(_ run: ReconnectRun, _ parent: PID?, _ label: String) -> ReconnectingWebSocket {
        let feed = run.feed
        let process = Process<ReconnectSignal>.spawn(on: run.options.connect.scheduler, label: label) { me in
            if let parent { me.link(parent) }
            var run = run
            try await run.run(me)
        }
        let core = process.pid.core
        // Whatever ends it, `.kill` too: the last event tells of it.
        core.scheduler.run { core.addObserver { feed.end($0) } }
        return ReconnectingWebSocket(process: process, feed: feed)
    }
}

extension ReconnectingWebSocket {
    /// What a reconnecting client tells its subscriber.
    public enum Event: Sendable {
        /// There is a connection. Its frames follow, then its `down` or `stopped`.
        case up(WebSocket)
        /// A message, ping or pong arrived.
        case frame(WebSocket, WebSocket.Frame)
        /// The connection is over, or an attempt has failed: why, and how long the client waits before the next
        /// attempt.
        case down(WebSocketError, retryIn: Duration)
        /// The client has ended, by its own decision or another's. The last event, once.
        case stopped(ExitReason)
    }

    /// Where a reconnecting client stands.
    public enum State: Sendable, CustomStringConvertible {
        /// It tries to connect: which attempt it is since there was a connection that held, from 1.
        case connecting(attempt: Int)
        /// It has a connection.
        case up(WebSocket)
        /// It waits before it tries again: why the last attempt failed, or the connection ended, and how long.
        case waiting(WebSocketError, retryIn: Duration)
        /// It has ended.
        case stopped(ExitReason)

        public var description: String {
            switch self {
            case .connecting(let attempt): "connecting, attempt \(attempt)"
            case .up: "up"
            case .waiting(let error, let delay): "waiting for at most \(delay) after \(error)"
            case .stopped(let reason): "stopped, \(reason)"
            }
        }
    }
}

extension ReconnectingWebSocket {
    /// The events of a client over all its connections, for one reader. Ends after `stopped`.
    ///
    /// Cancelling the task that reads, or letting go of the iterator, ends no connection: who reads again goes on where
    /// that reader was.
    public struct Events: AsyncSequence, Sendable {
        let client: ReconnectingWebSocket

        /// Begins to read, at what has not been read yet. One iterator at a time may read.
        public func makeAsyncIterator() -> Iterator { Iterator(reader: Reader(client)) }

        /// Reads the events of a client, those of one connection after those of the last. For one task at a time.
        public struct Iterator: AsyncIteratorProtocol {
            let reader: Reader

            /// Takes the next event, waiting for one; `nil` after `stopped`, or when the task was cancelled.
            public mutating func next() async -> Event? { await reader.next() }

            /// Takes the next event, as `next()` does. `for await` calls this one, from whatever actor it runs on.
            public mutating func next(isolation actor: isolated (any Actor)?) async -> Event? { await reader.next() }
        }
    }

    /// Reads events from the client and frames from its connections.
    @safe final class Reader: @unchecked Sendable {
        // Safety: the iterator that holds it is used by one task at a time.
        private let client: ReconnectingWebSocket
        private var source: Source?

        /// The connection whose frames are read. While there is one, nothing else is due.
        private struct Source {
            let connection: WebSocket
            var events: WebSocket.Events.Iterator
        }

        init(_ client: ReconnectingWebSocket) {
            self.client = client
            client.feed.readerCame()
        }

        deinit {
            client.feed.readerLeft()
            tell(.readerLeft)
        }

        func next() async -> Event? {
            while true {
                if var current = source {
                    let event = await current.events.next()
                    if case .frame(let connection, let frame) = event { return .frame(connection, frame) }
                    source = nil
                    if event == nil, Task.isCancelled { return nil }
                    finish(current.connection)
                }
                switch await client.feed.next() {
                case .event(let event): return event
                case .frames(let connection): await begin(connection)
                case nil: return nil
                }
            }
        }

        private func begin(_ connection: WebSocket) async {
            // Somebody else may have subscribed: then its frames are theirs.
            guard let events = try? await connection.events(active: client.feed.active) else {
                return finish(connection)
            }
            source = Source(connection: connection, events: events.makeAsyncIterator())
        }

        private func finish(_ connection: WebSocket) {
            client.feed.drained(connection)
            tell(.drained(connection.pid))
        }

        private func tell(_ signal: ReconnectSignal) {
            if client.pid.isAlive { client.process.send(signal) }
        }
    }
}

/// How a client reconnects.
public struct ReconnectOptions: Sendable {
    /// Waiting before each further attempt: a random time (full jitter) below a bound that doubles with each failure in
    /// a row, so that many clients that lost one server do not return together.
    public struct Backoff: Sendable, Hashable {
        /// The most that the first wait can be; default 500 ms.
        public var first: Duration
        /// The most that any wait can be, one that a server asks for by `Retry-After` too; default 30 s.
        public var most: Duration
        /// How many further attempts may follow one another without a connection that held; default `nil`: any number.
        /// 0: none.
        public var limit: Int?

        /// A backoff by its parts. Nothing may be negative: a client so told ends with `.invalidConfiguration`.
        ///
        /// - Parameters:
        ///   - first: the most that the first wait can be; default 500 ms.
        ///   - most: the most that any wait can be; default 30 s.
        ///   - limit: how many further attempts may follow one another; default `nil`: any number.
        public init(first: Duration = .milliseconds(500), most: Duration = .seconds(30), limit: Int? = nil) {
            self.first = first
            self.most = most
            self.limit = limit
        }
    }

    /// How each connection is made; its `connectTimeout` is the deadline of one attempt. The client itself is the owner
    /// of each connection, whatever `owner` says, and lives on `scheduler` with them.
    public var connect: ConnectOptions
    /// How long it waits between attempts, and how often it tries.
    public var backoff: Backoff
    /// How long all attempts together may take, waits included, from the start or from the loss of a connection that
    /// held; default: as long as it takes.
    public var totalTimeout: Duration?
    /// How long a connection must last to count as one that held: the next failure is then the first again. Default 10
    /// s.
    public var steadyAfter: Duration
    /// Whether to try again after an error; default: `WebSocketError.mayPass`. Asked for failed attempts and lost
    /// connections, on the client's thread; not when the client itself is to end.
    public var retries: @Sendable (WebSocketError) -> Bool = { $0.mayPass }
    /// Numbers for the jitter, each as likely as any other.
    var randomness: @Sendable () -> UInt64 = { .random(in: 0 ... .max) }

    /// Options by their parts; `retries` is set afterwards.
    ///
    /// - Parameters:
    ///   - connect: how each connection is made; default: as `connect` does without options.
    ///   - backoff: how long it waits between attempts, and how often it tries.
    ///   - totalTimeout: how long all attempts in a row may take; default `nil`: as long as it takes.
    ///   - steadyAfter: how long a connection must last to count as one that held; default 10 s.
    public init(
        connect: ConnectOptions = .init(), backoff: Backoff = .init(), totalTimeout: Duration? = nil,
        steadyAfter: Duration = .seconds(10)
    ) {
        self.connect = connect
        self.backoff = backoff
        self.totalTimeout = totalTimeout
        self.steadyAfter = steadyAfter
    }
}

extension ReconnectOptions {
    /// What can be found wrong before anything is tried.
    func check() throws(WebSocketError) {
        guard backoff.first >= .zero, backoff.most >= .zero, backoff.limit ?? 0 >= 0 else {
            throw WebSocketError(.invalidConfiguration, "a backoff cannot be negative: \(backoff)")
        }
    }
}
