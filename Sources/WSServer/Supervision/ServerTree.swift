internal import Actors
internal import HansomTransport
internal import WSConnection

/// The processes of one server: a supervisor for the connections of each scheduler, and the acceptor. They start in this
/// order and stop in reverse: first nobody is let in any more, then those who are in go.
struct ServerTree: Sendable {
    let root: RunningSupervisor
    let supervisors: [ConnectionSupervisor]

    /// A fault that repeats more often than this is not helped by another restart.
    private static let restarts = (most: 10, period: Duration.seconds(10))
    private static let acceptorID = "acceptor"

    /// Starts them; from then on the server accepts.
    static func start(
        _ listener: ListeningSocket, _ settings: ServerSettings, on group: SchedulerGroup
    ) async throws -> ServerTree {
        // A connection has its close timeout to end in good order, and then is dropped.
        let dynamic = DynamicSupervisor(id: "connections", shutdown: .after(settings.options.closeTimeout))
        let (partitions, started) = dynamic.partitions(over: group)
        let root = try await Supervisor(
            .oneForOne, id: "server \(listener.address)", maxRestarts: restarts.most, period: restarts.period
        ) { partitions }.start(on: group.next())
        let connections = RunningDynamicSupervisor(top: root, partitions: started)
        let supervisors = group.schedulers.map { ConnectionSupervisor(on: $0, settings, connections) }
        let scheduler = group.next()
        try await root.start(
            child: Child(acceptorID) {
                let acceptor = Acceptor(listener, on: scheduler, settings.load, supervisors)
                return Process<Never>.spawn(on: scheduler, label: acceptorID) { me in
                    acceptor.start()
                    _ = await me.receive()
                    acceptor.stop()
                    // One that was killed is started again, on the same socket.
                    if me.core.exitReason?.isOrderly == true { listener.close() }
                }
            })
        return ServerTree(root: root, supervisors: supervisors)
    }

    /// Ends every process: the acceptor first, then the connections, within `deadline`.
    func shutdown(within deadline: Duration) async {
        // Both throw when the tree has ended already.
        try? await root.terminate(ServerTree.acceptorID)
        await withTaskGroup(of: Void.self) { group in
            for supervisor in supervisors { group.addTask { await supervisor.shutdown(within: deadline) } }
        }
        await root.stop()
    }
}
