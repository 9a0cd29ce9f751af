internal import Actors
public import HansomTransport
internal import WSConnection

/// A WebSocket server: a listener, and on each scheduler a supervisor of connections.
///
///     let server = try await WebSocketServer.listen(port: 8080) { ws in
///         for try await message in ws { try await ws.send(message) }
///     }
///
/// A handler runs as its connection. One that returns closes it with 1000, one that throws with 1011; neither touches
/// any other connection.
public final class WebSocketServer: Sendable {
    /// The bound address, with the real port.
    public let address: SocketAddress
    /// Whether peers are to speak TLS.
    public let isSecure: Bool

    private let acceptor: Acceptor
    private let supervisors: [ConnectionSupervisor]
    private let load: ServerLoad
    private let end = EndSignal()

    init(_ listener: ListeningSocket, _ settings: ServerSettings, on schedulers: SchedulerGroup) {
        address = listener.address
        isSecure = settings.tls != nil
        load = settings.load
        supervisors = schedulers.schedulers.map { ConnectionSupervisor(on: $0, settings) }
        acceptor = Acceptor(listener, on: schedulers.next(), load, supervisors)
        acceptor.start()
    }

    /// How many connections there are now.
    public var connectionCount: Int { load.connectionCount }

    /// Ends the server in good order: accepts no more, tells every peer 1001, lets handlers finish, and after
    /// `deadline` ends what is left.
    ///
    /// The port is free when it returns.
    public func shutdown(within deadline: Duration = .seconds(30)) async {
        await acceptor.stop()
        await withTaskGroup(of: Void.self) { group in
            for supervisor in supervisors { group.addTask { await supervisor.shutdown(within: deadline) } }
        }
        end.signal()
    }

    /// Ends the server at once: connections are dropped, their handlers cancelled.
    ///
    /// A handler that does not heed its cancellation is left behind: Swift cannot stop a running task.
    public func forceClose() async { await shutdown(within: .zero) }

    /// Returns when the server has ended.
    public func wait() async { await end.wait() }
}
