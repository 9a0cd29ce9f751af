import Glibc
import HansomTesting
import Synchronization

@testable import Actors

/// What the chaos test does to its processes, and what it knows of them.
struct Chaos {
    private let group: SchedulerGroup
    private let book = ChaosBook()
    private let tree: RunningSupervisor
    private let pools: [RunningDynamicSupervisor]
    private var random: SplitMix
    private var names = 0
    private(set) var ends = 0
    private static let groups = (0..<10).map { ProcessGroup<ChaosMessage>("chaos \($0)") }

    /// A tree of plain, dynamic and partitioned supervisors, and so many children in it.
    init(_ group: SchedulerGroup, count: Int, seed: UInt64) async throws {
        self.group = group
        random = SplitMix(seed: seed)
        let book = book
        let strategies = Supervisor.Strategy.allCases
        tree = try await Supervisor(.oneForOne, maxRestarts: .max) {
            for branch in 0..<max(count / 50, 1) / 2 {
                Supervisor(strategies[branch % 3], id: "branch \(branch)", maxRestarts: .max) {
                    for leaf in 0..<50 {
                        Child("\(leaf)", restart: leaf % 5 == 0 ? .temporary : leaf % 2 == 0 ? .transient : .permanent)
                        {
                            book.spawn(on: group.schedulers[branch % group.schedulers.count], order: (branch, leaf))
                        }
                    }
                }
            }
        }.start(on: group.schedulers[0])
        pools = [
            try await DynamicSupervisor(restart: .permanent, maxRestarts: .max).start(on: group.schedulers[1]),
            try await DynamicSupervisor(restart: .temporary).startPartitioned(over: group),
            try await DynamicSupervisor(restart: .transient, maxRestarts: .max).startPartitioned(over: group),
        ]
        for index in 0..<count / 2 {
            try await pools[index % pools.count].start { book.spawn(on: group.next(), order: nil) }
        }
    }

    // MARK: Steps

    /// A hundred things, then rest.
    mutating func step() async throws {
        let living = book.living
        for _ in 0..<100 {
            guard let one = living.randomElement(using: &random), let other = living.randomElement(using: &random)
            else { break }
            act(on: one, other)
        }
        try await replace()
        try await rest()
    }

    private mutating func act(on one: Process<ChaosMessage>, _ other: Process<ChaosMessage>) {
        switch Int.random(in: 0..<16, using: &random) {
        case 0: one.send(.end(.normal))
        case 1: one.send(.end(.error(Failure())))
        case 2: one.exit([.shutdown, .kill, .normal, .error(Failure())].randomElement(using: &random) ?? .kill)
        case 3, 4, 5: if one.pid != other.pid { one.send(.link(other.pid)) }
        case 6, 7: one.send(.unlink(other.pid))
        case 8, 9, 10: one.send(.monitor(other.pid, book))
        case 11:
            names += 1
            try? one.register(as: "chaos \(names % 500)")
        case 12, 13: Self.groups.randomElement(using: &random)?.join(one)
        case 14: Self.groups.randomElement(using: &random)?.leave(one)
        default: Self.groups.randomElement(using: &random)?.broadcast(.nothing)
        }
        ends += 1
    }

    /// Temporary children come anew.
    private mutating func replace() async throws {
        let (book, group) = (book, group)
        for pool in pools { try await pool.start { book.spawn(on: group.next(), order: nil) } }
    }

    // MARK: Bodies that do not suspend

    /// Has bodies hold two schedulers, does thirty things meanwhile, and ends the bodies, and neighbours of theirs, while
    /// they hold. Returns what was not as it must be.
    mutating func holdSchedulers() async throws -> [String] {
        var faults: [String] = []
        let holders = await beginToHold()
        let living = book.living
        for _ in 0..<30 {
            guard let one = living.randomElement(using: &random), let other = living.randomElement(using: &random)
            else { break }
            act(on: one, other)
        }
        // Each of these waits comes to its end only if no thread is needed that is held.
        for (process, hold) in holders {
            let reason = hold.isHeedless ? ExitReason.kill : [.kill, .shutdown].randomElement(using: &random) ?? .kill
            process.exit(reason)
            _ = try await process.down()
            if process.pid.isAlive { faults.append("\(process.pid) is alive after its end") }
            for neighbour in living.filter({ $0.core.scheduler === process.core.scheduler }).shuffled(using: &random)
                .prefix(3)
            {
                neighbour.exit(.kill)
                _ = try await neighbour.down()
                if neighbour.pid.isAlive { faults.append("a neighbour of a holder is alive after its end") }
            }
        }
        let heedless = Set(holders.filter(\.hold.isHeedless).map(\.process.pid))
        let zombies = Set(await SystemSnapshot.take(of: group).schedulers.flatMap(\.zombieProcesses).map(\.pid))
        if !heedless.isSubset(of: zombies) { faults.append("\(heedless) are zombies, and shown are \(zombies)") }
        for (_, hold) in holders { hold.end() }
        try await rest()
        return faults
    }

    /// One body each on two of the schedulers, of which one heeds no cancellation, or neither, or both.
    private mutating func beginToHold() async -> [(process: Process<ChaosMessage>, hold: ChaosHold)] {
        var holders: [(process: Process<ChaosMessage>, hold: ChaosHold)] = []
        for scheduler in group.schedulers.shuffled(using: &random).prefix(2) {
            let here = book.living.filter { $0.core.scheduler === scheduler }
            guard let process = here.randomElement(using: &random) else { continue }
            let hold = ChaosHold(isHeedless: Bool.random(using: &random))
            process.send(.hold(hold))
            await hold.began.valueInAnyCase()
            holders.append((process, hold))
        }
        return holders
    }

    // MARK: Rest

    /// Asks every supervisor and every process something, until no process has begun or ended meanwhile.
    private func rest() async throws {
        var before = -1
        while before != book.changes {
            before = book.changes
            for process in book.living { _ = try? await process.call { .ping($0) } }
            for branch in try await tree.children() {
                if let pid = branch.pid, let address = pid.address(as: ServerMessage<SupervisorServer>.self) {
                    _ = try? await address.call { .call(.children($0)) } as [ChildInfo]
                }
            }
            for pool in pools { _ = try await pool.count() }
        }
    }

    // MARK: What must hold

    func faults() async throws -> [String] {
        var faults = book.faults
        let living = Set(book.living.map(\.pid))
        if let name = (0..<500).first(where: { Registry.whereis("chaos \($0)").map { !$0.isAlive } ?? false }) {
            faults.append("a dead process has the name \(name)")
        }
        for group in Self.groups where !group.members.allSatisfy({ $0.pid.isAlive }) {
            faults.append("a dead one in \(group.name)")
        }
        var children: [PID] = []
        for branch in try await tree.children() {
            guard let pid = branch.pid, let address = pid.address(as: ServerMessage<SupervisorServer>.self) else {
                faults.append("\(branch.id) does not run")
                continue
            }
            let list = try await address.call { .call(.children($0)) } as [ChildInfo]
            children += list.compactMap(\.pid)
            for child in list where child.restart == .permanent && child.pid == nil {
                faults.append("\(child) does not run")
            }
        }
        for pool in pools { children += try await pool.children() }
        if Set(children).count != children.count { faults.append("a child is in two lists") }
        if Set(children) != living { faults.append("\(children.count) children, \(living.count) processes live") }
        return faults
    }

    // MARK: The end

    /// Ends the tree.
    func stop() async {
        // A link would end processes out of their order.
        for process in book.living { _ = try? await process.call { .unlinkAll(book, $0) } }
        try? await rest()
        book.begins(stop: true)
        await tree.stop()
        for pool in pools { await pool.stop() }
    }

    /// What is left when all has ended.
    func leftovers() async -> [String] {
        var left = book.faults
        if !book.living.isEmpty { left.append("\(book.living.count) processes live") }
        if await group.processCount() != 0 {
            left.append("the schedulers know \(await group.processCount()) processes")
        }
        if book.openMonitors != 0 { left.append("\(book.openMonitors) monitors have told nothing") }
        for scheduler in group.schedulers {
            let (alarms, zombies) = await scheduler.ask { ($0.alarmCount, $0.zombies) }
            if alarms != 0 || zombies != 0 { left.append("\(alarms) alarms, \(zombies) zombies") }
        }
        if Self.groups.contains(where: { $0.count != 0 }) { left.append("members in groups") }
        if Registry.registered().contains(where: { $0.hasPrefix("chaos ") }) { left.append("names") }
        return left
    }
}

/// What a process of the chaos is told.
enum ChaosMessage: Sendable {
    case nothing
    case end(ExitReason)
    case link(PID)
    case unlink(PID)
    case monitor(PID, ChaosBook)
    case down(Down, ChaosBook)
    case unlinkAll(ChaosBook, Reply<Void>)
    case hold(ChaosHold)
    case ping(Reply<Void>)
}

/// How long a body holds its thread: until it is let go, or, if it heeds that, until its task is cancelled.
final class ChaosHold: Sendable {
    let isHeedless: Bool
    let began = Promise<Void>()
    private let isOver = Atomic<Bool>(false)

    init(isHeedless: Bool) { self.isHeedless = isHeedless }

    func end() { isOver.store(true, ordering: .releasing) }

    func hold() {
        began.keep(())
        while !isOver.load(ordering: .acquiring), isHeedless || !Task.isCancelled { sched_yield() }
    }
}

/// Keeps account of who lives and which monitors have told what, from any thread.
final class ChaosBook: @unchecked Sendable {
    // Safety: every var is touched with `lock` held.
    private let lock = Lock()
    private var processes: [PID: Process<ChaosMessage>] = [:]
    private var monitors: [MonitorReference: PID] = [:]
    private var told: Set<MonitorReference> = []
    private var orders: [PID: (branch: Int, leaf: Int)] = [:]
    /// The leaf of each branch that was stopped last, once the whole is being stopped.
    private var lastStopped: [Int: Int] = [:]
    private var isStopping = false
    private var changeCount = 0
    private var found: [String] = []

    var living: [Process<ChaosMessage>] { lock.withLock { processes.values.sorted { $0.pid.id < $1.pid.id } } }
    var changes: Int { lock.withLock { changeCount } }
    var faults: [String] { lock.withLock { found } }
    /// Monitors that have told nothing, whose watcher lives.
    var openMonitors: Int { lock.withLock { monitors.values.filter { processes[$0] != nil }.count } }

    func has(_ pid: PID) -> Bool { lock.withLock { processes[pid] != nil } }

    func begins(stop: Bool) { lock.withLock { isStopping = stop } }

    func spawn(on scheduler: Scheduler, order: (Int, Int)?) -> Process<ChaosMessage> {
        let process = Process<ChaosMessage>.spawn(on: scheduler) { me in
            while let message = await me.receive() { try message.play(me) }
        }
        lock.withLock {
            processes[process.pid] = process
            orders[process.pid] = order.map { (branch: $0.0, leaf: $0.1) }
            changeCount += 1
        }
        scheduler.run { [self] in process.core.addObserver { [self] _ in ended(process.pid) } }
        return process
    }

    private func ended(_ pid: PID) {
        lock.withLock {
            changeCount += 1
            if processes.removeValue(forKey: pid) == nil { found.append("\(pid) has ended twice") }
            for (reference, watcher) in monitors where watcher == pid { monitors[reference] = nil }
            guard let order = orders.removeValue(forKey: pid), isStopping else { return }
            if let last = lastStopped[order.branch], last < order.leaf {
                found.append("\(order) ended after leaf \(last)")
            }
            lastStopped[order.branch] = order.leaf
        }
    }

    func began(_ monitor: MonitorReference, of watcher: PID) { lock.withLock { monitors[monitor] = watcher } }

    func heard(_ down: Down, at watcher: PID) {
        lock.withLock {
            if !told.insert(down.monitor).inserted { found.append("\(down) told twice") }
            if monitors.removeValue(forKey: down.monitor) != watcher { found.append("\(down) told to \(watcher)") }
            if down.pid.isAlive { found.append("\(down) of one that lives") }
        }
    }
}

extension ChaosMessage {
    func play(_ me: isolated Process<ChaosMessage>) throws {
        switch self {
        case .nothing: break
        case .end(let reason): throw reason
        case .link(let pid): me.link(pid)
        case .unlink(let pid): me.unlink(pid)
        case .monitor(let pid, let book): book.began(me.monitor(pid) { .down($0, book) }, of: me.pid)
        case .down(let down, let book): book.heard(down, at: me.pid)
        case .unlinkAll(let book, let reply):
            for peer in me.core.peers where book.has(peer) { me.unlink(peer) }
            reply()
        case .hold(let hold): hold.hold()
        case .ping(let reply): reply()
        }
    }
}
