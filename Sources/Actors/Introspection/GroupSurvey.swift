/// What metrics are told of the schedulers of a group: less than a snapshot, at less cost, and what happens between two.
///
/// Nothing holds it up: a scheduler that is held (`SchedulerInfo.heldFor`) says what can be told without its thread.
package struct GroupSurvey: Sendable {
    /// When it was begun, in the schedulers' nanoseconds.
    package let takenAt: UInt64
    package let schedulers: [SchedulerSurvey]
    /// The processes with the longest mailboxes, of those that have at least `leastLong` messages, the longest first.
    package let longest: [(called: String, length: Int)]

    /// Shorter mailboxes are not named.
    package static let leastLong = 100

    /// - Parameter count: how many long mailboxes are named at most.
    package static func take(of schedulers: [Scheduler], longest count: Int) async -> GroupSurvey {
        let takenAt = schedulers[0].time.nanoseconds
        var surveys: [SchedulerSurvey] = []
        var longest = LongestMailboxes(most: count)
        for scheduler in schedulers { surveys.append(await scheduler.survey(&longest)) }
        // Who has which name is asked here, and not on the schedulers' threads.
        return GroupSurvey(
            takenAt: takenAt, schedulers: surveys,
            longest: longest.found.map { ($0.core.called, $0.length) })
    }
}

/// One scheduler. What is counted counts from its start.
package struct SchedulerSurvey: Sendable {
    package let info: SchedulerInfo
    package let spawned: UInt64
    package let ends: EndTally
    /// How many messages wait, and how many in the longest mailbox; `nil` of one that is held.
    package fileprivate(set) var messagesWaiting: Int?
    package fileprivate(set) var longestMailbox: Int?
    /// What was measured of messages since the last survey, in nanoseconds.
    package let waits: [UInt64]
    package let handlings: [UInt64]
}

/// How many processes have ended, by kind of reason.
package struct EndTally: Sendable {
    package private(set) var normal: UInt64 = 0
    package private(set) var shutdown: UInt64 = 0
    package private(set) var killed: UInt64 = 0
    package private(set) var error: UInt64 = 0
    package private(set) var noProcess: UInt64 = 0

    mutating func add(_ reason: ExitReason.Kind) {
        switch reason {
        case .normal: normal &+= 1
        case .shutdown: shutdown &+= 1
        case .error: error &+= 1
        case .noProcess: noProcess &+= 1
        default: killed &+= 1
        }
    }
}

/// The longest mailboxes of those that it was shown, the longest first.
struct LongestMailboxes: Sendable {
    let most: Int
    private(set) var found: [(core: ProcessCore, length: Int)] = []

    init(most: Int) { self.most = max(most, 0) }

    mutating func see(_ core: ProcessCore, _ length: Int) {
        guard most > 0, length >= GroupSurvey.leastLong else { return }
        if found.count == most, let last = found.last, last.length >= length { return }
        let place = found.firstIndex { $0.length < length } ?? found.count
        found.insert((core, length), at: place)
        if found.count > most { found.removeLast() }
    }
}

extension Scheduler {
    /// What of it is measured and counted. It asks a few hundred processes at a time, between other work.
    fileprivate func survey(_ longest: inout LongestMailboxes) async -> SchedulerSurvey {
        let answer = await askInTime { ($0.info, $0.roster, $0.sampler?.takeAll()) }
        let (info, roster, samples) = answer ?? (infoFromElsewhere, [], nil)
        let (spawned, ends) = exclusively { (living.inserted, self.ends) }
        var survey = SchedulerSurvey(
            info: info, spawned: spawned, ends: ends, waits: samples?.waits ?? [], handlings: samples?.handlings ?? [])
        if answer == nil { return survey }
        var total = 0
        for start in stride(from: 0, to: roster.count, by: 256) {
            let part = roster[start..<min(start + 256, roster.count)]
            let before = longest
            guard let (sum, seen) = await askInTime({ _ in Self.lengths(of: part, before) }) else { return survey }
            total += sum
            longest = seen.longest
            survey.longestMailbox = max(survey.longestMailbox ?? 0, seen.most)
        }
        survey.messagesWaiting = total
        survey.longestMailbox = survey.longestMailbox ?? 0
        return survey
    }

    private static func lengths(
        of cores: ArraySlice<ProcessCore>, _ longest: LongestMailboxes
    ) -> (sum: Int, seen: (longest: LongestMailboxes, most: Int)) {
        var (longest, sum, most) = (longest, 0, 0)
        for core in cores {
            let length = unsafe core.host?.mailboxLength ?? 0
            sum += length
            most = max(most, length)
            longest.see(core, length)
        }
        return (sum, (longest, most))
    }
}

extension ProcessIdentity {
    /// What it is called among its like: a name or the label. Not its number, which none has again.
    package var called: String { names.first ?? label ?? "unnamed" }
}

extension ProcessCore {
    /// The same of one that lives, or else what sort of process it is. From any thread.
    fileprivate var called: String {
        let identity = identity
        // Safety: a host does not go before its core has forgotten it, within `exclusively` too.
        let kind = scheduler.exclusively { unsafe host.map { type(of: $0) as Any.Type } }
        return identity.names.first ?? identity.label ?? kind.map { String(describing: $0) } ?? identity.called
    }
}

/// Where it stands who reports the numbers of a scheduler group: one at a time, so that nothing is counted twice.
package final class MeasuringPlace: @unchecked Sendable {
    // Safety: the vars are touched with `lock` held.
    private let lock = Lock()
    private var current: Measuring?
    private var isGroupOver = false

    init() {}

    /// - Returns: `nil` if somebody reports them already, or the group has ended.
    package func begin() -> Measuring? {
        lock.withLock {
            if isGroupOver || current?.isOver == false { return nil }
            let measuring = Measuring()
            current = measuring
            return measuring
        }
    }

    /// The group has no processes any more.
    func groupEnds() {
        let last = lock.withLock {
            isGroupOver = true
            return current
        }
        last?.end()
    }
}

/// The pauses of one who reports in intervals, and its end.
package final class Measuring: @unchecked Sendable {
    // Safety: the vars are touched with `lock` held.
    private let lock = Lock()
    private var isEnding = false
    private var wake: Promise<Void>?
    private let lastReport = Promise<Void>()

    init() {}

    var isOver: Bool { lastReport.current != nil }

    /// Whether the next report is not the last.
    package var goesOn: Bool { lock.withLock { !isEnding } }

    /// Waits so long, or until the end.
    ///
    /// - Parameter scheduler: by whose time.
    package func pause(_ interval: Duration, of scheduler: Scheduler) async {
        let wake = Promise<Void>()
        let isEnding = lock.withLock {
            self.wake = wake
            return self.isEnding
        }
        if isEnding { return }
        let deadline = Deadline(after: interval, of: scheduler) { wake.keep(()) }
        await wake.valueInAnyCase()
        deadline.cancel()
    }

    /// The next report is to be the last.
    package func end() {
        let wake = lock.withLock {
            isEnding = true
            return self.wake
        }
        wake?.keep(())
    }

    /// The last report was made.
    package func hasEnded() { lastReport.keep(()) }

    /// Returns when the last report was made.
    package func wait() async { await lastReport.valueInAnyCase() }
}
