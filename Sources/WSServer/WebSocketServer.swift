public import Actors
public import HansomTransport
public import WSConnection

/// A WebSocket server: a listener, and on each scheduler an acceptor and a supervisor of connections, under one
/// supervisor above them.
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
    package let schedulers: SchedulerGroup
    private let end = Promise<Void>()

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

    /// The processes that it consists of, in the order in which they are started: a supervisor for the connections of
    /// each scheduler, the listener, and an acceptor on each scheduler.
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
        end.keep(())
    }

    /// Ends the server at once: connections are dropped, their handlers cancelled.
    ///
    /// A handler that does not heed its cancellation is left behind: Swift cannot stop a running task.
    public func forceClose() async { await shutdown(within: .zero) }

    /// Returns when the server has ended, or when the task that waits is cancelled; the server goes on then.
    public func wait() async { _ = try? await end.value() }

    /// Returns when the server has ended, when `timeout` is over, or when the task that waits is cancelled.
    ///
    /// - Returns: whether it has ended.
    @discardableResult
    public func wait(timeout: Duration) async -> Bool { (try? await end.value(within: timeout)) != nil }

    /// Returns when the server has ended, and not before.
    package func ended() async { await end.valueInAnyCase() }
}

/// What can be changed while a server runs.
extension WebSocketServer {
    /// Accepts no more for now. Connections and handshakes that are there go on; who comes waits in the kernel's
    /// backlog.
    ///
    /// Nobody is let in any more when it returns.
    public func suspend() async {
        load.setSuspended(true)
        // An acceptor that had begun before may be about to accept one more.
        for scheduler in schedulers.schedulers { await scheduler.ask { _ in } }
    }

    /// Accepts again, those first who have waited.
    public func resume() { load.setSuspended(false) }

    /// Changes how many connections there may be at once: more are taken in at once if some wait, and if there are more
    /// already they stay.
    ///
    /// - Parameter count: 0 or less lets nobody in.
    public func setMaxConnections(_ count: Int) { load.setMaxConnections(count) }

    /// Answers handshakes that begin from now on with another certificate. Connections go on with what they have.
    ///
    /// The certificate is read first, on a thread of its own: one that cannot be used changes nothing.
    ///
    /// - Parameters:
    ///   - options: the new certificate, and all else about TLS. Session tickets stay good only with the same
    ///     `sessionTicketKey`.
    ///   - address: at which of `addresses`; default: at all that speak TLS.
    /// - Throws: `.tls` when certificate or key cannot be used, and then the old one stays; `.invalidConfiguration`
    ///   when nobody speaks TLS there.
    public func reload(tls options: TLSServerOptions, at address: SocketAddress? = nil) async throws(WebSocketError) {
        let secure = endpoints.filter { $0.isSecure && (address == nil || $0.address == address) }
        guard !secure.isEmpty else {
            let place = address.map { "at \($0)" } ?? "at any of its addresses"
            throw WebSocketError(.invalidConfiguration, "the server does not speak TLS \(place)")
        }
        let context: TLSContext
        do {
            context = try await schedulers.blockingPool.run { () throws(TLSConfigurationError) in
                try TLSContext(server: options)
            }
        } catch {
            throw WebSocketError(.tls, error.message, phase: .tls)
        }
        ServerSettings.tell(context.warnings, secure[0].settings.options)
        for endpoint in secure { endpoint.settings.use(context) }
    }

    /// The listening sockets, in the order of `addresses`, for a process that is to go on with them: it gets copies, by
    /// inheritance or over a Unix-domain socket, and serves them with `Endpoint.descriptor`.
    ///
    /// A socket lives as long as one process has it: whoever connects in between waits in its backlog, and is not
    /// refused. They are closed on `exec` and stay this server's, which closes them when it shuts down.
    public var listeningDescriptors: [Int32] { endpoints.map(\.descriptor) }
}

extension WebSocketServer {
    /// Lets people look into this program: listens on a Unix-domain socket and answers each text message with a
    /// snapshot of a scheduler group, one line of JSON. `hansom top` shows it.
    ///
    /// A message that is a number bounds how many processes are listed. Whoever may write to the socket's file may
    /// look: its owner, whatever the umask says (mode 0600).
    ///
    /// - Parameters:
    ///   - unixPath: at most 107 bytes; a socket file that nobody listens on any more is replaced.
    ///   - group: whose processes; default: the shared group's. The server itself lives on a scheduler of its own, which nothing
    ///     there can hold.
    /// - Returns: the server, to be shut down with the rest of the program.
    /// - Throws: as `listen(unixPath:)`.
    public static func serveSnapshots(
        unixPath: String, of group: SchedulerGroup = .shared
    ) async throws(WebSocketError) -> WebSocketServer {
        var options = ServerOptions()
        options.schedulers = inspectors ?? group
        options.maxConnections = 16
        options.unixSocketMode = 0o600
        return try await listen(unixPath: unixPath, options: options) { ws in
            for try await message in ws {
                guard case .text(let wish) = message else { continue }
                let snapshot = await SystemSnapshot.take(of: group).limited(to: Int(wish) ?? .max)
                try await ws.send(.text(snapshot.json))
            }
        }
    }

    /// Where the servers of snapshots live; `nil` if the system has no thread for it.
    private static let inspectors = try? SchedulerGroup(options: .init(count: 1, name: "hansom-i", blockingThreads: 1))
}

extension WebSocketServer {
    /// How the server fares. It may be asked as often as one likes: nothing is counted for it meanwhile.
    ///
    /// The connections are looked at in slices, each in a turn of its own; so with a hundred thousand of them it takes
    /// a while, but holds nobody up.
    public func statistics() async -> ServerStatistics { await load.reports.statistics(load) }
}

extension WebSocketServer: CustomReflectable {
    /// Which process it is, and nothing that changes meanwhile.
    public var customMirror: Mirror { Mirror(self, children: ["pid": pid], displayStyle: .class) }
}
