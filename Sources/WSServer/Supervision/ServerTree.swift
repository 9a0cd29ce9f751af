internal import Actors
internal import HansomTransport
internal import WSConnection

/// The processes of one server: a supervisor for the connections of each scheduler, the listener, and an acceptor on each
/// scheduler. They start in this order and stop in reverse: first nobody is let in any more, then the port is free, then
/// those who are in go.
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
        load.reports.began(supervisors)
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
