internal import Synchronization

/// What every process has, whatever its kind: identity, its way of life, its links, and those who wait for its end.
///
/// `Process` and `WebSocket` each embed one, so that a connection is one actor and not two. It outlives its process
/// as the tombstone that a `PID` refers to. The body waits at it, as a gate, for messages.
@usableFromInline
package final class ProcessCore: Gate, @unchecked Sendable {
    // Safety: the lets and the atomics are made for any thread; the rest, once it is enlisted, belongs to the
    // scheduler's thread.
    package let id: UInt64
    @usableFromInline package let scheduler: Scheduler
    /// Who started it, or has adopted it, if a process did.
    package internal(set) var parent: UInt64? {
        get { parentID == 0 ? nil : parentID }
        set { parentID = newValue ?? 0 }
    }
    private var parentID: UInt64
    /// When it was made, in the scheduler's nanoseconds.
    package let startedAt: UInt64
    /// The type of its messages, if it takes any.
    let messageType: ObjectIdentifier?
    /// The places of its mailbox, if it is bounded.
    let places: MailboxPlaces?
    /// In which shards of the registry and of the groups it stands: a bit for each.
    let nameShards = Atomic<UInt64>(0)
    let groupShards = Atomic<UInt64>(0)
    private let alive = Atomic<Bool>(true)
    /// Whether its task still runs after it was marked dead.
    private var isZombie = false
    /// Whether it was said how long the process may take to end.
    private(set) var isGraceSet = false
    /// How many messages it may take between two looks at the clock: see `JobBudget`.
    @safe @exclusivity(unchecked) final var pace: UInt8 = 1
    /// Where it stands among the processes of its scheduler.
    var tablePlace = UInt32.max

    var machine = ExitMachine()
    var observers = ObserverList<(ExitReason) -> Void>()
    var links = LinkTable<PID>()
    /// What introspection and reports call it.
    package var label: String? {
        get { extras?.label }
        set { if newValue != nil || extras != nil { makeExtras().label = newValue } }
    }
    /// What few processes have.
    var extras: Extras?
    /// Which task runs its body, for reports of long jobs.
    package var taskIdentity: UInt = 0
    // Safety: a host that goes has finished its core, which then forgets it.
    unowned(unsafe) var host: (any ProcessHost)?

    /// How long a process may take to end after an exit signal before it is marked dead.
    package static let defaultGrace = Duration.seconds(5)

    final class Extras {
        var label: String?
        @safe @exclusivity(unchecked) var timers = TimerList()
        /// Rings when the process must have ended.
        var grace: Alarm?
    }

    private static let lastID = Atomic<UInt64>(0)

    package static func nextID() -> UInt64 { lastID.wrappingAdd(1, ordering: .relaxed).newValue }

    /// The process whose body or handler the current task runs.
    @TaskLocal package static var current: ProcessCore?

    package convenience init(on scheduler: Scheduler) {
        self.init(on: scheduler, messageType: nil, parent: nil, places: nil)
    }

    init(on scheduler: Scheduler, messageType: Any.Type?, parent: ProcessCore?, places: MailboxPlaces?) {
        id = ProcessCore.nextID()
        self.scheduler = scheduler
        self.messageType = messageType.map { ObjectIdentifier($0) }
        self.places = places
        parentID = parent?.id ?? 0
        startedAt = scheduler.approximateTime
    }

    package var pid: PID { PID(self) }

    package var isAlive: Bool { alive.load(ordering: .sequentiallyConsistent) }

    // MARK: On the scheduler's thread

    /// Begins to count as a process of its scheduler, hosted by `host`, which is not retained. If the scheduler is
    /// ending, the process is asked to end as well.
    package func enlist(_ host: any ProcessHost) {
        unsafe self.host = host
        scheduler.processes.insert(self)
        if scheduler.isEnding { scheduler.runHereLater { [self] in receiveExit(.shutdown) } }
    }

    func makeExtras() -> Extras {
        if let extras { return extras }
        let made = Extras()
        extras = made
        return made
    }

    /// The actor that embeds it, while it has not ended.
    package var actor: (any ProcessHost)? { unsafe host }

    /// The reason it is ending or has ended with, if it is or has.
    @usableFromInline package var exitReason: ExitReason? { machine.reason }

    /// The reason it has ended with, if it has.
    package var endReason: ExitReason? { machine.isDead ? machine.reason : nil }

    /// Calls `tell` once when the process has ended: at once, with `.noProcess`, if it has already.
    ///
    /// - Parameter id: what `removeObserver` takes; a number of its own from `nextID`.
    /// - Returns: `id`.
    @discardableResult
    package func addObserver(
        _ id: UInt64 = ProcessCore.nextID(), _ tell: @escaping (ExitReason) -> Void
    ) -> UInt64 {
        if machine.isDead { tell(.noProcess) } else { observers.add(id, tell) }
        return id
    }

    /// How many wait for its end.
    package var observerCount: Int { observers.count }

    /// Takes an observer back. It costs the same however many there are.
    package func removeObserver(_ id: UInt64) {
        // What goes with it may do anything: the list is whole by then.
        let removed = observers.remove(id)
        withExtendedLifetime(removed) {}
    }

    // MARK: The end

    /// The process ends by an error that somebody is told of: it is not reported as a crash.
    package func beginToldEnd(_ reason: ExitReason) { machine.beginToldEnd(reason) }

    /// A server did not start: whoever starts it is told why.
    @usableFromInline
    func failsToStart(_ error: any Error) { beginToldEnd(ExitReason(thrown: error)) }

    /// The process is to end within `grace`.
    func beginExit(_ reason: ExitReason, grace allowed: Duration?) {
        limitGrace(to: allowed)
        unsafe host?.exitSignalArrived(reason)
    }

    /// From now on the process has so long to end before it is marked dead; `nil`: as long as it takes.
    @usableFromInline
    func limitGrace(to allowed: Duration?) {
        isGraceSet = true
        endGrace()
        guard let allowed, !machine.isDead else { return }
        // Safety: `finish` disarms it, and whoever lives here finishes before its core goes.
        let alarm = Alarm { [unowned(unsafe) self] in unsafe die() }
        makeExtras().grace = alarm
        scheduler.arm(alarm, after: allowed)
    }

    private func endGrace() {
        guard let extras, let grace = extras.grace else { return }
        scheduler.disarm(grace)
        extras.grace = nil
    }

    /// The process counts as dead from now on, also if its task still runs.
    func die() {
        if machine.isDead { return }
        // One that is ending already lets go at once of what it still holds.
        unsafe host?.exitSignalArrived(.killed)
        if unsafe host?.isRunning == true {
            isZombie = true
            scheduler.zombies += 1
        }
        end(.killed, isReported: true)
    }

    /// The process has ended: everyone who waits for it is told, once. Of one that was marked dead before, only its
    /// task has ended now.
    ///
    /// - Parameter isReported: whether an end by an error is reported as a crash.
    package func finish(_ reason: ExitReason, isReported: Bool = true) {
        if isZombie {
            isZombie = false
            scheduler.zombies -= 1
        }
        end(reason, isReported: isReported)
    }

    /// Reports a crash before the process has ended: a connection whose handler has crashed has its last words yet.
    package func reportCrash(_ reason: ExitReason) {
        if reason.isCrash && machine.endsByItself { scheduler.report(crashReport(reason)) }
    }

    private func end(_ reason: ExitReason, isReported: Bool) {
        let isFailure = reason.isCrash && machine.endsByItself
        // What it was ending for may hold an error of the user's: it goes when all is done.
        let asked = machine.reason
        defer { withExtendedLifetime(asked) {} }
        guard machine.end(reason) else { return }
        endGrace()
        alive.store(false, ordering: .sequentiallyConsistent)
        let report = isReported && isFailure ? crashReport(reason) : nil
        unsafe host = nil
        Registry.processEnded(self)
        GroupDirectory.processEnded(self)
        scheduler.removeProcess(self)
        if let report { scheduler.report(report) }
        // A chain of processes that end each other must not end on the stack.
        scheduler.endsUnderWay += 1
        defer { scheduler.endsUnderWay -= 1 }
        if scheduler.endsUnderWay < 16 {
            tellEveryone(reason)
        } else {
            scheduler.runHereLater { [self] in tellEveryone(reason) }
        }
    }

    private func tellEveryone(_ reason: ExitReason) {
        if observers.count > 0 {
            for tell in observers.takeAll() { tell(reason) }
        }
        if links.count > 0 { tellLinked(reason) }
    }
}

/// What is a process: the actor that embeds the core.
package protocol ProcessHost: AnyObject {
    /// The process is to end: once for a reason, and once more if it is then killed. When it has ended it calls
    /// `finish` on its core.
    func exitSignalArrived(_ reason: ExitReason)

    /// An exit signal that the process traps.
    func trapped(_ signal: ExitSignal)

    /// Whether a task of its own has not returned.
    var isRunning: Bool { get }

    /// What introspection shows of it.
    var activity: ProcessActivity { get }

    /// Stops taking messages, or goes on. What arrives meanwhile waits.
    func setSuspended(_ isSuspended: Bool)
}

/// What a process is doing, as introspection sees it.
package struct ProcessActivity: Sendable {
    package var state: ProcessState
    package var waiting: Int
    package var handled: UInt64
    package var monitors: Int
    /// What tells it from others of its kind.
    package var detail: String?

    package init(
        state: ProcessState, waiting: Int, handled: UInt64, monitors: Int, detail: String? = nil
    ) {
        self.detail = detail
        self.state = state
        self.waiting = waiting
        self.handled = handled
        self.monitors = monitors
    }
}

/// What a process does at a moment.
public enum ProcessState: String, Sendable, Hashable, CaseIterable {
    /// It has work, or waits for something other than a message.
    case running
    /// It waits for a message.
    case waiting
    /// It takes no messages until it is resumed.
    case suspended
    /// It was asked to end and has not ended yet.
    case exiting
}

/// The processes of one scheduler that have not ended, in no order. Each knows its place, so that adding and removing
/// one costs the same however many there are.
package struct ProcessTable {
    package private(set) var cores: [ProcessCore] = []

    package var count: Int { cores.count }
    package var isEmpty: Bool { cores.isEmpty }

    mutating func insert(_ core: ProcessCore) {
        core.tablePlace = UInt32(cores.count)
        cores.append(core)
    }

    /// Harmless for one that is not there.
    mutating func remove(_ core: ProcessCore) {
        let place = Int(core.tablePlace)
        guard place < cores.count, cores[place] === core else { return }
        let last = cores.removeLast()
        guard last !== core else { return }
        cores[place] = last
        last.tablePlace = core.tablePlace
    }
}

extension Scheduler {
    /// Where a process goes that nobody has placed: to whoever starts it, also when that is a process whose task is
    /// elsewhere just now; from outside, to the shared group's schedulers in turn.
    package static var forNewProcess: Scheduler {
        current ?? ProcessCore.current?.scheduler ?? SchedulerGroup.shared.next()
    }

    func removeProcess(_ core: ProcessCore) {
        processes.remove(core)
        guard processes.isEmpty else { return }
        let action = whenEmpty
        whenEmpty = nil
        action?()
    }

    /// Sends every process `.shutdown`, those that come later too, and waits until all have ended, at most `grace`.
    ///
    /// - Returns: whether they have.
    func endProcesses(grace: Duration) async -> Bool {
        await withCheckedContinuation { continuation in
            run { [self] in
                isEnding = true
                for core in processes.cores { core.receiveExit(.shutdown) }
                if processes.isEmpty { return continuation.resume(returning: true) }
                // Whichever comes first takes the other back. Neither holds the scheduler, which holds both.
                let alarm = Alarm { [unowned self] in
                    whenEmpty = nil
                    continuation.resume(returning: false)
                }
                whenEmpty = { [unowned self] in
                    disarm(alarm)
                    continuation.resume(returning: true)
                }
                arm(alarm, after: grace)
            }
        }
    }
}
