/// A supervisor to be, of many children of one kind that come and go. (OTP: `simple_one_for_one`; Elixir: `DynamicSupervisor`.)
///
///     let rooms = try await DynamicSupervisor(maxChildren: 1_000).start()
///     let room = try await rooms.start { try await Room().started() }
///
/// Its children have no order: they are stopped all at once.
public struct DynamicSupervisor: Sendable {
    struct Options: Sendable {
        var restart: Child.Restart
        var shutdown: Child.Shutdown
        var maxChildren: Int
        var maxRestarts: Int
        var period: Duration
        var startWithin: Duration?
    }

    let id: String
    let options: Options

    /// A dynamic supervisor without children.
    ///
    /// - Parameters:
    ///   - id: what it is called, under another supervisor and in reports; default `"dynamic supervisor"`.
    ///   - restart: when a child is started again; default `.temporary`: never.
    ///   - shutdown: how a child is stopped; default `.after(.seconds(5))`.
    ///   - maxChildren: how many there may be at a time; default: as many as come.
    ///   - maxRestarts: how many restarts it makes in `period` before it gives up, stops its children and ends with
    ///     `.shutdown`; default 1.
    ///   - period: default 5 s.
    ///   - limit: how long the start of a child may take before it is cancelled and has failed; default: as long as it takes.
    public init(
        id: String = "dynamic supervisor", restart: Child.Restart = .temporary,
        shutdown: Child.Shutdown = .after(.seconds(5)), maxChildren: Int = .max, maxRestarts: Int = 1,
        period: Duration = .seconds(5), startWithin limit: Duration? = nil
    ) {
        self.id = id
        options = Options(
            restart: restart, shutdown: shutdown, maxChildren: maxChildren, maxRestarts: maxRestarts, period: period,
            startWithin: limit)
    }

    /// Starts it.
    ///
    /// - Parameters:
    ///   - parent: a process to link it to from its first moment; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives, and its children unless they say otherwise; default: the caller's, or from outside
    ///     one of the shared group's in turn.
    /// - Throws: `SupervisorError` with `.badSpecification`; `RegistryError` if the name is taken.
    public func start(
        linkedTo parent: PID? = nil, name: String? = nil, on scheduler: Scheduler? = nil
    ) async throws -> RunningDynamicSupervisor {
        try check()
        return RunningDynamicSupervisor(
            partitions: [
                try await DynamicSupervisorServer(id, options)
                    .started(linkedTo: parent, name: name, on: scheduler, label: id)
            ])
    }

    /// Starts one on each scheduler of a group, so that no child waits for a supervisor on another thread.
    /// (Elixir: `PartitionSupervisor`.)
    ///
    /// They stand under a supervisor of their own. A child is started by the one on the caller's scheduler, or from
    /// outside by each in turn; `maxChildren` holds for each of them.
    ///
    /// - Parameters:
    ///   - group: whose schedulers; default: the shared group's.
    ///   - parent: a process to link the supervisor above them to; default: none.
    /// - Throws: `SupervisorError` with `.badSpecification`.
    public func startPartitioned(
        over group: SchedulerGroup = .shared, linkedTo parent: PID? = nil
    ) async throws -> RunningDynamicSupervisor {
        try check()
        let (children, started) = partitions(over: group)
        let above = Supervisor(.oneForOne, id: "\(id) partitions") { children }
        let top = try await above.start(linkedTo: parent, on: group.schedulers[0])
        return RunningDynamicSupervisor(top: top, partitions: started)
    }

    /// A part for each scheduler, as children of a supervisor that has others too; and where they are found once started.
    package func partitions(over group: SchedulerGroup) -> (children: [Child], started: StartedPartitions) {
        let started = StartedPartitions()
        return (group.schedulers.map { partition(on: $0, started) }, started)
    }

    /// This supervisor as a child of another.
    var asChild: Child {
        let specification = ChildSpecification(
            id: id, restart: .permanent, shutdown: .infinity, isSignificant: false, isSupervisor: true)
        return Child(specification, check: { () throws(SupervisorError) in try check() }) { try await start() }
    }

    func check() throws(SupervisorError) {
        try ChildStarter.check(options.startWithin, of: id)
        guard maxIsSensible else {
            throw SupervisorError(
                .badSpecification, child: id,
                advice: "maxChildren is \(options.maxChildren) and maxRestarts \(options.maxRestarts): both must be 0 or more")
        }
        guard options.period > .zero else {
            throw SupervisorError(
                .badSpecification, child: id, advice: "period is \(options.period): it must be more than 0")
        }
    }

    private var maxIsSensible: Bool { options.maxChildren >= 0 && options.maxRestarts >= 0 }
}
