public import Actors
public import HansomTransport
internal import WSConnection

/// A WebSocket server: an acceptor, and on each scheduler a supervisor of connections, under one supervisor above them.
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
    /// The bound address, with the real port.
    public let address: SocketAddress
    /// Whether peers are to speak TLS.
    public let isSecure: Bool

    private let listener: ListeningSocket
    private let tree: ServerTree
    private let load: ServerLoad
    private let end = EndSignal()

    private init(_ listener: ListeningSocket, _ settings: ServerSettings, _ tree: ServerTree) {
        self.listener = listener
        self.tree = tree
        address = listener.address
        isSecure = settings.tls != nil
        load = settings.load
    }

    static func start(
        _ listener: ListeningSocket, _ settings: ServerSettings, on schedulers: SchedulerGroup
    ) async throws(WebSocketError) -> WebSocketServer {
        let tree: ServerTree
        do {
            tree = try await ServerTree.start(listener, settings, on: schedulers)
        } catch {
            listener.close()
            throw WebSocketError(.system, "cannot start the server's processes: \(error)")
        }
        let server = WebSocketServer(listener, settings, tree)
        // However the tree ends, what is not in it ends too.
        server.pid.core.scheduler.run {
            server.pid.core.addObserver { _ in Task { await server.shutdown(within: .zero) } }
        }
        return server
    }

    /// The process of the supervisor above all that the server consists of.
    public var pid: PID { tree.root.pid }

    /// How many connections there are now.
    public var connectionCount: Int { load.connectionCount }

    /// Ends the server in good order: accepts no more, tells every peer 1001, lets handlers finish, and after
    /// `deadline` ends what is left.
    ///
    /// The port is free when it returns.
    public func shutdown(within deadline: Duration = .seconds(30)) async {
        await tree.shutdown(within: deadline)
        // Closed already, unless the acceptor was not there to do it.
        listener.close()
        end.signal()
    }

    /// Ends the server at once: connections are dropped, their handlers cancelled.
    ///
    /// A handler that does not heed its cancellation is left behind: Swift cannot stop a running task.
    public func forceClose() async { await shutdown(within: .zero) }

    /// Returns when the server has ended.
    public func wait() async { await end.wait() }
}
