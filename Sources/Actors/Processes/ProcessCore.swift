internal import CHansomSystem
internal import Synchronization

/// What every process has, whatever its kind: identity, its way of life, its links, and those who wait for its end.
///
/// `Process` and `WebSocket` each embed one, so that a connection is one actor and not two. It outlives its process
/// as the tombstone that a `PID` refers to. The body waits at it, as a gate, for messages.
@usableFromInline
package final class ProcessCore: Gate, @unchecked Sendable {
    // Safety: the lets and the atomics are made for any thread. What stands under "shared" is touched within the
    // scheduler's `exclusively`, since a process is to be ended whatever holds that thread; of it, the thread alone
    // writes `host` and `extras`, and so it reads them as it likes. The rest belongs to the scheduler's thread.
    package let id: UInt64
    @usableFromInline package let scheduler: Scheduler
    /// Who started it, or has adopted it, if a process did.
    package internal(set) var parent: UInt64? {
        get {
            let id = parentID.load(ordering: .relaxed)
            return id == 0 ? nil : id
        }
        set { parentID.store(newValue ?? 0, ordering: .relaxed) }
    }
    private let parentID: Atomic<UInt64>
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
    private let taskNumber = Atomic<UInt>(0)

    // Shared. Safety (unchecked exclusivity): no access to these calls out.
    @safe @exclusivity(unchecked) private var life = ExitMachine()
    @safe @exclusivity(unchecked) private var observers = ObserverList<EndObserver>()
    @safe @exclusivity(unchecked) private var links = LinkTable<PID>()
    /// Where it stands among the processes of its scheduler.
    @safe @exclusivity(unchecked) var tablePlace = UInt32.max
    /// Whether its task still runs after it was marked dead.
    @safe @exclusivity(unchecked) private var isZombie = false
    /// What few processes have.
    @safe @exclusivity(unchecked) private(set) var extras: Extras?
    /// The task that runs its body or handler, as long as it does: to be cancelled from any thread.
    @safe @exclusivity(unchecked) private var runningTask: Task<Void, any Error>?
    // Safety: a host that goes has finished its core, which then forgets it.
    @exclusivity(unchecked) private(set) unowned(unsafe) var host: (any ProcessHost)?

    /// The call that its body waits for, at which nothing else sees to that the process is told to end.
    // Safety: the body holds the call while it waits.
    @exclusivity(unchecked) private unowned(unsafe) var awaitedCall: PendingCall?
    /// Whether nobody but the process itself cancels its task.
    @safe @exclusivity(unchecked) private var hasOwnTask = false

    /// Whether it was killed, or its grace is over: what it still does is to stop.
    @safe @exclusivity(unchecked) private(set) var isMarkedDead = false
    /// Whether it was said how long the process may take to end.
    @safe @exclusivity(unchecked) private(set) var isGraceSet = false
    /// How many messages it may take between two looks at the clock: see `JobBudget`.
    @safe @exclusivity(unchecked) final var pace: UInt8 = 1
    /// What introspection and reports call it.
    package var label: String? {
        get { scheduler.exclusively { extras?.label } }
        set {
            guard newValue != nil || extras != nil else { return }
            let extras = makeExtras()
            scheduler.exclusively { extras.label = newValue }
        }
    }
    /// Which task runs its body or handler, for reports of long jobs.
    package var taskIdentity: UInt {
        get { taskNumber.load(ordering: .relaxed) }
        set { taskNumber.store(newValue, ordering: .relaxed) }
    }

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

    /// The process whose body waits for what the current task does, if it is another task than the body's.
    @TaskLocal static var awaiting: ProcessCore?

    package convenience init(on scheduler: Scheduler) {
        self.init(on: scheduler, messageType: nil, parent: nil, places: nil)
    }

    init(on scheduler: Scheduler, messageType: Any.Type?, parent: ProcessCore?, places: MailboxPlaces?) {
        id = ProcessCore.nextID()
        self.scheduler = scheduler
        self.messageType = messageType.map { ObjectIdentifier($0) }
        self.places = places
        parentID = Atomic(parent?.id ?? 0)
        startedAt = scheduler.approximateTime
    }

    /// What stands for a process where there is none: one that has ended.
    static func nobody() -> ProcessCore {
        let core = ProcessCore(on: .forNewProcess)
        _ = core.life.end(.noProcess)
        core.alive.store(false, ordering: .sequentiallyConsistent)
        return core
    }

    package var pid: PID { PID(self) }

    package var isAlive: Bool { alive.load(ordering: .sequentiallyConsistent) }

    /// Whether the calling task, on whatever thread, is the one that runs its body: what that waits for, the process
    /// waits for. What the body has started, as a child task or otherwise, is another.
    @usableFromInline var isCallersOwn: Bool {
        // Those that are not part of it at all are found out at the least cost.
        guard ProcessCore.current === self else { return false }
        if ProcessCore.awaiting === self { return true }
        let task = ProcessCore.currentTask
        return task == 0 || task == taskIdentity
    }

    /// The same for code that runs as the process.
    @usableFromInline var isRunningBody: Bool { ProcessCore.currentTask == taskIdentity }

    /// The task that the calling thread runs, as a number; 0: none. A task is an object, its job the same object, and it is
    /// only compared. It is not always the one whose job runs: one that was started at once runs within another's.
    private static var currentTask: UInt { UInt(bitPattern: unsafe swift_task_getCurrent()) }

    // MARK: On the scheduler's thread

    /// Begins to count as a process of its scheduler, hosted by `host`, which is not retained. If the scheduler is
    /// ending, the process is asked to end as well.
    package func enlist(_ host: any ProcessHost) {
        let isEnding = scheduler.exclusively { () -> Bool in
            unsafe self.host = host
            // One that was killed in the very moment before is on no list.
            if !life.isDead { scheduler.living.insert(self) }
            return scheduler.isEnding
        }
        if isEnding { scheduler.runHereLater { [self] in receiveExit(.shutdown) } }
    }

    func makeExtras() -> Extras {
        if let extras { return extras }
        let made = Extras()
        scheduler.exclusively { extras = made }
        return made
    }

    /// Says what it is called and which task it has, while nobody else knows of it.
    func prepare(label: String) {
        let extras = extras ?? Extras()
        extras.label = label
        self.extras = extras
    }

    /// Has the task of its body made, which has the task-locals of whoever spawns it. On its scheduler's thread, or while
    /// nobody else knows of it.
    @usableFromInline
    func makeTask(_ make: () -> Task<Void, any Error>) {
        hasOwnTask = true
        guard scheduler.isCurrent else {
            runningTask = ProcessCore.$current.withValue(self, operation: make)
            return
        }
        scheduler.isSpawning = true
        let task = ProcessCore.$current.withValue(self, operation: make)
        scheduler.isSpawning = false
        scheduler.exclusively { runningTask = task }
    }

    /// Whether nobody has asked it to end.
    @usableFromInline var mayBegin: Bool { scheduler.exclusively { life.isRunning } }

    /// The calling task is the one that runs its body or handler.
    package func runsThisJob() {
        taskNumber.store(ProcessCore.currentTask, ordering: .relaxed)
    }

    var hasTask: Bool { scheduler.exclusively { runningTask != nil } }

    /// Its task is to stop.
    func cancelTask() {
        scheduler.exclusively { runningTask }?.cancel()
        unsafe awaitedCall?.fail(.cancelled)
    }

    /// Its body is to wait for a call, which fails when the task is told to stop. Whether it is the task of its body that
    /// asks, and the process alone that would tell it so: any other task has to see to that itself.
    func begins(toWaitFor call: PendingCall) -> Bool {
        // Safety: it is only compared.
        scheduler.exclusively {
            guard hasOwnTask, unsafe unsafeBitCast(runningTask, to: UInt.self) == ProcessCore.currentTask else {
                return false
            }
            unsafe awaitedCall = call
            return true
        }
    }

    /// Its body waits no more.
    func endsToWait() { scheduler.exclusively { unsafe awaitedCall = nil } }

    /// Its body or handler runs in `task` from now on; `nil`: it has returned.
    package func runs(_ task: Task<Void, Never>?) {
        // Safety: both are a reference to the task, and it is only cancelled.
        let task = unsafe unsafeBitCast(task, to: Task<Void, any Error>?.self)
        let before = scheduler.exclusively { () -> Task<Void, any Error>? in
            defer { runningTask = task }
            return runningTask
        }
        withExtendedLifetime(before) {}
    }

    /// The actor that embeds it, while it has not ended.
    package var actor: (any ProcessHost)? { unsafe host }

    /// What becomes of it, as it stands.
    var machine: ExitMachine { scheduler.exclusively { life } }

    /// The reason it is ending or has ended with, if it is or has.
    @usableFromInline package var exitReason: ExitReason? { machine.reason }

    /// The reason it has ended with, if it has.
    package var endReason: ExitReason? {
        let machine = machine
        return machine.isDead ? machine.reason : nil
    }

    /// The same from any thread: it does not change any more once the process is not alive.
    var lastReason: ExitReason? { isAlive ? nil : machine.reason }

    /// Whether exit signals become messages from now on.
    func trapExits(_ traps: Bool) { scheduler.exclusively { life.trapsExits = traps } }

    /// The process has begun to end by itself: a server that terminates.
    func beginEnd(_ reason: ExitReason) { change { $0.beginEnd(reason) } }

    /// Changes its life. What the life has held until now is let go of outside the lock.
    private func change<R>(_ change: (inout ExitMachine) -> R) -> R {
        let (before, result) = scheduler.exclusively { (life, change(&life)) }
        return withExtendedLifetime(before) { result }
    }

    /// Calls `tell` once when the process has ended, on its scheduler's thread: at once, with `.noProcess`, if it has
    /// already. For that thread.
    ///
    /// - Parameter id: what `removeObserver` takes; a number of its own from `nextID`.
    /// - Returns: `id`.
    @discardableResult
    package func addObserver(
        _ id: UInt64 = ProcessCore.nextID(), _ tell: @escaping (ExitReason) -> Void
    ) -> UInt64 {
        if add(.onItsThread(tell), id) != nil { tell(.noProcess) }
        return id
    }

    /// Calls `tell` once when the process has ended, from any thread, so also while something holds the scheduler's: it
    /// runs no code of the user's. At once if the process has ended already. From any thread.
    ///
    /// - Parameters:
    ///   - id: what `removeObserver` takes; a number of its own from `nextID`.
    ///   - truth: whether a process that has ended already is to say why, and not only that it is not there.
    func addObserver(_ id: UInt64, truth: Bool = false, fromAnywhere tell: @escaping (ExitReason) -> Void) {
        if let reason = add(.anywhere(tell), id) { tell(truth ? reason : .noProcess) }
    }

    /// The reason with which it has ended, if it has: then nothing is added.
    private func add(_ observer: EndObserver, _ id: UInt64) -> ExitReason? {
        scheduler.exclusively {
            if life.isDead { return life.reason }
            observers.add(id, observer)
            return nil
        }
    }

    /// How many wait for its end.
    package var observerCount: Int { scheduler.exclusively { observers.count } }

    /// Takes an observer back. It costs the same however many there are. From any thread.
    package func removeObserver(_ id: UInt64) {
        // What goes with it may do anything: the list is whole by then.
        let removed = scheduler.exclusively { observers.remove(id) }
        withExtendedLifetime(removed) {}
    }

    /// Does something to its links; `nil` if the process has ended, whose links have been told.
    func withLinks<R>(_ body: (inout LinkTable<PID>) -> R) -> R? {
        scheduler.exclusively { life.isDead ? nil : body(&links) }
    }

    /// Those it is linked to, in no order.
    var peers: [PID] { scheduler.exclusively { links.peers } }

    // MARK: The end

    /// The process ends by an error that somebody is told of: it is not reported as a crash.
    package func beginToldEnd(_ reason: ExitReason) { change { $0.beginToldEnd(reason) } }

    /// A server did not start: whoever starts it is told why.
    @usableFromInline
    func failsToStart(_ error: any Error) { beginToldEnd(ExitReason(thrown: error)) }

    /// What an exit signal does to it. From any thread.
    func decide(_ reason: ExitReason, from source: ExitMachine.Source) -> ExitMachine.Decision {
        change { $0.receive(reason, from: source) }
    }

    /// The process is to end within `grace`.
    func beginExit(_ reason: ExitReason, grace allowed: Duration?) {
        limitGrace(to: allowed)
        unsafe host?.exitSignalArrived(reason)
    }

    /// The same, while something holds the scheduler's thread: the task is cancelled, and the time begins to count.
    ///
    /// - Returns: what is left to do on that thread.
    func beginExitFromElsewhere(_ reason: ExitReason, grace allowed: Duration?) -> @Sendable () -> Void {
        let (task, call) = scheduler.exclusively { unsafe (runningTask, awaitedCall) }
        if let task {
            // What is done when a task is cancelled is code of the user's.
            Timekeeper.shared.aside {
                task.cancel()
                call?.fail(.cancelled)
            }
        }
        let begun = scheduler.time.nanoseconds
        let deadline = allowed.map { allowed in
            Deadline(after: allowed, of: scheduler) { [self] in scheduler.signal { [self] in graceIsOver() } }
        }
        return { [self] in
            deadline?.cancel()
            let gone = Duration.nanoseconds(Int64(clamping: scheduler.time.nanoseconds &- begun))
            beginExit(reason, grace: allowed.map { max($0 - gone, .zero) })
        }
    }

    /// From now on the process has so long to end before it is marked dead; `nil`: as long as it takes.
    @usableFromInline
    func limitGrace(to allowed: Duration?) {
        isGraceSet = true
        endGrace()
        guard let allowed, !machine.isDead else { return }
        // Safety: `finish` disarms it, and whoever lives here finishes before its core goes.
        let alarm = Alarm { [unowned(unsafe) self] in unsafe die() }
        let extras = makeExtras()
        scheduler.exclusively {
            extras.grace = alarm
            scheduler.arm(alarm, after: allowed)
        }
    }

    private func endGrace() {
        guard let extras, let grace = extras.grace else { return }
        scheduler.disarm(grace)
        scheduler.exclusively { extras.grace = nil }
    }

    /// When its grace is over, in the scheduler's nanoseconds. Within `exclusively`.
    var graceEnds: UInt64? { extras?.grace?.deadline }

    /// It has had its time. For a signal: what it returns is left to the scheduler's thread.
    func graceIsOver() -> (@Sendable () -> Void)? {
        guard scheduler.isCurrent else { return dieFromElsewhere() }
        die()
        return nil
    }

    /// The process counts as dead from now on, also if its task still runs.
    func die() {
        // What hears of its end may be code of the user's that kills it once more.
        if machine.isDead || isMarkedDead { return }
        isMarkedDead = true
        // One that is ending already lets go at once of what it still holds.
        unsafe host?.exitSignalArrived(.killed)
        end(.killed, isZombie: unsafe host?.isRunning == true, isReported: true, nil)
    }

    /// The same, while something holds the scheduler's thread. Names, links, monitors and who else waits hear of it now.
    ///
    /// - Returns: what is left to do on that thread.
    func dieFromElsewhere() -> (@Sendable () -> Void)? {
        guard let last = settle(.killed, isZombie: nil) else { return nil }
        Registry.processEnded(self)
        GroupDirectory.processEnded(self)
        Memberships.processEnded(self)
        last.whenEmpty?()
        last.tell(.killed, self, isElsewhere: true)
        return { [self] in
            isMarkedDead = true
            if let host = unsafe host {
                host.exitSignalArrived(.killed)
                forgetHost()
            }
            endGrace()
            last.tellHere(.killed)
        }
    }

    /// The process has ended: everyone who waits for it is told, once. Of one that was marked dead before, only its
    /// task has ended now.
    ///
    /// - Parameter isReported: whether an end by an error is reported as a crash.
    package func finish(_ reason: ExitReason, isReported: Bool = true) {
        forgetTask()
        end(reason, isZombie: false, isReported: isReported, nil)
        forgetHost()
    }

    /// The same for a process whose body has returned for `reason`, unless it was ending for another one before.
    ///
    /// - Parameter notes: what is to be reported of a crash.
    func finishBody(_ reason: ExitReason, notes: @autoclosure () -> CrashNotes?) {
        forgetTask()
        end(exitReason ?? reason, isZombie: false, isReported: true, notes())
        forgetHost()
    }

    /// Its task has returned.
    private func forgetTask() {
        let task = scheduler.exclusively { () -> Task<Void, any Error>? in
            if isZombie { scheduler.undead.remove(self) }
            isZombie = false
            return runningTask.take()
        }
        withExtendedLifetime(task) {}
    }

    private func forgetHost() { scheduler.exclusively { unsafe host = nil } }

    /// Reports a crash before the process has ended: a connection whose handler has crashed has its last words yet.
    package func reportCrash(_ reason: ExitReason) {
        if failsByItself(reason) { scheduler.report(crashReport(reason, nil)) }
    }

    private func end(
        _ reason: ExitReason, isZombie: Bool, isReported: Bool, _ notes: @autoclosure () -> CrashNotes?
    ) {
        let report = isReported && failsByItself(reason) ? crashReport(reason, notes()) : nil
        guard let last = settle(reason, isZombie: isZombie) else { return }
        endGrace()
        forgetHost()
        Registry.processEnded(self)
        GroupDirectory.processEnded(self)
        Memberships.processEnded(self)
        last.whenEmpty?()
        if let report { scheduler.report(report) }
        if last.isAlone { return }
        // A chain of processes that end each other must not end on the stack.
        scheduler.endsUnderWay += 1
        defer { scheduler.endsUnderWay -= 1 }
        if scheduler.endsUnderWay < 16 {
            last.tell(reason, self, isElsewhere: false)
        } else {
            scheduler.runHereLater { [self] in last.tell(reason, self, isElsewhere: false) }
        }
    }

    /// Who is to be told of an end, and what it lets go of.
    private struct LastWill: @unchecked Sendable {
        // Safety: whoever has ended the process hands it to one thread at a time.
        /// `nil`: none.
        let observers: [EndObserver]?
        let links: [(peer: PID, number: UInt64)]?
        let whenEmpty: (@Sendable () -> Void)?
        /// What it was ending for may hold an error of the user's: it goes when all is done.
        let before: ExitMachine

        var isAlone: Bool { observers == nil && links == nil }

        /// - Parameter isElsewhere: whether something holds the scheduler's thread: then those who want to be told on it
        ///   are told later, by `tellHere`.
        func tell(_ reason: ExitReason, _ core: ProcessCore, isElsewhere: Bool) {
            for observer in observers ?? [] {
                switch observer {
                case .anywhere(let tell): tell(reason)
                case .onItsThread(let tell): if !isElsewhere { tell(reason) }
                }
            }
            if let links { core.tell(links, reason) }
        }

        func tellHere(_ reason: ExitReason) {
            for case .onItsThread(let tell) in observers ?? [] { tell(reason) }
        }
    }

    /// Decides that it has ended, unless that was decided before: from then on it counts as dead, for everybody.
    ///
    /// - Parameter isZombie: whether its task still runs; `nil`: if it has one.
    private func settle(_ reason: ExitReason, isZombie: Bool?) -> LastWill? {
        scheduler.exclusively { settleExclusively(reason, isZombie ?? (runningTask != nil)) }
    }

    private func settleExclusively(_ reason: ExitReason, _ isZombie: Bool) -> LastWill? {
        let before = life
        guard life.end(reason) else { return nil }
        alive.store(false, ordering: .sequentiallyConsistent)
        if scheduler.living.remove(self) { scheduler.ends.add(reason.kind) }
        if isZombie {
            self.isZombie = true
            scheduler.undead.insert(self)
        }
        var whenEmpty: (@Sendable () -> Void)?
        if scheduler.living.isEmpty { swap(&whenEmpty, &scheduler.whenEmpty) }
        return LastWill(
            observers: observers.count > 0 ? observers.takeAll() : nil,
            links: links.count > 0 ? links.takeAll() : nil,
            whenEmpty: whenEmpty, before: before)
    }
}

/// Who wants to be told once when a process has ended.
enum EndObserver {
    /// By the thread of the process's scheduler.
    case onItsThread((ExitReason) -> Void)
    /// By whichever thread ends it: it runs no code of the user's.
    case anywhere((ExitReason) -> Void)
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

    /// How many messages wait, as in `activity`. For the scheduler's thread.
    var mailboxLength: Int { get }

    /// The message that it takes next is one of those that are measured: see `MessageSampler`.
    func measureNext()
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
