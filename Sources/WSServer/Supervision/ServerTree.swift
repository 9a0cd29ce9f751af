internal import Actors
internal import HansomTransport
internal import Logging
internal import WSConnection

/// The processes of one server: a supervisor for the connections of each scheduler, the listener, and an acceptor on
/// each scheduler. They start in this order and stop in reverse: first nobody is let in any more, then the port is
/// free, then those who are in go.
struct ServerTree: Sendable {
    let root: RunningSupervisor
    let supervisors: [ConnectionSupervisor]
    private let doors: [String]

    /// A fault that repeats more often than this is not helped by another restart.
    private static let restarts = (most: 10, period: Duration.seconds(10))
    private static let listenerID = "listener"

    /// Starts them; from then on the server accepts.
    static func start(
        _ endpoints: [BoundEndpoint], _ load: ServerLoad, _ options: ServerOptions
    ) async throws -> ServerTree {
        let group = options.schedulers
        // A connection has its close timeout to end in good order, and then is dropped.
        let dynamic = DynamicSupervisor(id: "connections", shutdown: .after(options.closeTimeout))
        let (partitions, started) = dynamic.partitions(over: group)
        let root = try await Supervisor(
            .oneForOne, id: "server \(endpoints[0].address)", maxRestarts: restarts.most, period: restarts.period
        ) { partitions }.start(on: group.next())
        let pool = RunningDynamicSupervisor(top: root, partitions: started)
        let supervisors = group.schedulers.map { ConnectionSupervisor(on: $0, load, options.drain, pool) }
        let acceptors = group.schedulers.map { scheduler in
            acceptor(on: scheduler) {
                Acceptor(endpoints, on: scheduler, load, supervisors, accept: options.accept)
            }
        }
        do {
            for child in [listener(endpoints)] + acceptors { try await root.start(child: child) }
        } catch {
            await root.stop()
            throw error
        }
        // Last: reports and supervisors hold each other until the server says that it has ended.
        load.reports.began(supervisors)
        return ServerTree(
            root: root, supervisors: supervisors,
            doors: group.schedulers.reversed().map { acceptorID($0) } + [listenerID])
    }

    /// Holds the sockets, and closes them when it is stopped. One that was killed leaves them open, and is
    /// started again.
    private static func listener(_ endpoints: [BoundEndpoint]) -> Child {
        Child(listenerID) {
            Process<Never>.spawn(label: listenerID) { me in
                _ = await me.receive()
                guard me.core.exitReason?.isOrderly == true else { return }
                for endpoint in endpoints { endpoint.listener.close() }
            }
        }
    }

    private static func acceptor(on scheduler: Scheduler, _ make: @escaping @Sendable () -> Acceptor) -> Child {
        let id = acceptorID(scheduler)
        return Child(id) {
            let acceptor = make()
            return Process<SystemError>.spawn(on: scheduler, label: id) { me in
                acceptor.start(as: me.core.identity) { me.send($0) }
                let breakage = await me.receive()
                acceptor.stop()
                if let breakage { throw breakage }
            }
        }
    }

    private static func acceptorID(_ scheduler: Scheduler) -> String { "acceptor \(scheduler.index)" }

    /// Ends every process: the acceptors first, then the connections, within `deadline`.
    func shutdown(within deadline: Duration) async {
        // It throws when the tree has ended already.
        for door in doors { try? await root.terminate(door) }
        await withTaskGroup(of: Void.self) { group in
            for supervisor in supervisors { group.addTask { await supervisor.shutdown(within: deadline) } }
        }
        await root.stop()
    }
}

/// What all connections of one endpoint of a server share.
final class ServerSettings: Sendable {
    /// What is run for a connection.
    enum Handling: Sendable {
        case perConnection(WebSocket.Handler)
        case perMessage(WebSocket.MessageHandler)
        case perMessageView(WebSocket.MessageViewHandler)

        /// Whether the handler takes whole messages, one at a time.
        var takesMessages: Bool {
            switch self {
            case .perConnection: false
            case .perMessage, .perMessageView: true
            }
        }
    }

    let resources: ResourceMap
    let options: ServerOptions
    private let certificate: CurrentCertificate?
    let load: ServerLoad
    /// As which hosts it may be asked; `nil`: any.
    let hosts: AllowedHosts?

    /// - Parameters:
    ///   - tls: with which certificate peers are answered here; `nil`: plain.
    ///   - load: what the endpoints of a server share; default: one of its own.
    /// - Throws: `.invalidConfiguration`; `.tls` for a certificate or key that cannot be used.
    init(
        _ options: ServerOptions, _ resources: ResourceMap, tls: TLSServerOptions?, _ load: ServerLoad? = nil
    ) throws(WebSocketError) {
        try options.check()
        hosts = try options.hosts()
        for name in tls?.identitiesByServerName.keys.sorted() ?? [] where SocketAddress(numeric: name, port: 0) != nil {
            throw WebSocketError(
                .invalidConfiguration,
                "tls.identitiesByServerName: no client asks for the address \(name) (RFC 6066 section 3)")
        }
        self.options = options
        self.resources = resources
        self.load = load ?? ServerLoad(options)
        do {
            let context: TLSContext? = if let tls { try TLSContext(server: tls) } else { nil }
            certificate = context.map(CurrentCertificate.init)
            if let context { ServerSettings.tell(context.warnings, options) }
        } catch {
            throw WebSocketError(.tls, error.message, phase: .tls)
        }
    }

    /// With what handshakes that begin now are answered.
    var tls: TLSContext? { certificate?.context }

    /// From now on handshakes are answered with another certificate. Connections that have one keep it.
    func use(_ context: TLSContext) { certificate?.context = context }

    /// Tells of what should be put right.
    static func tell(_ warnings: [String], _ options: ServerOptions) {
        for warning in warnings {
            if let logger = options.logger { logger.warning("\(warning)") } else { SystemLog.advise(warning) }
        }
    }
}

/// A certificate that can be changed while the server runs.
private final class CurrentCertificate: @unchecked Sendable {
    // Safety: `current` is touched with `lock` held.
    private let lock = Lock()
    private var current: TLSContext

    init(_ context: TLSContext) { current = context }

    var context: TLSContext {
        get { lock.withLock { current } }
        set {
            // The old one is released outside the lock: with its last session it frees much.
            var other = newValue
            lock.withLock { swap(&current, &other) }
        }
    }
}
