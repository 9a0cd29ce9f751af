internal import CHansomSystem
internal import DequeModule
internal import Glibc
internal import Synchronization

/// One thread that is, at the same time, an event loop and the executor of the actors that live on it.
///
/// When a descriptor becomes ready, the loop calls straight into the actor that owns it: no thread hop, no lock, no
/// queue in between. Everything an actor does on its own scheduler stays on this thread.
///
/// A turn of the loop: take what other threads posted, poll, ring alarms, tell observers, run jobs, flush.
public final class Scheduler: SerialExecutor, TaskExecutor, @unchecked Sendable {
    // Safety (@unchecked Sendable): `inbox`, `isParked`, `phase` and the lets are made for any thread. What stands under
    // "shared under `structure`" is touched within `exclusively`. Every other stored property is touched only by the
    // thread that `isCurrent` names.

    /// Its number in its group, from 0.
    public let index: Int
    package let time: any TimeSource
    /// Whether that is the kernel's clock, which is read without asking what it is.
    private let isKernelTime: Bool
    let poller: any Poller
    let settings: SystemSettings
    /// Who else is told what it reports: those of its group.
    let observers: ReportObservers
    private let ownBlockingPool: BlockingPool?
    private let ownResolverPool: BlockingPool?

    /// The schedulers of its group. It is only asked when a child is placed: a weak reference makes an object slower.
    weak var ring: SchedulerRing?

    // Shared with other threads.
    let inbox = Inbox()
    let isParked = Atomic<Bool>(false)
    let phase = Atomic<Phase>(.idle)
    /// Where its tasks stop that wait for a gate to open.
    @usableFromInline package let gatekeeper = Gatekeeper()
    private let isInAfterlife = Atomic<Bool>(false)
    /// Changes with every thing that the thread begins: whoever sees it twice knows that the thread is still at it.
    let pulse = Atomic<UInt64>(0)
    /// Since when the thread runs the same thing, if that is too long; else 0. In the nanoseconds of `SystemTime`.
    let heldSince = Atomic<UInt64>(0)
    /// The task whose job runs, as a number.
    let runningJob = Atomic<UInt>(0)
    private let runningProcessID = Atomic<UInt64>(0)

    // Shared under `structure`: what must be reached while something holds the thread.
    private let structure = OwnerLock()
    /// What was last taken out of the inbox, and how much of it was done. What is left has its turn before the inbox is
    /// looked into again.
    @safe @exclusivity(unchecked) private var posts: [Inbox.Item] = []
    @safe @exclusivity(unchecked) private var postsDone = 0
    /// The processes that live here and have not ended, and those that were marked dead and whose tasks have not
    /// returned.
    @safe @exclusivity(unchecked) var living = ProcessTable()
    @safe @exclusivity(unchecked) var undead = ProcessTable()
    /// What the end of the group waits for: called once when no process is left.
    @safe @exclusivity(unchecked) var whenEmpty: (@Sendable () -> Void)?
    /// Processes that come now are asked to end at once.
    @safe @exclusivity(unchecked) var isEnding = false
    /// Who holds the thread, if anybody does and it is known.
    @safe @exclusivity(unchecked) var holder: ProcessCore?
    /// Whose the jobs are that are of no process's own task.
    @safe @exclusivity(unchecked) var jobOwners = JobOwners()
    /// What the thread itself said last of how it fares.
    @safe @exclusivity(unchecked) var lastInfo: SchedulerInfo?
    /// How many processes have ended here, and how.
    @safe @exclusivity(unchecked) var ends = EndTally()

    // The owner thread's own.
    //
    // Safety (unchecked exclusivity): no access to these calls out; each is over before any other code runs.
    @safe @exclusivity(unchecked) @usableFromInline var ready = JobQueue()
    /// How much of what was taken out of the inbox is left.
    @safe @exclusivity(unchecked) var postsLeft = 0
    @safe @exclusivity(unchecked) var beats: UInt64 = 0
    /// The task of a process is being made, which says itself whose it is.
    @safe @exclusivity(unchecked) var isSpawning = false
    @safe @exclusivity(unchecked) var alarms = AlarmHeap()
    @safe @exclusivity(unchecked) var watches = WatchTable()
    @safe @exclusivity(unchecked) var flushes = FlushList()
    /// Those that the flush that goes on has to call; what is cancelled leaves its place empty.
    @safe @exclusivity(unchecked) var flushing = FlushList()
    @safe @exclusivity(unchecked) var spins = SpinBudget()
    /// How often it has looked for work.
    @safe @exclusivity(unchecked) var turns: UInt64 = 0
    /// How many jobs it has run.
    @safe @exclusivity(unchecked) package var jobsRun: UInt64 = 0
    /// How many of them other threads handed to it.
    @safe @exclusivity(unchecked) package var jobsPosted: UInt64 = 0
    /// Nanoseconds, read once a turn.
    @safe @exclusivity(unchecked) var now: UInt64 = 0
    /// What other layers keep for each scheduler: buffers, mask keys.
    @safe @exclusivity(unchecked) package var resources: AnyObject?
    /// What the job that runs may still do before others have their turn.
    @safe @exclusivity(unchecked) @usableFromInline var budget = JobBudget()
    /// How many jobs and messages are left until one is measured: in fact never, where nobody measures.
    @safe @exclusivity(unchecked) var untilSample = Int.max
    /// What was measured, where somebody does.
    @safe @exclusivity(unchecked) var sampler: MessageSampler?
    /// The coarse clock, when it was last seen to move.
    @safe @exclusivity(unchecked) var tick: UInt64 = 0
    /// How many descriptors the last look found ready, and how many observers were told.
    @safe @exclusivity(unchecked) var eventsFound = 0
    @safe @exclusivity(unchecked) var eventsTold = 0
    // For other modules: one that reads a variable of another's checks each access, whatever that says.

    /// How often it has looked for work.
    package var turnNumber: UInt64 { turns }
    /// Nanoseconds, read once a turn.
    package var timeOfTurn: UInt64 { now }

    /// The process that runs outside any task, by its number; 0 for none. For reports of long jobs.
    package var runningProcess: UInt64 {
        get { runningProcessID.load(ordering: .relaxed) }
        set { runningProcessID.store(newValue, ordering: .relaxed) }
    }
    let longJobLimit: UInt64
    /// The longest that one job was seen to take, in nanoseconds.
    @safe @exclusivity(unchecked) var longestJob: UInt64 = 0
    /// How long it has worked, in nanoseconds.
    @safe @exclusivity(unchecked) var busyTime: UInt64 = 0
    /// Messages to processes that had ended.
    @safe @exclusivity(unchecked) @usableFromInline var deadLetters: UInt64 = 0
    /// Messages that full mailboxes have dropped.
    @safe @exclusivity(unchecked) var messagesDropped: UInt64 = 0
    /// How many processes are ending within each other now.
    @safe @exclusivity(unchecked) var endsUnderWay = 0

    enum Phase: UInt8, AtomicRepresentable {
        case idle, running, stopping, stopped
    }

    /// Made by a `SchedulerGroup`, or by a test that turns it by hand.
    package init(
        index: Int, poller: any Poller, time: any TimeSource, blockingPool: BlockingPool? = nil,
        resolverPool: BlockingPool? = nil, settings: SystemSettings = SystemSettings(),
        observers: ReportObservers = ReportObservers()
    ) {
        self.index = index
        self.settings = settings
        self.observers = observers
        longJobLimit = settings.longJob.clampedNanoseconds
        ownBlockingPool = blockingPool
        ownResolverPool = resolverPool
        self.poller = poller
        self.time = time
        isKernelTime = time is SystemTime
        now = time.nanoseconds
        tick = time.coarseNanoseconds
        budget.pause()
        unsafe gatekeeper.scheduler = self
        // A weak reference moves an object's reference count out of line, where the leak checker does not find it
        // and every retain takes longer: not for time that nobody moves.
        if !time.flows { time.onMove { [weak self] in self?.wake() } }
    }

    /// Where what lives here does what must block: its group's pool.
    package var blockingPool: BlockingPool { ownBlockingPool ?? SchedulerGroup.shared.blockingPool }

    /// Where the names are looked up for what lives here: on threads of their own, since a name server that does not
    /// answer holds each for many seconds, and what else must block should not wait behind that.
    package var resolverPool: BlockingPool { ownResolverPool ?? SchedulerGroup.shared.resolverPool }

    /// The scheduler that runs the calling thread, if it is one.
    public static var current: Scheduler? {
        guard let pointer = unsafe hansom_current_scheduler() else { return nil }
        return unsafe Unmanaged<Scheduler>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// The time, in nanoseconds.
    @inline(__always) var clock: UInt64 { isKernelTime ? SystemTime.read() : time.nanoseconds }

    /// The same at less cost, maybe a few milliseconds old.
    @inline(__always) var coarseClock: UInt64 { isKernelTime ? SystemTime.readCoarsely() : time.coarseNanoseconds }

    /// The time of this turn for its own thread, else the time.
    var approximateTime: UInt64 { isCurrent ? now : clock }

    /// Whether the calling thread is this scheduler's.
    public var isCurrent: Bool {
        // Safety: the pointer is only compared.
        unsafe hansom_current_scheduler() == Unmanaged.passUnretained(self).toOpaque()
    }

    // MARK: Executor

    /// Takes a job to run on this scheduler: what Swift's runtime calls, from any thread. It never runs the job at
    /// once.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        if isCurrent {
            if !isSpawning { noteOwner(of: job) }
            ready.append(job)
        } else if let held = unsafe hansom_held_job() {
            unsafe held.assumingMemoryBound(to: UnownedJob?.self).pointee = job
        } else {
            // The runtime names the scheduler without holding it, and what the job holds may end with the job: on
            // another thread, or on this one after the scheduler's end.
            let held = unsafe Unmanaged.passRetained(self)
            post(.job(job))
            unsafe held.release()
        }
    }

    /// Calls `start`, which starts a task here from another thread, and returns its first job instead of posting it: so
    /// that the task has the task-locals of the caller, and others hear of it before it runs.
    func firstJob(of start: () -> Void) -> UnownedJob {
        var job: UnownedJob?
        // Safety: `enqueue` writes there while `start` runs, on this thread.
        unsafe withUnsafeMutablePointer(to: &job) { place in
            let outer = unsafe hansom_held_job()
            unsafe hansom_set_held_job(place)
            defer { unsafe hansom_set_held_job(outer) }
            start()
        }
        guard let job else { preconditionFailure("a task of an actor of this scheduler is enqueued here") }
        return job
    }

    /// The runtime asks at every hop: the inherited one retains and releases the scheduler each time.
    @inlinable
    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    /// Traps unless the calling thread is this scheduler's: what `assumeIsolated` of its actors relies on.
    public func checkIsolated() {
        precondition(isCurrent, "called outside scheduler \(index), which owns this state")
    }

    /// Tells Swift's runtime whether the calling thread is this scheduler's; never `nil`.
    public func isIsolatingCurrentContext() -> Bool? { isCurrent }

    /// Makes ready a job that belongs here. For the owner thread.
    @inlinable func runHere(_ job: UnownedJob) { ready.append(job) }

    // MARK: Work: from any thread `run`, `runLater` and `ask`, from its own `runHereLater`

    /// Runs `action` on this scheduler: at once when the caller is on it, else after what was posted before.
    package func run(_ action: @escaping @Sendable () -> Void) {
        if isCurrent { action() } else { post(.action(action)) }
    }

    /// Runs `action` on this scheduler, as `run` does, but never before returning.
    package func runLater(_ action: @escaping @Sendable () -> Void) {
        if isCurrent { runHereLater(action) } else { post(.action(action)) }
    }

    /// Runs `action` in the next round of this turn, without recursion. For the owner thread.
    package func runHereLater(_ action: @escaping () -> Void) { laterHere.append(action) }

    /// What this thread asked itself to do in the next round.
    @safe @exclusivity(unchecked) var laterHere = Deque<() -> Void>()

    /// Does something to what is shared under `structure`, at once and from any thread. The scheduler's own does it at
    /// hardly any cost; for the others see `OwnerLock`, which also says what `body` must not do.
    @inline(__always)
    func exclusively<R>(_ body: () -> R) -> R {
        isCurrent ? structure.withOwner(body) : structure.withOther(body)
    }

    /// What reaches a process whatever holds its scheduler's thread. It is done by that thread, or by the timekeeper's
    /// while the scheduler is held; so it touches nothing but what any thread may, and what is shared under
    /// `structure`, and runs no code of the user's. What it returns is done by the scheduler's thread behind it.
    typealias Signal = @Sendable () -> (@Sendable () -> Void)?

    /// Returns when the signals that were sent before have been carried out, whatever holds the thread.
    package func settleSignals() async {
        await withCheckedContinuation { continuation in
            signal {
                continuation.resume()
                return nil
            }
        }
    }

    /// Carries a signal out: at once when the caller is on this scheduler, else in its place behind what was posted
    /// before.
    func signal(_ signal: @escaping Signal) {
        if isCurrent { signal()?() } else { post(.signal(signal)) }
    }

    /// The processes that live here and have not ended.
    package var processes: ProcessTable { exclusively { living } }

    /// Tasks of processes that were marked dead and have not returned.
    var zombies: Int { exclusively { undead.count } }

    /// Asks something of the scheduler's own state and returns the answer.
    package func ask<R: Sendable>(_ question: @escaping @Sendable (Scheduler) -> R) async -> R {
        await withCheckedContinuation { continuation in
            run { continuation.resume(returning: question(self)) }
        }
    }

    /// Asks something of the scheduler's own state, and returns the answer, or `nil` if its thread is held. One that has
    /// much to do is waited for.
    func askInTime<R: Sendable>(_ question: @escaping @Sendable (Scheduler) -> R) async -> R? {
        let answer = Promise<R?>()
        run { answer.keep(question(self)) }
        while answer.current == nil {
            let look = Promise<Void>()
            let deadline = Deadline(after: .milliseconds(100)) { look.keep(()) }
            answer.whenKept { _ in look.keep(()) }
            await look.valueInAnyCase()
            deadline.cancel()
            if isHeld { answer.keep(nil) }
        }
        return await answer.valueInAnyCase()
    }

    /// Hands over to the scheduler's thread, from whichever: it is done after what was posted before.
    func post(_ item: Inbox.Item) {
        inbox.post(item)
        if phase.load(ordering: .sequentiallyConsistent) == .stopped {
            runAfterlife()
        } else {
            wake()
            if isHeld { Timekeeper.shared.hurry() }
        }
    }

    /// Whether its thread does not come back from what it runs.
    var isHeld: Bool { heldSince.load(ordering: .sequentiallyConsistent) != 0 }

    var hasStopped: Bool { phase.load(ordering: .sequentiallyConsistent) == .stopped }

    /// The thread begins something: a job, an action, what an alarm or a descriptor calls for.
    @inline(__always)
    func beat() {
        beats &+= 1
        pulse.store(beats, ordering: .relaxed)
    }

    /// The next of what was taken out of the inbox, out of its place: what it holds is let go of as soon as it is done.
    func nextPost() -> Inbox.Item {
        structure.withOwner {
            var item = Inbox.Item.done
            swap(&item, &posts[postsDone])
            postsDone += 1
            return item
        }
    }

    /// Takes what waits in the inbox once all that was taken before is done. How much there is to do.
    func takePosts() -> Int {
        structure.withOwner {
            if postsDone == posts.count {
                posts.removeAll(keepingCapacity: posts.count <= 4096)
                postsDone = 0
                if !inbox.isEmpty { inbox.swap(with: &posts) }
            }
            return posts.count - postsDone
        }
    }

    /// Carries out the signals that wait, for its thread, which does not come to it. Whether there were any. For the
    /// timekeeper's thread.
    func serveSignals() -> Bool {
        let signals = structure.withOther { inbox.serveSignals(&posts, from: postsDone) }
        for signal in signals { signal.carryOut() }
        return !signals.isEmpty
    }

    /// Ends the scheduler's sleep, if it sleeps: one system call for however many posts.
    func wake() {
        if isParked.exchange(false, ordering: .sequentiallyConsistent) { poller.wake() }
    }

    /// Once the thread is gone, whoever posts runs what is posted: an actor may be released later than its scheduler.
    ///
    /// One thread at a time does so, and looks again before it leaves; the others go on their way.
    func runAfterlife() {
        while !inbox.isEmpty, !isInAfterlife.exchange(true, ordering: .sequentiallyConsistent) {
            onThisThread { runOut() }
            isInAfterlife.store(false, ordering: .sequentiallyConsistent)
        }
    }

    /// Runs `body` with the calling thread as this scheduler's. Nobody else may be running it meanwhile: that is for
    /// its own loop, for whoever comes after the loop, and for a test that turns it by hand.
    package func onThisThread<R>(_ body: () -> R) -> R {
        let outer = unsafe hansom_current_scheduler()
        unsafe hansom_set_current_scheduler(Unmanaged.passUnretained(self).toOpaque())
        defer { unsafe hansom_set_current_scheduler(outer) }
        return body()
    }

    // MARK: Alarms, for the owner thread

    /// Arms `alarm`, or moves it. A time that has passed is taken for now, so that it does not overtake who waits.
    package func arm(_ alarm: Alarm, at deadline: UInt64) { alarms.arm(alarm, at: max(deadline, now)) }

    package func arm(_ alarm: Alarm, after delay: Duration) {
        arm(alarm, at: clock &+ delay.clampedNanoseconds)
    }

    package func disarm(_ alarm: Alarm) { unsafe alarms.disarm(alarm)?.release() }

    package var alarmCount: Int { alarms.count }

    // MARK: Descriptors, for the owner thread

    /// Watches `descriptor` for `observer`, which is not retained and must `unwatch` before it goes.
    package func watch(
        _ descriptor: Int32, interest: Readiness, observer: any DescriptorObserver
    ) throws(SystemError) -> Watch {
        let watch = watches.add(descriptor, observer)
        do {
            try poller.add(descriptor, interest: interest, token: watch.token)
        } catch {
            watches.remove(watch)
            throw error
        }
        return watch
    }

    package func setInterest(_ interest: Readiness, of watch: Watch) throws(SystemError) {
        try poller.modify(watch.descriptor, interest: interest, token: watch.token)
    }

    /// Ends a watch, once: the number of its descriptor may belong to somebody else by the second time.
    package func unwatch(_ watch: Watch) {
        if watches.remove(watch) { poller.remove(watch.descriptor) }
    }

    package var watchCount: Int { watches.count }

    // MARK: End of turn, for the owner thread

    /// Calls `flush` once, when this turn's jobs have run. Ask at most once until then; who asks while others are being
    /// flushed has its turn at the end of the next, before which the loop does not sleep.
    package func flushAtEndOfTurn(_ flush: any EndOfTurnFlush) { flushes.append(flush) }

    /// Takes back what `flushAtEndOfTurn` asked for.
    package func cancelFlush(_ flush: any EndOfTurnFlush) {
        // Whoever takes it back holds it: nothing ends here.
        flushes.cancel(flush)
        flushing.cancel(flush)
    }
}

/// Something that gathers output during a turn and hands it to the kernel when the turn ends.
package protocol EndOfTurnFlush: AnyObject {
    func flushAtEndOfTurn()
}

/// Those that are to be called at the end of a turn, in the order in which they asked.
@safe struct FlushList: ~Copyable {
    // Safety: `places` has `capacity` slots, the first `count` of which are initialised.
    private var places: UnsafeMutablePointer<(any EndOfTurnFlush)?>
    private var capacity = 16
    private(set) var count = 0

    init() { unsafe places = .allocate(capacity: 16) }

    deinit {
        unsafe places.deinitialize(count: count)
        unsafe places.deallocate()
    }

    var isEmpty: Bool { count == 0 }

    mutating func append(_ flush: any EndOfTurnFlush) {
        if count == capacity { grow() }
        unsafe (places + count).initialize(to: flush)
        count &+= 1
    }

    /// Takes one out and leaves its place empty; `nil` if it was taken back.
    mutating func take(_ index: Int) -> (any EndOfTurnFlush)? {
        precondition(index < count)
        return unsafe places[index].take()
    }

    mutating func cancel(_ flush: any EndOfTurnFlush) {
        for index in 0..<count where unsafe places[index] === flush { unsafe places[index] = nil }
    }

    /// Gives up the places, all of which are empty.
    mutating func removeAll() {
        unsafe places.deinitialize(count: count)
        count = 0
    }

    private mutating func grow() {
        let more = UnsafeMutablePointer<(any EndOfTurnFlush)?>.allocate(capacity: capacity * 2)
        unsafe more.moveInitialize(from: places, count: count)
        unsafe places.deallocate()
        unsafe places = more
        capacity *= 2
    }
}
