internal import Synchronization

/// What lives in a scheduler group at about one moment, and how it fares. (OTP: `observer`.)
///
///     let snapshot = await SystemSnapshot.take()
///     for process in snapshot.processes where process.mailboxLength > 100 { print(process) }
///
/// It never stops the world: each scheduler is asked for a few hundred processes at a time, between other work, and so
/// the parts are not of one instant. Nothing holds it up: of what lives on a scheduler whose thread a body holds
/// (`SchedulerInfo.heldFor`) it shows what can be told without that thread.
public struct SystemSnapshot: Sendable {
    /// When it was begun, in the schedulers' nanoseconds: for the time between two snapshots.
    public let takenAt: UInt64
    /// The group's schedulers, in the order of their numbers.
    public let schedulers: [SchedulerInfo]
    /// Those that had not ended, scheduler by scheduler, oldest first.
    public let processes: [ProcessSummary]

    /// Takes one.
    ///
    /// - Parameter group: whose; default: the shared group.
    public static func take(of group: SchedulerGroup = .shared) async -> SystemSnapshot {
        var schedulers: [SchedulerInfo] = []
        var processes: [ProcessSummary] = []
        let takenAt = group.schedulers[0].time.nanoseconds
        for scheduler in group.schedulers {
            let answer = await scheduler.askInTime { ($0.info, $0.roster) }
            var answers = answer != nil
            let (info, roster) = answer ?? (scheduler.infoFromElsewhere, scheduler.roster)
            schedulers.append(info)
            let cores = roster.sorted { $0.id < $1.id }
            for start in stride(from: 0, to: cores.count, by: 256) {
                let part = cores[start..<min(start + 256, cores.count)]
                let shown = answers ? await scheduler.askInTime { _ in part.compactMap(\.info) } : nil
                // One that is held is not waited for again.
                answers = shown != nil
                processes += shown ?? part.compactMap(\.infoFromElsewhere)
            }
        }
        return SystemSnapshot(takenAt: takenAt, schedulers: schedulers, processes: processes)
    }
}

/// One scheduler at a moment. Counters count from its start.
public struct SchedulerInfo: Sendable {
    /// The scheduler's number in its group, from 0.
    public let index: Int
    /// How many processes live on it that have not ended.
    public let processCount: Int
    /// How many jobs are ready to run.
    public let runQueueLength: Int
    /// How many jobs it has run.
    public let jobsRun: UInt64
    /// How long it has worked, and not slept.
    public let busyTime: Duration
    /// The longest that one job has held it, as far as that was noticed: in steps of about 4 ms.
    public let longestJob: Duration
    /// Messages to processes that had ended, and those that waited when one ended.
    public let deadLetters: UInt64
    /// Messages that full mailboxes have dropped.
    public let messagesDropped: UInt64
    /// Tasks of processes that were marked dead and have not returned.
    public let zombies: Int
    /// How many alarms are armed: timers, timeouts and deadlines of what lives on it.
    public let alarmCount: Int
    /// How many descriptors it watches.
    public let watchCount: Int
    /// How long its thread has run one thing only, if that is so long that it counts as held; then another thread has
    /// told all this, and the counters are those of the last snapshot before.
    public let heldFor: Duration?
    /// Whose body or handler it is that holds it, if that is known. It may have been marked dead: a zombie.
    public let heldBy: ProcessIdentity?
    /// Those whose tasks `zombies` counts.
    public let zombieProcesses: [ProcessIdentity]
}

/// One process at a moment.
public struct ProcessSummary: Sendable, CustomStringConvertible {
    /// Which process it is; it may have ended since.
    public let pid: PID
    /// Its names in the registry, sorted.
    public let names: [String]
    /// The groups it is in, sorted.
    public let groups: [String]
    /// What it was called when it was started.
    public let label: String?
    /// What it is: `Process<Int>`, `WebSocket`.
    public let kind: String
    /// What tells it from others of its kind: of a connection its peer, its path and its bytes; `nil` if nothing does.
    public let detail: String?
    /// The number of the process that started it.
    public let parent: UInt64?
    /// The number of the scheduler it lives on.
    public let scheduler: Int
    /// What it did when it was asked: running, waiting for a message, suspended or exiting.
    public let state: ProcessState
    /// How many messages waited; of a connection those that have come from its peer and were not received yet.
    public let mailboxLength: Int
    /// How many messages its body has taken.
    public let messagesHandled: UInt64
    /// The processes it is linked to, in no order.
    public let links: [PID]
    /// How many processes it monitors.
    public let monitors: Int
    /// How many wait for its end.
    public let monitoredBy: Int
    /// How long it has lived.
    public let age: Duration
    /// Whether it could not be asked itself, since something holds its scheduler's thread: then the state is running or
    /// exiting, there is no detail, and the mailbox length, the messages and the monitors are 0.
    public let isStale: Bool

    public var description: String {
        let called = names.first ?? label
        return "\(pid) \(kind)\(called.map { " \"\($0)\"" } ?? "") \(state.rawValue), \(mailboxLength) waiting"
    }
}

extension Scheduler {
    /// The processes as they stand, for whoever orders them elsewhere: to sort a million here would hold up all else.
    /// It costs the scheduler a reference to an array that it copies when it next changes.
    var roster: [ProcessCore] { processes.cores }

    /// For its own thread.
    var info: SchedulerInfo {
        let info = SchedulerInfo(
            index: index, processCount: processes.count, runQueueLength: ready.count, jobsRun: jobsRun,
            busyTime: .nanoseconds(Int64(clamping: busyTime)), longestJob: .nanoseconds(Int64(clamping: longestJob)),
            deadLetters: deadLetters, messagesDropped: messagesDropped, zombies: zombies, alarmCount: alarmCount,
            watchCount: watchCount, heldFor: nil, heldBy: nil, zombieProcesses: [])
        // It names no process, whose last reference might go with it.
        exclusively { lastInfo = info }
        return info.with(zombies: undeadIdentities)
    }

    /// What can be told without its thread, with the counters of the last time. From any thread.
    var infoFromElsewhere: SchedulerInfo {
        let (last, count, holder) = exclusively { (lastInfo, living.count, self.holder) }
        let zombies = undeadIdentities
        let since = heldSince.load(ordering: .sequentiallyConsistent)
        let held = Duration.nanoseconds(Int64(clamping: since == 0 ? 0 : SystemTime.shared.nanoseconds &- since))
        return SchedulerInfo(
            index: index, processCount: count, runQueueLength: last?.runQueueLength ?? 0, jobsRun: last?.jobsRun ?? 0,
            busyTime: last?.busyTime ?? .zero, longestJob: max(last?.longestJob ?? .zero, held),
            deadLetters: last?.deadLetters ?? 0, messagesDropped: last?.messagesDropped ?? 0, zombies: zombies.count,
            alarmCount: last?.alarmCount ?? 0, watchCount: last?.watchCount ?? 0, heldFor: held,
            heldBy: holder?.identity, zombieProcesses: zombies)
    }

    private var undeadIdentities: [ProcessIdentity] { exclusively { undead }.cores.map(\.identity) }
}

extension SchedulerInfo {
    fileprivate func with(zombies: [ProcessIdentity]) -> SchedulerInfo {
        if zombies.isEmpty { return self }
        return SchedulerInfo(
            index: index, processCount: processCount, runQueueLength: runQueueLength, jobsRun: jobsRun,
            busyTime: busyTime, longestJob: longestJob, deadLetters: deadLetters, messagesDropped: messagesDropped,
            zombies: zombies.count, alarmCount: alarmCount, watchCount: watchCount, heldFor: heldFor, heldBy: heldBy,
            zombieProcesses: zombies)
    }
}

extension ProcessCore {
    /// What there is to show of it, if it has not ended. For its scheduler's thread.
    var info: ProcessSummary? {
        guard let host = unsafe host, !machine.isDead else { return nil }
        return summary(String(describing: type(of: host)), host.activity, isStale: false)
    }

    /// What of it can be told without that thread. From any.
    fileprivate var infoFromElsewhere: ProcessSummary? {
        // Safety: a host does not go before its core has forgotten it, within `exclusively` too.
        guard let kind = scheduler.exclusively({ unsafe host.map { type(of: $0) as Any.Type } }), isAlive else {
            return nil
        }
        let activity = ProcessActivity(state: .running, waiting: 0, handled: 0, monitors: 0)
        return summary(String(describing: kind), activity, isStale: true)
    }

    private func summary(_ kind: String, _ activity: ProcessActivity, isStale: Bool) -> ProcessSummary {
        ProcessSummary(
            pid: pid, names: Registry.names(of: pid), groups: GroupDirectory.names(of: pid), label: label,
            kind: kind, detail: activity.detail, parent: parent, scheduler: scheduler.index,
            state: machine.isRunning ? activity.state : .exiting, mailboxLength: activity.waiting,
            messagesHandled: activity.handled, links: peers, monitors: activity.monitors,
            monitoredBy: observerCount, age: scheduler.age(since: startedAt), isStale: isStale)
    }
}

extension SystemSnapshot {
    /// The snapshot as one line of JSON: an object with the names of the properties, times in nanoseconds, processes by
    /// their numbers.
    public var json: String {
        var json = JSONText()
        json.object { json in
            json.member("takenAt", takenAt)
            json.member("processCount", processCount)
            json.array("schedulers", schedulers) { json, scheduler in json.object { scheduler.write(to: &$0) } }
            json.array("processes", processes) { json, process in json.object { process.write(to: &$0) } }
        }
        return json.text
    }

    /// How many processes there were, whether they are listed or not.
    public var processCount: Int { schedulers.reduce(0) { $0 + $1.processCount } }

    /// The same with at most so many processes: first those that have started others, then those with the longest
    /// mailboxes, then those that have handled most.
    public func limited(to limit: Int) -> SystemSnapshot {
        guard processes.count > limit else { return self }
        let parents = Set(processes.compactMap(\.parent))
        let ranked = processes.sorted { a, b in
            (parents.contains(a.pid.id) ? 1 : 0, a.mailboxLength, a.messagesHandled)
                > (parents.contains(b.pid.id) ? 1 : 0, b.mailboxLength, b.messagesHandled)
        }
        let kept = Set(ranked.prefix(max(limit, 0)).map(\.pid))
        return SystemSnapshot(
            takenAt: takenAt, schedulers: schedulers, processes: processes.filter { kept.contains($0.pid) })
    }
}

extension SchedulerInfo {
    fileprivate func write(to json: inout JSONText) {
        json.member("index", index)
        json.member("processCount", processCount)
        json.member("runQueueLength", runQueueLength)
        json.member("jobsRun", jobsRun)
        json.member("busyTime", busyTime)
        json.member("longestJob", longestJob)
        json.member("deadLetters", deadLetters)
        json.member("messagesDropped", messagesDropped)
        json.member("zombies", zombies)
        json.member("alarmCount", alarmCount)
        json.member("watchCount", watchCount)
        if let heldFor { json.member("heldFor", heldFor) }
        if let heldBy { json.member("heldBy", "\(heldBy)") }
        if !zombieProcesses.isEmpty { json.array("zombieProcesses", zombieProcesses) { $0.member(nil, "\($1)") } }
    }
}

extension ProcessSummary {
    fileprivate func write(to json: inout JSONText) {
        json.member("pid", pid.id)
        json.array("names", names) { $0.member(nil, $1) }
        json.array("groups", groups) { $0.member(nil, $1) }
        if let label { json.member("label", label) }
        json.member("kind", kind)
        if let detail { json.member("detail", detail) }
        if let parent { json.member("parent", parent) }
        json.member("scheduler", scheduler)
        json.member("state", state.rawValue)
        json.member("mailboxLength", mailboxLength)
        json.member("messagesHandled", messagesHandled)
        json.array("links", links) { $0.member(nil, $1.id) }
        json.member("monitors", monitors)
        json.member("monitoredBy", monitoredBy)
        json.member("age", age)
        if isStale { json.member("isStale", 1) }
    }
}

/// JSON being written, member by member (RFC 8259).
package struct JSONText {
    package private(set) var text = ""
    private var needsComma = false
    private let escape: @Sendable (String) -> String

    /// - Parameter escape: makes a text one that may stand between quotation marks. By default nothing but visible
    ///   ASCII is left as it is, as in logs.
    package init(escaping escape: @escaping @Sendable (String) -> String = { LogText.escaped($0, .json) }) {
        self.escape = escape
    }

    /// An object, or `{` to `}` of what `body` writes.
    package mutating func object(_ key: String? = nil, _ body: (inout JSONText) -> Void) {
        begin(key, "{")
        body(&self)
        end("}")
    }

    package mutating func array<C: Collection>(
        _ key: String, _ elements: C, _ body: (inout JSONText, C.Element) -> Void
    ) {
        begin(key, "[")
        for element in elements { body(&self, element) }
        end("]")
    }

    package mutating func member(_ key: String?, _ value: some BinaryInteger) { write(key, "\(value)") }

    package mutating func member(_ key: String?, _ value: String) { write(key, "\"\(escape(value))\"") }

    /// - Parameter limit: how many bytes of it are written; dots stand for the rest.
    package mutating func member(_ key: String?, _ value: String, atMost limit: Int) {
        write(key, "\"\(LogText.escaped(value, .json, atMost: limit))\"")
    }

    /// In nanoseconds.
    package mutating func member(_ key: String, _ value: Duration) { member(key, value.clampedNanoseconds) }

    private mutating func write(_ key: String?, _ value: String) {
        separate(key)
        text += value
        needsComma = true
    }

    private mutating func begin(_ key: String?, _ bracket: String) {
        separate(key)
        text += bracket
        needsComma = false
    }

    private mutating func end(_ bracket: String) {
        text += bracket
        needsComma = true
    }

    private mutating func separate(_ key: String?) {
        if needsComma { text += "," }
        if let key { text += "\"\(escape(key))\":" }
    }
}
