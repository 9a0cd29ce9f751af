internal import CHansomSystem
internal import Glibc
internal import Synchronization

/// The one thread of the program that nothing of the user's can hold: it keeps the deadlines of those who wait outside
/// any scheduler, and watches over the schedulers.
///
/// A scheduler whose thread does not come back from what it runs is *held*. Then this thread does for it what must not
/// wait for that: it carries out the signals that have come (`Scheduler.signal`), ends those whose grace is over,
/// answers those who ask what lives there, and reports who holds it.
///
/// It sleeps while every scheduler does, and looks at those that work once a tick. It runs no code of the user's: what
/// such code has to be called for goes to `aside`, or waits for the scheduler's thread.
@safe final class Timekeeper: @unchecked Sendable {
    // Safety: the vars are touched with `mutex` held; what a watch has of its
    // own belongs to the timekeeper's thread. Alarms ring, and are released, outside the lock.

    /// How long a scheduler may run one thing before it counts as held.
    static let tick: UInt64 = 10_000_000

    static let shared = Timekeeper()

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    /// Signalled when it has looked at all schedulers.
    private let rest: UnsafeMutablePointer<pthread_cond_t>
    private var alarms = AlarmHeap()
    private var watches: [Watch] = []
    /// When it wakes by itself.
    private var plannedWake = UInt64.max
    private var isHurried = false
    /// It looks at schedulers just now, which must not go meanwhile.
    private var isLooking = false
    /// It has seen all schedulers asleep, and is to be told when one wakes.
    private let isIdle = Atomic<Bool>(false)
    /// Where code of the user's runs that nobody waits for: reports, and what a task does when it is cancelled.
    private let side = BlockingPool(limit: 4, name: "hansom-s")

    /// What it knows of one scheduler.
    private final class Watch {
        let scheduler: Scheduler
        /// Counts what the thread has worked.
        let clock: Int32
        var pulse: UInt64 = 0
        /// When it first saw that pulse, and how much the thread had worked by then.
        var seenAt: UInt64 = 0
        var workedBefore: UInt64 = 0
        /// When it looked last for those whose grace is over.
        var looked: UInt64 = 0
        /// At how many nanoseconds of work the job is reported next.
        var reportAt: UInt64 = 0
        var isHeld = false

        init(_ scheduler: Scheduler, clock: Int32) {
            self.scheduler = scheduler
            self.clock = clock
        }
    }

    /// The timekeeper's thread lives as long as the program.
    private init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
        unsafe condition = .allocate(capacity: 1)
        unsafe condition.initialize(to: pthread_cond_t())
        _ = unsafe hansom_monotonic_condition(condition)
        unsafe rest = .allocate(capacity: 1)
        unsafe rest.initialize(to: pthread_cond_t())
        unsafe pthread_cond_init(rest, nil)
        let status = BlockingPool.detachedThread("hansom-t") { [self] in run() }
        precondition(status == 0, "cannot start the timekeeper's thread (errno \(status)). Raise the thread limit.")
    }

    private func withLock<R>(_ body: () -> R) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return body()
    }

    // MARK: From any thread

    /// Calls the alarm's action on its own thread, which it must not hold.
    func arm(_ alarm: Alarm, at deadline: UInt64) {
        withLock {
            alarms.arm(alarm, at: deadline)
            if deadline < plannedWake { unsafe pthread_cond_signal(condition) }
        }
    }

    func disarm(_ alarm: Alarm) {
        let held = unsafe withLock { unsafe alarms.disarm(alarm) }
        unsafe held?.release()
    }

    /// A held scheduler has been sent something.
    func hurry() {
        withLock {
            isHurried = true
            unsafe pthread_cond_signal(condition)
        }
    }

    /// Runs code of the user's that nobody waits for.
    func aside(_ work: @escaping @Sendable () -> Void) { side.submit(work) }

    /// Lets go of what others have made, whose end may run their code: here on a scheduler's thread, else aside.
    static func letGo<Value: Sendable>(_ value: consuming Value) {
        if Scheduler.current != nil { return }
        let held = consume value
        shared.aside { withExtendedLifetime(held) {} }
    }

    /// Watches over a scheduler from now on. For its thread.
    func watch(_ scheduler: Scheduler) {
        let watch = Watch(scheduler, clock: hansom_thread_clock())
        withLock {
            watches.append(watch)
            unsafe pthread_cond_signal(condition)
        }
    }

    /// The scheduler's loop is over, and nobody here knows of it when this returns. For its thread.
    func unwatch(_ scheduler: Scheduler) {
        let gone = withLock {
            let gone = watches.filter { $0.scheduler === scheduler }
            watches.removeAll { $0.scheduler === scheduler }
            while isLooking { unsafe pthread_cond_wait(rest, mutex) }
            return gone
        }
        withExtendedLifetime(gone) {}
    }

    /// A scheduler has woken, and has said so (`isParked`) before.
    @inline(__always)
    func schedulerWoke() {
        if isIdle.load(ordering: .sequentiallyConsistent) { wakeFromIdleness() }
    }

    @inline(never)
    private func wakeFromIdleness() {
        guard isIdle.exchange(false, ordering: .sequentiallyConsistent) else { return }
        withLock { _ = unsafe pthread_cond_signal(condition) }
    }

    // MARK: Its own thread

    private func run() -> Never {
        while true {
            ring()
            let (isAnyAwake, seen) = lookAround()
            withLock {
                isLooking = false
                unsafe pthread_cond_broadcast(rest)
            }
            sleep(untilTick: isAnyAwake, seen)
        }
    }

    /// Looks at each scheduler once. Whether any is awake, and how many there are.
    private func lookAround() -> (isAnyAwake: Bool, seen: Int) {
        let watches = withLock {
            isLooking = true
            return self.watches
        }
        let (isAnyAwake, held) = look(at: watches)
        serve(held)
        return (isAnyAwake, watches.count)
    }

    private func ring() {
        while let alarm = withLock({ alarms.popDue(at: SystemTime.shared.nanoseconds) }) { alarm.ring() }
    }

    /// Which schedulers run the same thing for a tick at least, and whether any is awake.
    private func look(at watches: [Watch]) -> (isAnyAwake: Bool, held: [Watch]) {
        let now = SystemTime.shared.nanoseconds
        var isAnyAwake = false
        for watch in watches {
            let scheduler = watch.scheduler
            let isParked = scheduler.isParked.load(ordering: .sequentiallyConsistent)
            let pulse = scheduler.pulse.load(ordering: .relaxed)
            if !isParked { isAnyAwake = true }
            if !isParked && pulse == watch.pulse && watch.seenAt != 0 {
                guard now &- watch.seenAt >= Timekeeper.tick else { continue }
                if !watch.isHeld { scheduler.beginsToBeHeld(since: watch.seenAt) }
                watch.isHeld = true
            } else {
                if watch.isHeld { scheduler.isNoLongerHeld() }
                watch.isHeld = false
                watch.pulse = pulse
                watch.seenAt = isParked ? 0 : now
                watch.workedBefore = isParked ? 0 : hansom_clock_nanoseconds(watch.clock)
                watch.reportAt = scheduler.longJobLimit
            }
        }
        return (isAnyAwake, watches.filter(\.isHeld))
    }

    /// Does for held schedulers what cannot wait. What it does for one may be a signal to another.
    private func serve(_ held: [Watch]) {
        if held.isEmpty { return }
        let now = SystemTime.shared.nanoseconds
        for watch in held {
            if watch.scheduler.endThoseOutOfGrace(lastLook: watch.looked) { watch.looked = now }
            report(watch)
        }
        // Not for ever: alarms wait.
        for _ in 0..<64 where held.reduce(false, { $1.scheduler.serveSignals() || $0 }) {}
    }

    /// Reports a long job when it has worked for as long as the settings say, and whenever it has for twice as long.
    private func report(_ watch: Watch) {
        let scheduler = watch.scheduler
        guard scheduler.time.flows else { return }
        let worked = hansom_clock_nanoseconds(watch.clock)
        guard worked > watch.workedBefore, worked - watch.workedBefore >= watch.reportAt else { return }
        let duration = worked - watch.workedBefore
        // A thing that has begun meanwhile has worked for less.
        guard scheduler.pulse.load(ordering: .relaxed) == watch.pulse else { return }
        let wasReportedBefore = watch.reportAt > scheduler.longJobLimit
        watch.reportAt = duration &* 2
        let event = scheduler.longJobEvent(duration, isOver: false, wasReportedBefore: wasReportedBefore)
        aside { scheduler.report(event) }
    }

    private func sleep(untilTick: Bool, _ seen: Int) {
        withLock {
            defer {
                isHurried = false
                plannedWake = .max
            }
            if isHurried || watches.count != seen { return }
            var wake = alarms.soonest ?? .max
            if untilTick {
                wake = min(wake, SystemTime.shared.nanoseconds &+ Timekeeper.tick)
            } else {
                isIdle.store(true, ordering: .sequentiallyConsistent)
                // Either a scheduler that wakes sees the mark, or it is seen here that it is awake.
                for watch in watches where !watch.scheduler.isParked.load(ordering: .sequentiallyConsistent) {
                    isIdle.store(false, ordering: .sequentiallyConsistent)
                    return
                }
            }
            plannedWake = wake
            if wake == .max {
                unsafe pthread_cond_wait(condition, mutex)
            } else {
                var deadline = timespec()
                deadline.tv_sec = Int(wake / 1_000_000_000)
                deadline.tv_nsec = Int(wake % 1_000_000_000)
                unsafe pthread_cond_timedwait(condition, mutex, &deadline)
            }
            isIdle.store(false, ordering: .sequentiallyConsistent)
        }
    }
}

/// A moment by which something is to have happened, kept by what no body can hold: so who waits for a process hears of
/// it whatever that process does.
final class Deadline: @unchecked Sendable {
    // Safety: `alarm` belongs to the timekeeper, or to `scheduler`'s thread, as `isCancelled` does.
    private let alarm: Alarm
    /// Where it is kept if time is moved by hand there.
    private let scheduler: Scheduler?
    /// That thread's: what is posted to arm it may come behind what cancels it.
    private var isCancelled = false

    /// - Parameters:
    ///   - scheduler: whose time is meant.
    ///   - action: is called on a thread that it must not hold, and runs no code of the user's.
    init(after delay: Duration, of scheduler: Scheduler, _ action: @escaping @Sendable () -> Void) {
        let alarm = Alarm(action)
        self.alarm = alarm
        self.scheduler = scheduler.time.flows ? nil : scheduler
        if let scheduler = self.scheduler {
            scheduler.run { [self] in if !isCancelled { scheduler.arm(self.alarm, after: delay) } }
        } else {
            Timekeeper.shared.arm(alarm, at: SystemTime.shared.nanoseconds &+ delay.clampedNanoseconds)
        }
    }

    /// By the time of the caller's scheduler; the kernel's clock for one that is on none.
    convenience init(after delay: Duration, ofCallerOn scheduler: Scheduler?, _ action: @escaping @Sendable () -> Void)
    {
        if let scheduler { self.init(after: delay, of: scheduler, action) } else { self.init(after: delay, action) }
    }

    /// By the kernel's clock.
    init(after delay: Duration, _ action: @escaping @Sendable () -> Void) {
        alarm = Alarm(action)
        scheduler = nil
        Timekeeper.shared.arm(alarm, at: SystemTime.shared.nanoseconds &+ delay.clampedNanoseconds)
    }

    /// There is nothing to wait for any more.
    func cancel() {
        if let scheduler {
            scheduler.run { [self] in
                isCancelled = true
                scheduler.disarm(self.alarm)
            }
        } else {
            Timekeeper.shared.disarm(alarm)
        }
    }
}
