internal import Actors
internal import HansomTesting
internal import Synchronization

/// What the parts of one scenario share: schedulers, time that the scenario moves, who there is and what they saw.
final class Stage: Sendable {
    let time = ScenarioTime()
    let record = Record()
    let cast = Cast()
    private let schedulers: SchedulerGroup
    /// The scheduler of those who hold theirs, if there are any.
    private let remote = Remote()
    private let witness: Process<Witness.Input>
    /// One process a scheduler that only answers: then everything that came before has been handled.
    private let sentinels: [Process<Reply<Void>>]

    /// Where the next process is to live: on each scheduler in turn.
    var scheduler: Scheduler { schedulers.next() }

    /// Where somebody is to live, who has a scheduler apart from the others if the options say `alone`.
    func scheduler(_ options: [String]) -> Scheduler { options.contains("alone") ? remote.scheduler(time) : scheduler }

    init(schedulers count: Int) throws {
        schedulers = try SchedulerGroup(
            options: .init(count: count, time: time, name: "scenario", system: .init(report: { _ in })))
        witness = Witness.spawn(on: schedulers.schedulers[0], record)
        sentinels = schedulers.schedulers.map { scheduler in
            Process.spawn(on: scheduler, label: "sentinel") { me in for await reply in me.mailbox { reply() } }
        }
    }

    /// Watches somebody from now on.
    func watch(_ name: String, _ pid: PID, isChild: Bool = false) async {
        try? await witness.call(timeout: nil) { .watch(pid, name, isChild: isChild, $0) }
    }

    /// Returns when the witness and every scheduler have done what they had to do.
    func settle() async {
        for sentinel in sentinels { try? await sentinel.call(timeout: nil) { $0 } }
        // Nobody answers there, but signals are attended to.
        await remote.group?.schedulers[0].settleSignals()
        for sentinel in sentinels { try? await sentinel.call(timeout: nil) { $0 } }
        try? await witness.call(timeout: nil) { .ping($0) }
    }

    /// Ends everybody, so that nothing is left for the next scenario.
    func clear() async {
        cast.releaseAll()
        for pid in cast.all.map(\.role.pid) + sentinels.map(\.pid) + [witness.pid] {
            pid.exit(.kill)
            _ = await pid.downInAnyCase()
        }
        await schedulers.shutdown()
        await remote.group?.shutdown()
    }

    private final class Remote: @unchecked Sendable {
        // Safety: touched with `lock` held.
        private let lock = Lock()
        private var made: SchedulerGroup?

        var group: SchedulerGroup? { lock.withLock { made } }

        func scheduler(_ time: any TimeSource) -> Scheduler {
            lock.withLock {
                if let made { return made.schedulers[0] }
                let options = SchedulerGroup.Options(
                    count: 1, time: time, name: "remote", system: .init(report: { _ in }))
                guard let group = try? SchedulerGroup(options: options) else {
                    preconditionFailure("no thread is left")
                }
                made = group
                return group.schedulers[0]
            }
        }
    }
}

/// Time that the scenario moves. Its coarse clock moves by itself, whenever it was looked at a few times: so the turn of
/// a process that always finds a message comes to an end though nothing takes any time.
final class ScenarioTime: TimeSource {
    private let manual = ManualTime()
    private let looks = Atomic<UInt64>(0)

    var nanoseconds: UInt64 { manual.nanoseconds }
    var coarseNanoseconds: UInt64 { looks.wrappingAdd(1, ordering: .relaxed).newValue / 8 * 4_000_000 }
    var flows: Bool { false }

    func onMove(_ wake: @escaping @Sendable () -> Void) { manual.onMove(wake) }

    func advance(by duration: Duration) { manual.advance(by: duration) }
}
