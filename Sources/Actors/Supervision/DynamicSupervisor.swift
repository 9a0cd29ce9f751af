/// A supervisor to be, of many children of one kind that come and go. (OTP: `simple_one_for_one`; Elixir:
/// `DynamicSupervisor`.)
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
        var placement: Placement = .spread
    }

    let id: String
    let name: String?
    let options: Options

    /// A dynamic supervisor without children.
    ///
    /// - Parameters:
    ///   - id: what it is called, under another supervisor and in reports; default `"dynamic supervisor"`.
    ///   - name: a name for the registry, by which `RunningDynamicSupervisor(named:)` reaches it from everywhere, also
    ///     in a tree and after a restart; default: none.
    ///   - placement: where its children live; default `.spread`: on all schedulers of its group in turn.
    ///   - restart: when a child is started again; default `.temporary`: never.
    ///   - shutdown: how a child is stopped; default `.after(.seconds(5))`.
    ///   - maxChildren: how many there may be at a time; default: as many as come.
    ///   - maxRestarts: how many restarts it makes in `period` before it gives up, stops its children and ends with
    ///     `.shutdown`; default 1.
    ///   - period: default 5 s.
    ///   - limit: how long the start of a child may take before it is cancelled and has failed; default: as long as it
    ///     takes.
    public init(
        id: String = "dynamic supervisor", name: String? = nil, placement: Placement = .spread,
        restart: Child.Restart = .temporary, shutdown: Child.Shutdown = .after(.seconds(5)), maxChildren: Int = .max,
        maxRestarts: Int = 1, period: Duration = .seconds(5), startWithin limit: Duration? = nil
    ) {
        self.id = id
        self.name = name
        options = Options(
            restart: restart, shutdown: shutdown, maxChildren: maxChildren, maxRestarts: maxRestarts, period: period,
            startWithin: limit, placement: placement)
    }

    /// Starts it.
    ///
    /// - Parameters:
    ///   - parent: a process to link it to from its first moment; default: none.
    ///   - name: a name for the registry; default: the one that it was made with, if any.
    ///   - scheduler: where it lives; default: the caller's, or from outside one of the shared group's in turn.
    /// - Throws: `SupervisorError` with `.badSpecification`; `RegistryError` if the name is taken.
    public func start(
        linkedTo parent: PID? = nil, name: String? = nil, on scheduler: Scheduler? = nil
    ) async throws -> RunningDynamicSupervisor {
        try check()
        return RunningDynamicSupervisor(
            ServerAddress(
                try await DynamicSupervisorServer(id, options)
                    .started(linkedTo: parent, name: name ?? self.name, on: scheduler, label: id)))
    }

    /// Starts one on each scheduler of a group, so that no child waits for a supervisor on another thread.
    /// (Elixir: `PartitionSupervisor`.)
    ///
    /// They stand under a supervisor of their own. A child is started by each in turn, with a placement `.by` by the one
    /// that its key comes to, and with `.here` by the one on the caller's scheduler; it lives where that lives.
    /// `maxChildren` holds for each of them.
    ///
    /// - Parameters:
    ///   - group: whose schedulers; default: the shared group's.
    ///   - parent: a process to link the supervisor above them to; default: none.
    /// - Throws: `SupervisorError` with `.badSpecification`, also for one that has a name: there is no one process that
    ///   could have it.
    public func startPartitioned(
        over group: SchedulerGroup = .shared, linkedTo parent: PID? = nil
    ) async throws -> RunningDynamicSupervisor {
        try check()
        if let name {
            throw SupervisorError(
                .badSpecification, child: id,
                advice: "its parts cannot all be named \"\(name)\": give a partitioned supervisor no name")
        }
        let (children, started) = partitions(over: group)
        let above = Supervisor(.oneForOne, id: "\(id) partitions") { children }
        let top = try await above.start(linkedTo: parent, on: group.schedulers[0])
        return RunningDynamicSupervisor(top: top, partitions: started, placement: options.placement)
    }

    /// A part for each scheduler, as children of a supervisor that has others too; and where they are found once
    /// started.
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
                advice:
                    "maxChildren is \(options.maxChildren) and maxRestarts \(options.maxRestarts): both must be 0 or more"
            )
        }
        guard options.period > .zero else {
            throw SupervisorError(
                .badSpecification, child: id, advice: "period is \(options.period): it must be more than 0")
        }
    }

    private var maxIsSensible: Bool { options.maxChildren >= 0 && options.maxRestarts >= 0 }
}

/// What a dynamic supervisor decides, as a value. Its children have numbers, since they have no names.
struct DynamicMachine<Handle: Hashable & Sendable>: Sendable {
    enum Step: Hashable, Sendable {
        case start(Int)
        /// To call `tryAgain`, after whatever else waits to be dealt with.
        case tryAgain(Int)
        case reportRestart(Int, count: Int)
        case reportGiveUp(Int)
        /// Too many restarts: every child is to be stopped, and the supervisor ends.
        case giveUp
    }

    let restart: Child.Restart
    let maxChildren: Int
    private(set) var running: [Handle: Int] = [:]
    /// Those that are started again, or could not be and will be tried once more; and which processes they were.
    private(set) var restarting: [Int: Handle] = [:]
    private(set) var intensity: RestartIntensity
    private var plan: [Step] = []
    private var lastNumber = 0

    init(_ options: DynamicSupervisor.Options) {
        restart = options.restart
        maxChildren = options.maxChildren
        intensity = RestartIntensity(allowed: options.maxRestarts, period: options.period)
    }

    var count: Int { running.count + restarting.count }

    mutating func next() -> Step? { plan.isEmpty ? nil : plan.removeFirst() }

    /// The number of a child to be, if there is room for it.
    mutating func admit() -> Int? {
        guard count < maxChildren else { return nil }
        lastNumber += 1
        return lastNumber
    }

    mutating func started(_ number: Int, _ handle: Handle) {
        restarting[number] = nil
        running[handle] = number
    }

    /// A child that was to be started again could not be. It is tried once more, but not at once: what has happened
    /// meanwhile comes first. (OTP: `try_again_restart`.)
    mutating func restartFailed(_ number: Int) { plan.append(.tryAgain(number)) }

    /// A child that could not be started again is to be tried once more, which counts as another restart. One that was
    /// stopped for good meanwhile is left alone.
    mutating func tryAgain(_ number: Int, now: UInt64) {
        if let former = restarting[number] { startAgain(number, former, now: now) }
    }

    /// A child has ended by itself.
    ///
    /// - Returns: its number, if it is forgotten now.
    mutating func exited(_ handle: Handle, _ reason: ExitReason, now: UInt64) -> Int? {
        guard let number = running.removeValue(forKey: handle) else { return nil }
        guard restart == .permanent || (restart == .transient && !reason.isOrderly) else { return number }
        startAgain(number, handle, now: now)
        return nil
    }

    /// A child is stopped for good, also one that was this process and is to be started again. Its number, if it is
    /// there.
    mutating func terminated(_ handle: Handle) -> Int? {
        if let number = running.removeValue(forKey: handle) { return number }
        guard let number = restarting.first(where: { $0.value == handle })?.key else { return nil }
        restarting[number] = nil
        return number
    }

    private mutating func startAgain(_ number: Int, _ handle: Handle, now: UInt64) {
        if intensity.add(at: now) {
            restarting[number] = nil
            plan = [.reportGiveUp(number), .giveUp]
        } else {
            restarting[number] = handle
            plan += [.reportRestart(number, count: intensity.count), .start(number)]
        }
    }
}
