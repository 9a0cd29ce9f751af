public import Actors
public import HansomTransport
internal import WSConnection

/// A WebSocket server: a listener, and on each scheduler an acceptor and a supervisor of connections, under one supervisor
/// above them.
///
///     let server = try await WebSocketServer.listen(port: 8080) { ws in
///         for try await message in ws { try await ws.send(message) }
///     }
///
/// A handler runs as its connection. One that returns closes it with 1000, one that throws with 1011; neither touches
/// any other connection.
///
/// The server is a process itself, that of its supervisor: it can be linked, monitored and made a child of another
/// supervisor. An exit signal `.shutdown` ends it like `shutdown(within:)` with the close timeout for a deadline.
public final class WebSocketServer: Sendable, Supervisable {
    /// Where it listens: one for each address of each endpoint that it was given, in their order.
    public let endpoints: [BoundEndpoint]

    let tree: ServerTree
    let load: ServerLoad
    let schedulers: SchedulerGroup
    private let end = EndSignal()

    private init(_ endpoints: [BoundEndpoint], _ load: ServerLoad, _ tree: ServerTree, _ schedulers: SchedulerGroup) {
        self.endpoints = endpoints
        self.load = load
        self.tree = tree
        self.schedulers = schedulers
    }

    static func start(
        _ endpoints: [BoundEndpoint], _ options: ServerOptions, _ load: ServerLoad
    ) async throws(WebSocketError) -> WebSocketServer {
        let tree: ServerTree
        do {
            tree = try await ServerTree.start(endpoints, load, options)
        } catch {
            for endpoint in endpoints { endpoint.listener.close() }
            if Task.isCancelled { throw WebSocketError(.cancelled, "the task that started the server was cancelled") }
            throw WebSocketError(.system, "cannot start the server's processes: \(error)")
        }
        let server = WebSocketServer(endpoints, load, tree, options.schedulers)
        // However the tree ends, what is not in it ends too.
        server.pid.core.scheduler.run {
            server.pid.core.addObserver { _ in Task { await server.shutdown(within: .zero) } }
        }
        load.reports.measuring?.serverStarted(server)
        return server
    }

    /// The process of the supervisor above all that the server consists of.
    public var pid: PID { tree.root.pid }

    /// The first bound address, with the real port.
    public var address: SocketAddress { endpoints[0].address }

    /// All bound addresses, with their real ports.
    public var addresses: [SocketAddress] { endpoints.map(\.address) }

    /// Whether peers are to speak TLS at the first address.
    public var isSecure: Bool { endpoints[0].isSecure }

    /// How many connections there are now.
    public var connectionCount: Int { load.connectionCount }

    /// How many handshakes are under way now, those of peers among them that were refused and have not gone yet.
    public var handshakeCount: Int { load.handshakeCount }

    /// The processes that it consists of, in the order in which they are started: a supervisor for the connections of each
    /// scheduler, the listener, and an acceptor on each scheduler.
    ///
    /// - Returns: none when it has ended.
    public func children() async -> [ChildInfo] { (try? await tree.root.children()) ?? [] }

    /// Ends the server in good order: accepts no more, drops handshakes, tells every peer 1001 in batches as
    /// `ServerOptions.drain` says, lets handlers finish, and after `deadline` ends what is left.
    ///
    /// The port is free when it returns; peers that come are refused as soon as it has begun.
    ///
    /// - Parameter deadline: how long handlers and peers may take; default 30 s. Called again with a shorter one it is
    ///   that which counts.
    public func shutdown(within deadline: Duration = .seconds(30)) async {
        await tree.shutdown(within: deadline)
        await load.reports.ended()
        // Closed already, unless the listener was not there to do it.
        for endpoint in endpoints { endpoint.listener.close() }
        end.signal()
    }

    /// Ends the server at once: connections are dropped, their handlers cancelled.
    ///
    /// A handler that does not heed its cancellation is left behind: Swift cannot stop a running task.
    public func forceClose() async { await shutdown(within: .zero) }

    /// Returns when the server has ended.
    public func wait() async { await end.wait() }
}
