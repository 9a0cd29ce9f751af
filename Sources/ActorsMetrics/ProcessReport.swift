internal import Actors
internal import CoreMetrics

/// What a back end is told of the processes of a group, report by report.
struct ProcessReport {
    private var instruments: Instruments
    private let wait: Timer
    private let handling: Timer
    /// When the last report was, and how long each scheduler had worked by then.
    private var before: (at: UInt64, busy: [Duration])?
    /// The long mailboxes that were named last.
    private var named: Set<String> = []

    init(_ factory: any MetricsFactory) {
        instruments = Instruments(factory)
        wait = Timer(label: "hansom_mailbox_wait", factory: factory)
        handling = Timer(label: "hansom_message_handling", factory: factory)
    }

    mutating func report(_ survey: GroupSurvey, _ events: EventTally.Totals) {
        for (place, scheduler) in survey.schedulers.enumerated() { report(scheduler, at: place, survey.takenAt) }
        before = (survey.takenAt, survey.schedulers.map(\.info.busyTime))
        count(survey.schedulers)
        reportMailboxes(survey)
        count(events)
    }

    private mutating func report(_ scheduler: SchedulerSurvey, at place: Int, _ now: UInt64) {
        let info = scheduler.info
        let label = [("scheduler", "\(info.index)")]
        instruments.set("processes", info.processCount, label)
        instruments.set("zombies", info.zombies, label)
        instruments.set("scheduler_load", load(of: info, at: place, now), label)
        instruments.set("scheduler_held_seconds", (info.heldFor ?? .zero) / .seconds(1), label)
        // What could not be asked for stays as it was.
        if info.heldFor == nil { instruments.set("run_queue_length", info.runQueueLength, label) }
        for nanoseconds in scheduler.waits { wait.recordNanoseconds(Int64(clamping: nanoseconds)) }
        for nanoseconds in scheduler.handlings { handling.recordNanoseconds(Int64(clamping: nanoseconds)) }
    }

    /// Which part of the time since the last report it has worked; 1 for one that is held.
    private func load(of info: SchedulerInfo, at place: Int, _ now: UInt64) -> Double {
        if info.heldFor != nil { return 1 }
        guard let before, now > before.at else { return 0 }
        let worked = (info.busyTime - before.busy[place]) / .nanoseconds(1)
        return min(max(worked / Double(now - before.at), 0), 1)
    }

    private mutating func count(_ schedulers: [SchedulerSurvey]) {
        func total(_ value: (SchedulerSurvey) -> UInt64) -> UInt64 { schedulers.reduce(0) { $0 &+ value($1) } }
        instruments.count("processes_spawned", total(\.spawned))
        let ends: [(String, (EndTally) -> UInt64)] = [
            ("normal", \.normal), ("shutdown", \.shutdown), ("killed", \.killed), ("error", \.error),
            ("noProcess", \.noProcess),
        ]
        for (reason, count) in ends {
            instruments.count("processes_ended", total { count($0.ends) }, [("reason", reason)])
        }
        instruments.count("dead_letters", total(\.info.deadLetters))
        instruments.count("messages_dropped", total(\.info.messagesDropped))
    }

    private mutating func reportMailboxes(_ survey: GroupSurvey) {
        instruments.set("mailbox_messages", survey.schedulers.compactMap(\.messagesWaiting).reduce(0, +))
        instruments.set("mailbox_messages_max", survey.schedulers.compactMap(\.longestMailbox).max() ?? 0)
        // The longest come first; of those that are called the same, the longest counts.
        let long = Dictionary(survey.longest.map { ($0.called, $0.length) }) { first, _ in first }
        for (called, length) in long { instruments.set("mailbox_length", length, [("process", called)]) }
        for called in named.subtracting(long.keys) { instruments.forget("mailbox_length", [("process", called)]) }
        named = Set(long.keys)
    }

    private mutating func count(_ events: EventTally.Totals) {
        instruments.count("process_crashes", events.crashes)
        instruments.count("long_jobs", events.longJobs)
        for (supervisor, number) in events.restarts {
            instruments.count("supervisor_restarts", number, [("supervisor", supervisor)])
        }
        for (supervisor, number) in events.giveUps {
            instruments.count("supervisor_give_ups", number, [("supervisor", supervisor)])
        }
    }
}

/// How often what was reported. The reports come on the threads where things happen, so it only counts.
final class EventTally: @unchecked Sendable {
    // Safety: `totals` is touched with `lock` held.
    private let lock = Lock()
    private var totals = Totals()

    struct Totals: Sendable {
        /// So many supervisors are named; the others are one together.
        static let mostNames = 100

        var crashes: UInt64 = 0
        var longJobs: UInt64 = 0
        /// By what the supervisor is called.
        var restarts: [String: UInt64] = [:]
        var giveUps: [String: UInt64] = [:]

        mutating func add(_ event: SystemEvent) {
            switch event {
            case .crash: crashes &+= 1
            case .longJob(let job): if !job.wasReportedBefore { longJobs &+= 1 }
            case .restart(let restart): Totals.add(restart.supervisor, to: &restarts)
            case .giveUp(let giveUp): Totals.add(giveUp.supervisor, to: &giveUps)
            default: break
            }
        }

        private static func add(_ supervisor: ProcessIdentity, to counts: inout [String: UInt64]) {
            let called = supervisor.called
            let isNamed = counts[called] != nil || counts.count < mostNames
            counts[isNamed ? called : "other", default: 0] &+= 1
        }
    }

    func add(_ event: SystemEvent) { lock.withLock { totals.add(event) } }

    var current: Totals { lock.withLock { totals } }
}
