internal import Synchronization

/// Something that the runtime reports: a crash, a restart, a job that took too long. (OTP: SASL reports.)
public enum SystemEvent: Sendable {
    /// A process ended with an error.
    case crash(CrashReport)
    /// A supervisor starts a child again.
    case restart(RestartReport)
    /// A supervisor gives up: more restarts than its intensity allows, or a child that cannot be stopped or started.
    case giveUp(GiveUpReport)
    /// A job held its scheduler for too long.
    case longJob(LongJobReport)
    /// A mailbox has grown long.
    case longMailbox(LongMailboxReport)
    /// The system has no descriptors or memory left for what a process is to do, or has some again.
    case exhaustion(ExhaustionReport)
    /// A task wanted to receive from a mailbox that it may not receive from now.
    case secondReceiver(SecondReceiverReport)
}

/// Who it was: what reports say of a process.
public struct ProcessIdentity: Sendable, CustomStringConvertible {
    /// Which process it was; it may have ended since.
    public let pid: PID
    /// The names it had in the registry.
    public let names: [String]
    /// What it was called when it was started.
    public let label: String?

    public var description: String {
        let called = names.first ?? label
        return called.map { "\(pid) \"\($0)\"" } ?? "\(pid)"
    }
}

/// A supervisor starts a child again.
public struct RestartReport: Sendable {
    /// Which supervisor starts the child again.
    public let supervisor: ProcessIdentity
    /// The id in the child's specification; of a dynamic supervisor's child its number there.
    public let child: String
    /// Why the child ended.
    public let reason: ExitReason
    /// How many restarts the supervisor has made in its period, this one included, and how many it may.
    public let restarts: Int
    /// The supervisor's `maxRestarts`: with more restarts than that in its `period` it gives up.
    public let allowed: Int
    /// How long it waits before it does, if it backs off.
    public let delay: Duration
}

/// A supervisor ends because it cannot keep its children running.
public struct GiveUpReport: Sendable {
    /// Which supervisor gives up.
    public let supervisor: ProcessIdentity
    /// The child whose restart would have been one too many: the id in its specification; of a dynamic supervisor's
    /// child its number there.
    public let child: String
    /// Why that child ended or could not be started.
    public let reason: ExitReason
    /// The supervisor's `maxRestarts`: how many restarts it might make in `period`.
    public let allowed: Int
    /// The supervisor's `period`, in which its restarts are counted.
    public let period: Duration
}

/// A job holds its scheduler for too long: everything else that lives there waits. (OTP: `long_schedule`.)
///
/// It is reported while it goes on, and again whenever it has taken twice as long as before.
public struct LongJobReport: Sendable {
    /// The scheduler's number in its group.
    public let scheduler: Int
    /// Whose body or handler it is; `nil` when it is no process's own task.
    public let process: ProcessIdentity?
    /// The number of the process that started it.
    public let parent: UInt64?
    /// How long it has held the scheduler: as time that the scheduler's thread has worked, so that a busy machine makes
    /// nobody's job a long one.
    public let duration: Duration
    /// Whether it is over; as a rule it still goes on.
    public let isOver: Bool
    /// Whether this job was reported before, when it had taken half as long.
    public internal(set) var wasReportedBefore = false
}

/// A mailbox has grown long: its process does not keep up.
public struct LongMailboxReport: Sendable {
    /// Which process has the mailbox.
    public let process: ProcessIdentity
    /// How many messages waited when the mailbox was to grow; the one that came then is not among them.
    public let length: Int
}

/// The system has no descriptors or memory left for what a process is to do. Told once when that begins and once when
/// it is over, not for each attempt.
public struct ExhaustionReport: Sendable {
    /// Which process the system refuses: of a WebSocket server the one that accepts connections.
    public let process: ProcessIdentity
    /// What failed; `nil`: it is over.
    public let error: SystemError?
    /// How long it waits before it tries again.
    public let pause: Duration

    package init(process: ProcessIdentity, error: SystemError?, pause: Duration) {
        self.process = process
        self.error = error
        self.pause = pause
    }
}

/// A task wanted to receive from a mailbox while another one of its process did, or is no part of the process. It got
/// nothing, as if the mailbox had ended; the process and who received first go on.
///
/// Let one task receive, the body, and hand the others what they need: a message belongs to one.
public struct SecondReceiverReport: Sendable {
    /// Whose mailbox it is.
    public let process: ProcessIdentity
    /// Whether the task is no part of the process, whose messages are its own.
    public let isFromOutside: Bool
}

/// What the runtime watches for, and whom it tells.
public struct SystemSettings: Sendable {
    /// From how many waiting messages on a mailbox is reported as long, once each time it grows past that; default
    /// 10,000. It is looked at when the mailbox doubles its storage, so it may be reported from half of that on.
    public var mailboxWarning: Int
    /// How long a job may hold its scheduler before it is reported; default 100 ms. It is measured in steps of about
    /// 10 ms, from a thread of its own, as time that the scheduler's thread works. (OTP: `long_schedule`.)
    public var longJob: Duration
    /// How many bytes a `CrashReport` has at most of each text: of the message that the process was handling, of its
    /// state; default 2048. A longer one is cut, and says so. With 0 no server is asked for such texts.
    public var crashTextLimit: Int
    /// Takes what is reported, on the thread where it happens, a long job on one of the runtime's own: it must not
    /// block for long. Default: `SystemLog`, which hands it to swift-log.
    public var report: @Sendable (SystemEvent) -> Void

    /// Makes settings; what is left out has the default.
    ///
    /// - Parameters:
    ///   - mailboxWarning: from how many waiting messages on a mailbox is reported as long; default 10,000.
    ///   - longJob: how long a job may hold its scheduler before it is reported; default 100 ms.
    ///   - crashTextLimit: how many bytes a report of a crash has of the message and of the state; default 2048.
    ///   - report: takes what is reported, on the thread where it happens; default: `SystemLog`.
    public init(
        mailboxWarning: Int = 10_000, longJob: Duration = .milliseconds(100),
        crashTextLimit: Int = 2_048, report: @escaping @Sendable (SystemEvent) -> Void = SystemLog.report
    ) {
        self.mailboxWarning = mailboxWarning
        self.longJob = longJob
        self.crashTextLimit = max(crashTextLimit, 0)
        self.report = report
    }
}

extension Scheduler {
    package func report(_ event: SystemEvent) {
        settings.report(event)
        observers.tell(event)
    }

    func reportLongMailbox(_ core: ProcessCore, length: Int) {
        report(.longMailbox(LongMailboxReport(process: core.identity, length: length)))
    }

    func reportSecondReceiver(_ core: ProcessCore, isFromOutside: Bool) {
        report(.secondReceiver(SecondReceiverReport(process: core.identity, isFromOutside: isFromOutside)))
    }

    /// A job took `duration`, as far as clocks on the wall tell. Who reports it is the timekeeper, while it goes on,
    /// but where time is moved by hand.
    func jobTook(_ duration: UInt64) {
        longestJob = max(longestJob, duration)
        guard duration >= longJobLimit, !time.flows else { return }
        report(longJobEvent(duration, isOver: true))
    }

    /// From any thread.
    func longJobEvent(_ duration: UInt64, isOver: Bool, wasReportedBefore: Bool = false) -> SystemEvent {
        let core = exclusively { whoRuns }
        return .longJob(
            LongJobReport(
                scheduler: index, process: core?.identity, parent: core?.parent,
                duration: .nanoseconds(Int64(clamping: duration)), isOver: isOver,
                wasReportedBefore: wasReportedBefore))
    }

    /// Whose task runs, or which process runs outside any, if that is known. Within `exclusively`.
    ///
    /// It is found by the job's task, which stays the same from one suspension to the next, or by who made a task ready
    /// that its body has started.
    private var whoRuns: ProcessCore? {
        let (process, job) = (runningProcess, runningJob.load(ordering: .relaxed))
        for table in [living, undead] {
            if let core = table.cores.first(where: { $0.id == process }) { return core }
            if job != 0, let core = table.cores.first(where: { $0.taskIdentity == job }) { return core }
        }
        let owner = jobOwners.owner(of: job)
        if owner == 0 { return nil }
        return living.cores.first { $0.id == owner } ?? undead.cores.first { $0.id == owner }
    }

    // MARK: Held, for the timekeeper's thread

    func beginsToBeHeld(since start: UInt64) {
        exclusively { holder = whoRuns }
        heldSince.store(start, ordering: .sequentiallyConsistent)
    }

    func isNoLongerHeld() {
        heldSince.store(0, ordering: .sequentiallyConsistent)
        let before = exclusively { () -> ProcessCore? in
            defer { holder = nil }
            return holder
        }
        withExtendedLifetime(before) {}
    }

    /// The loop is over. A process holds its scheduler: so that forgets who has held it last.
    func endsToBeWatched() {
        Timekeeper.shared.unwatch(self)
        isNoLongerHeld()
    }

    /// Ends the processes whose grace is over, for the alarms that do not ring.
    ///
    /// - Parameter lastLook: when it was looked for them before. It is done more seldom where there are many.
    /// - Returns: whether it was looked for them.
    func endThoseOutOfGrace(lastLook: UInt64) -> Bool {
        let now = SystemTime.shared.nanoseconds
        let due = exclusively { () -> [ProcessCore]? in
            guard now &- lastLook >= UInt64(living.count) &* 1_000 else { return nil }
            let time = time.nanoseconds
            return living.cores.filter { $0.graceEnds.map { $0 <= time } ?? false }
        }
        for core in due ?? [] { signal { core.graceIsOver() } }
        return due != nil
    }
}

extension ProcessCore {
    /// What reports say of it.
    package var identity: ProcessIdentity {
        ProcessIdentity(pid: pid, names: Registry.names(of: pid), label: label)
    }
}

extension Scheduler {
    func age(since start: UInt64) -> Duration {
        let now = time.nanoseconds
        return .nanoseconds(Int64(clamping: now > start ? now - start : 0))
    }
}

// MARK: Those who listen as well

extension SchedulerGroup {
    /// Tells somebody else too what the group reports, from now on until that is cancelled: beside
    /// `SystemSettings.report`, which is chosen when the group is made.
    ///
    ///     let observation = SchedulerGroup.shared.observeReports { event in
    ///         if case .crash(let crash) = event { alarm(crash) }
    ///     }
    ///
    /// - Parameter take: takes each report, after the settings' own, on the thread where it happens: it must not block
    ///   for long.
    /// - Returns: by what it is cancelled; it may be thrown away.
    @discardableResult
    public func observeReports(_ take: @escaping @Sendable (SystemEvent) -> Void) -> ReportObservation {
        let id = observers.add(take)
        return ReportObservation(id: id, observers: observers)
    }
}

/// That somebody is told what a scheduler group reports: see `SchedulerGroup.observeReports(_:)`.
public struct ReportObservation: Sendable {
    let id: UInt64
    let observers: ReportObservers

    /// Ends it. What is being told just now may still arrive.
    public func cancel() { observers.remove(id) }
}

/// Who is told what the schedulers of a group report, beside the one that their settings name.
package final class ReportObservers: @unchecked Sendable {
    // Safety: `takers` is touched with `lock` held; those in it are called, and let go of, outside.
    private let lock = Lock()
    private var takers: [(id: UInt64, take: @Sendable (SystemEvent) -> Void)] = []

    package init() {}

    func add(_ take: @escaping @Sendable (SystemEvent) -> Void) -> UInt64 {
        let id = ProcessCore.nextID()
        lock.withLock { takers.append((id, take)) }
        return id
    }

    func remove(_ id: UInt64) {
        let gone = lock.withLock {
            let gone = takers.filter { $0.id == id }
            takers.removeAll { $0.id == id }
            return gone
        }
        withExtendedLifetime(gone) {}
    }

    func tell(_ event: SystemEvent) {
        for taker in lock.withLock({ takers }) { taker.take(event) }
    }
}
