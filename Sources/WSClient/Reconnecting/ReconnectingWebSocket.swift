public import Actors
public import WSConnection

/// A client that reconnects: a process that connects, does something with each connection, and connects again when that is
/// over.
///
///     let feed = ReconnectingWebSocket.start(to: url) { ws in
///         for try await message in ws { ... }        // once for each connection
///     }
///
/// It is a process like any other: it can be linked, monitored and listed, and be a child of a supervisor. It owns its
/// connections, which close with 1001 when it ends. It ends with the last error when it gives up, and goes on when nobody
/// holds it: `stop()` ends it.
public struct ReconnectingWebSocket: Supervisable, Hashable {
    let process: Process<ReconnectSignal>
    let feed: ReconnectFeed

    public static func == (a: ReconnectingWebSocket, b: ReconnectingWebSocket) -> Bool { a.process === b.process }

    public func hash(into hasher: inout Hasher) { hasher.combine(pid) }

    public var pid: PID { process.pid }

    /// Starts a client that hands each connection to a closure. Never fails: what is wrong with the URL or the options ends
    /// the client.
    ///
    /// When the body returns and its connection has ended, the client connects again. When it returns and the connection
    /// is still open, the work is done: the connection is closed with 1000, and the client ends with `.normal`. A
    /// `WebSocketError` that it throws stands for a lost connection, which is closed with 1001 if it is still open; any
    /// other error ends the client, and is the reason of its end.
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
    /// Nothing is lost to a slow reader: the next connection is not made before the last frame of this one was read. While
    /// nobody reads, frames wait with the connection, and those of one that has ended meanwhile are gone; once a connection
    /// can hold no more, its end is not noticed. Who wants no frames gives a body.
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
        return await process.down()
    }

    /// Waits for its end and returns the reason, as `PID.down()` does.
    public func down() async -> ExitReason { await process.down() }

    /// Where it stands, at this moment.
    public var state: State { feed.state }

    /// The connection, while there is one.
    public var connection: WebSocket? { if case .up(let connection) = state { connection } else { nil } }

    /// Sends over the present connection, as `WebSocket.send(_:)` does. What was sent just before a connection was lost may
    /// not have arrived: nothing is sent again.
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
