internal import Synchronization

/// Where the children of a supervisor live: on which of the schedulers of its group each is started.
///
///     DynamicSupervisor(id: "rooms")                                      // spread over all cores
///     Supervisor(.oneForOne, placement: .spread) { … }
///     try await rooms.start(placement: .by { room.id }) { try await Room(room).started() }
///
/// It holds for what a start does not place by itself, with `on:`; a restart is placed anew, by the same rule.
public struct Placement: Sendable {
    private enum Rule: Sendable {
        case here
        case spread
        case on(Scheduler)
        case key(@Sendable () -> Int)
    }

    private let rule: Rule

    /// Where the supervisor lives: what its children say to each other and to it crosses no thread.
    public static let here = Placement(rule: .here)

    /// On each scheduler of the supervisor's group in turn, so that the children use all cores.
    public static let spread = Placement(rule: .spread)

    /// On one scheduler.
    public static func on(_ scheduler: Scheduler) -> Placement { Placement(rule: .on(scheduler)) }

    /// On the scheduler that a key comes to: those with equal keys live together.
    ///
    /// - Parameter key: gives the key; it is asked at each start.
    public static func by<Key: Hashable & SendableMetatype>(_ key: @escaping @Sendable () -> Key) -> Placement {
        Placement(rule: .key { key().hashValue })
    }

    /// Where a child is started whose supervisor lives on `home`.
    func scheduler(of home: Scheduler) -> Scheduler {
        switch rule {
        case .here: home
        case .spread: home.ring?.next() ?? home
        case .on(let scheduler): scheduler
        case .key(let key): home.ring.map { $0[key()] } ?? home
        }
    }

    /// The scheduler that it names, if it does.
    var scheduler: Scheduler? { if case .on(let scheduler) = rule { scheduler } else { nil } }

    /// Which of the parts of a dynamic supervisor starts a child; `nil`: the caller's.
    func part(of count: Int, _ turn: borrowing Atomic<Int>) -> Int? {
        switch rule {
        case .here, .on: nil
        case .spread: Int(UInt(bitPattern: turn.wrappingAdd(1, ordering: .relaxed).oldValue) % UInt(count))
        case .key(let key): Int(UInt(bitPattern: key()) % UInt(count))
        }
    }
}

/// The schedulers of a group, as one of them knows the others.
final class SchedulerRing: Sendable {
    private let schedulers: [Scheduler]
    private let turn = Atomic<Int>(0)

    init(_ schedulers: [Scheduler]) { self.schedulers = schedulers }

    func next() -> Scheduler { self[turn.wrappingAdd(1, ordering: .relaxed).oldValue] }

    subscript(number: Int) -> Scheduler { schedulers[Int(UInt(bitPattern: number) % UInt(schedulers.count))] }
}

/// Where a supervisor has a child started that is to live on another scheduler than its own.
actor StartSite {
    private nonisolated let scheduler: Scheduler
    /// For a start that leaves its thread for a moment: what it spawns then still belongs here.
    @TaskLocal private static var site: (supervisor: ProcessCore, scheduler: Scheduler)?

    init(on scheduler: Scheduler) { self.scheduler = scheduler }

    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    /// Where a child of the process is being started by the current task, if it is.
    static var current: Scheduler? {
        guard let site, site.supervisor === ProcessCore.current else { return nil }
        return site.scheduler
    }

    /// Starts a child here.
    func run(
        for supervisor: ProcessCore, _ start: @Sendable () async throws -> any Supervisable
    ) async throws -> any Supervisable {
        try await StartSite.$site.withValue((supervisor, scheduler)) { try await start() }
    }
}
