internal import CHansomSystem
internal import Glibc
internal import Synchronization

/// A set of schedulers that work is spread over.
///
/// Most programs need only `shared`, which has one scheduler a core and lives as long as the program. One of your own
/// ends with `shutdown`; one that nobody holds any more ends its threads when the last process on them has ended, so
/// hold it as long as you place work on its schedulers.
public final class SchedulerGroup: Sendable {
    /// How a group is made.
    public struct Options: Sendable {
        /// How many schedulers; default: one for each processor that the program may use,
        /// `SchedulerGroup.processorCount`.
        public var count: Int
        /// Where the schedulers read the time; default: the kernel's monotonic clock.
        public var time: any TimeSource
        /// The threads' names begin with this; at most 10 bytes are of use.
        public var name: String
        /// How many threads `blocking` work may use at once; default 8.
        public var blockingThreads: Int
        /// How many names may be looked up at once, each on a thread of its own while that takes; default 16. More wait
        /// in order.
        public var resolverThreads: Int
        /// Keeps glibc from returning freed memory to the kernel between messages, which costs large messages
        /// up to 40 % of their speed. It holds for the whole process. What a server's connections held at a peak of 32
        /// MiB or more is given back some seconds after it. Default `true`.
        public var retainsFreedMemory: Bool
        /// What the runtime watches for, and whom it tells.
        public var system: SystemSettings
        var makePoller: @Sendable () throws(SystemError) -> any Poller

        /// Makes options; each parameter sets the property of its name, and what is left out has the default.
        public init(
            count: Int = SchedulerGroup.processorCount, time: any TimeSource = SystemTime.shared,
            name: String = "hansom", blockingThreads: Int = 8, resolverThreads: Int = 16,
            retainsFreedMemory: Bool = true,
            system: SystemSettings = SystemSettings()
        ) {
            self.count = count
            self.time = time
            self.name = name
            self.blockingThreads = blockingThreads
            self.resolverThreads = resolverThreads
            self.retainsFreedMemory = retainsFreedMemory
            self.system = system
            makePoller = { () throws(SystemError) in try EpollPoller() }
        }

        /// The same with a poller of one's own, for tests.
        package func polling(_ make: @escaping @Sendable () throws(SystemError) -> any Poller) -> Options {
            var options = self
            options.makePoller = make
            return options
        }
    }

    /// The schedulers, in the order of their numbers; the same ones for as long as the group lives.
    public let schedulers: [Scheduler]
    package let blockingPool: BlockingPool
    /// Where names are looked up.
    package let resolverPool: BlockingPool
    private let threads: [SchedulerThread]
    private let turn = Atomic<Int>(0)
    /// What each of the schedulers knows of the others.
    private let ring: SchedulerRing
    let observers: ReportObservers
    /// Who reports the numbers of the group.
    package let measuring = MeasuringPlace()
    private let isEnding = Atomic<Bool>(false)
    private let end = Promise<Void>()

    /// Starts the schedulers' threads.
    ///
    /// - Throws: `SystemError` when the system refuses a descriptor or a thread.
    public init(options: Options = Options()) throws(SystemError) {
        if options.retainsFreedMemory { FreedMemory.retain() }
        let pool = BlockingPool(limit: options.blockingThreads, name: "\(options.name)-b")
        let resolverPool = BlockingPool(limit: options.resolverThreads, name: "\(options.name)-n")
        let observers = ReportObservers()
        var schedulers: [Scheduler] = []
        for index in 0..<max(options.count, 1) {
            schedulers.append(
                Scheduler(
                    index: index, poller: try options.makePoller(), time: options.time, blockingPool: pool,
                    resolverPool: resolverPool, settings: options.system, observers: observers))
        }
        let ring = SchedulerRing(schedulers)
        for scheduler in schedulers { scheduler.ring = ring }
        var threads: [SchedulerThread] = []
        do {
            for scheduler in schedulers {
                threads.append(try SchedulerThread.start(scheduler, name: "\(options.name)-\(scheduler.index)"))
            }
        } catch {
            for (scheduler, thread) in zip(schedulers, threads) {
                scheduler.stop()
                thread.join()
            }
            throw error
        }
        self.ring = ring
        self.observers = observers
        self.schedulers = schedulers
        self.threads = threads
        blockingPool = pool
        self.resolverPool = resolverPool
    }

    deinit {
        guard !isEnding.load(ordering: .sequentiallyConsistent) else { return }
        let rest = GroupRest(schedulers: schedulers, threads: threads, pools: [blockingPool, resolverPool])
        Task.detached { [measuring] in await rest.end(measuring) }
    }

    /// The group that is used where nobody says which: started at first use, never stopped.
    ///
    /// It has one scheduler for each processor that the program may use, unless `configureShared(_:)` has said
    /// otherwise.
    public static let shared: SchedulerGroup = {
        do {
            return try SchedulerGroup(options: sharedOptions.taken())
        } catch {
            preconditionFailure("cannot start schedulers: \(error). Raise the descriptor or thread limit.")
        }
    }()

    private static let sharedOptions = SharedOptions()

    /// Says how the shared group is to be made. To be called before anything uses it: first thing in `main`.
    ///
    ///     try SchedulerGroup.configureShared(.init(count: 4, blockingThreads: 32))
    ///
    /// - Throws: `SharedGroupError` when the group is running already, or was configured before.
    public static func configureShared(_ options: Options) throws(SharedGroupError) {
        try sharedOptions.set(options)
    }

    /// How many processors the program may use: those that are online, of them those that its affinity allows
    /// (`taskset`, cpusets), and no more than the quota of its control groups comes to, rounded up (a container's
    /// `--cpus`).
    public static var processorCount: Int { ProcessorCount.usable() }

    /// Where the next piece of work goes: the caller's own scheduler if it is one of these, else round robin.
    public func place() -> Scheduler {
        if let here = Scheduler.current, schedulers.contains(where: { $0 === here }) { return here }
        return next()
    }

    /// The schedulers in turn.
    public func next() -> Scheduler {
        let ticket = turn.wrappingAdd(1, ordering: .relaxed).oldValue
        return schedulers[Int(UInt(bitPattern: ticket) % UInt(schedulers.count))]
    }

    /// How many processes have not ended. For tests and introspection: asks each scheduler in turn. One that is held
    /// does not count those that are about to begin.
    public func processCount() async -> Int {
        var total = 0
        for scheduler in schedulers {
            total += await scheduler.askInTime { $0.processes.count } ?? scheduler.processes.count
        }
        return total
    }

    /// Ends every process with `.shutdown`, waits for them, and joins the threads.
    ///
    /// Processes that have not ended after `grace` are left behind with their tasks cancelled. A thread that one of
    /// them holds is left behind too, and ends when the body returns. Call it from outside the group's own schedulers.
    /// A second call waits for the same end, with the first one's `grace`.
    ///
    /// - Parameter grace: how long processes may take; default 5 s.
    public func shutdown(grace: Duration = .seconds(5)) async {
        precondition(!schedulers.contains { $0.isCurrent }, "a scheduler cannot wait for its own end")
        guard !isEnding.exchange(true, ordering: .sequentiallyConsistent) else { return await end.valueInAnyCase() }
        // Once more for those that the last ones started elsewhere, which were asked to end when they came.
        var haveEnded = await endProcesses(grace: grace)
        if haveEnded { haveEnded = await endProcesses(grace: grace) }
        measuring.groupEnds()
        let leavesHeld = !haveEnded || schedulers.contains { $0.zombies > 0 }
        await GroupRest(schedulers: schedulers, threads: threads, pools: [blockingPool, resolverPool])
            .stop(patience: haveEnded ? nil : .seconds(1), leavesHeld: leavesHeld)
        end.keep(())
    }
}

/// What a group leaves behind: its threads, and what still uses them.
private struct GroupRest: Sendable {
    let schedulers: [Scheduler]
    let threads: [SchedulerThread]
    let pools: [BlockingPool]

    /// Ends the threads of a group that was dropped, as soon as nothing uses them any more.
    ///
    /// One look is not enough, since the schedulers are asked one after the other: a process may have started another
    /// on one that was asked already. Nobody was there at all if nothing has happened on any between two looks.
    ///
    /// - Parameter measuring: who reports the numbers of the group, which is over by then.
    func end(_ measuring: MeasuringPlace) async {
        var before: [UInt64]?
        var pause = Duration.milliseconds(1)
        while true {
            for scheduler in schedulers { await scheduler.emptied() }
            measuring.groupEnds()
            let now = await activity()
            if let now, now == before { break }
            // What is no process tells nobody when it is done: an attempt to connect, a look-up of a name.
            if now == nil {
                try? await Task.sleep(for: pause)
                pause = min(pause * 2, .seconds(1))
            }
            before = now
        }
        await stop()
    }

    /// How much has happened on each scheduler; `nil` if something waits for a descriptor, a time or a thread.
    private func activity() async -> [UInt64]? {
        var counts: [UInt64] = []
        for scheduler in schedulers {
            let count = await scheduler.ask { scheduler -> UInt64? in
                scheduler.processes.isEmpty && scheduler.watchCount == 0 && scheduler.alarmCount == 0
                    ? scheduler.jobsRun &+ scheduler.processes.inserted : nil
            }
            guard let count else { return nil }
            counts.append(count)
        }
        return pools.allSatisfy(\.isIdle) ? counts : nil
    }

    /// Ends the threads, and waits for them on a thread of its own: those of the blocking pool may all be taken, by
    /// what waits for this end.
    ///
    /// - Parameters:
    ///   - patience: how long it waits at most; `nil`: as long as it takes. A process that was left behind may keep its
    ///     scheduler at work.
    ///   - leavesHeld: whether it waits for none that a process holds that was left behind.
    func stop(patience: Duration? = nil, leavesHeld: Bool = false) async {
        for scheduler in schedulers { scheduler.stop() }
        await joinThreads(patience: patience, leavesHeld: leavesHeld)
        for pool in pools { pool.shutdown() }
    }

    private func joinThreads(patience: Duration?, leavesHeld: Bool) async {
        // The thread that joins them holds no scheduler.
        let threads = threads
        let joined = Promise<Bool>()
        let join = { @Sendable in
            for thread in threads { thread.join() }
            joined.keep(true)
        }
        // No thread to be had: the caller's own must do. The schedulers have been asked to end.
        if BlockingPool.detachedThread("hansom-end", join) != 0 { join() }
        let impatience = patience.map { Deadline(after: $0) { joined.keep(false) } }
        defer { impatience?.cancel() }
        guard leavesHeld else {
            _ = await joined.valueInAnyCase()
            return
        }
        while joined.current == nil {
            let look = Promise<Bool>()
            let deadline = Deadline(after: .milliseconds(20)) { look.keep(false) }
            joined.whenKept { _ in look.keep(true) }
            _ = await look.valueInAnyCase()
            deadline.cancel()
            if schedulers.allSatisfy({ $0.hasStopped || $0.isHeld }) && schedulers.contains(where: \.isHeld) { return }
        }
    }
}

/// Why the shared group could not be configured.
public struct SharedGroupError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Whether the group was running; else it was configured before.
    public let isRunning: Bool

    public var description: String {
        isRunning
            ? "SchedulerGroup.shared is running already: configure it before anything uses it, first thing in main"
            : "SchedulerGroup.shared was configured before: do it once"
    }
}

/// What a group that is made at first use is to be made of.
final class SharedOptions: @unchecked Sendable {
    // Safety: the vars are touched with `lock` held.
    private let lock = Lock()
    private var options: SchedulerGroup.Options?
    private var isTaken = false

    func set(_ options: SchedulerGroup.Options) throws(SharedGroupError) {
        let error: SharedGroupError? = lock.withLock {
            if isTaken || self.options != nil { return SharedGroupError(isRunning: isTaken) }
            self.options = options
            return nil
        }
        if let error { throw error }
    }

    /// What was set, or the default. From now on it is too late.
    func taken() -> SchedulerGroup.Options {
        let options = lock.withLock {
            isTaken = true
            return self.options
        }
        return options ?? SchedulerGroup.Options()
    }
}

extension SchedulerGroup {
    /// Ends the processes of all schedulers at once, since they may wait for each other. Whether all have ended.
    private func endProcesses(grace: Duration) async -> Bool {
        await withTaskGroup { group in
            for scheduler in schedulers { group.addTask { await scheduler.endProcesses(grace: grace) } }
            return await group.reduce(true) { $0 && $1 }
        }
    }
}

/// The operating system's thread under a scheduler.
struct SchedulerThread: @unchecked Sendable {
    // Safety: a `pthread_t` is a value that any thread may join once; `SchedulerGroup` does so once.
    private let thread: pthread_t

    /// Starts a thread that runs `scheduler` until it is stopped.
    static func start(_ scheduler: Scheduler, name: String) throws(SystemError) -> SchedulerThread {
        var thread = pthread_t()
        let start = unsafe Unmanaged.passRetained(ThreadStart(scheduler, name)).toOpaque()
        let status = unsafe pthread_create(&thread, nil, schedulerThreadMain, start)
        guard status == 0 else {
            unsafe Unmanaged<ThreadStart>.fromOpaque(start).release()
            throw SystemError(call: "pthread_create", errno: status)
        }
        return SchedulerThread(thread: thread)
    }

    /// Blocks until the thread has ended.
    func join() { pthread_join(thread, nil) }
}

private final class ThreadStart {
    let scheduler: Scheduler
    let name: String

    init(_ scheduler: Scheduler, _ name: String) {
        self.scheduler = scheduler
        self.name = name
    }
}

/// A free function: a closure literal would inherit the caller's isolation and trap on the new thread.
private func schedulerThreadMain(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let raw = unsafe raw else { return nil }
    let start = unsafe Unmanaged<ThreadStart>.fromOpaque(raw).takeRetainedValue()
    _ = unsafe start.name.withCString { unsafe hansom_name_thread($0) }
    start.scheduler.runLoop()
    return nil
}

/// What glibc keeps of freed memory where `retainsFreedMemory` is on, and how it is given back after a peak.
package enum FreedMemory {
    private static let isRetained = Atomic<Bool>(false)
    private static let isGoingBack = Atomic<Bool>(false)
    /// From how much on glibc gives back the free end of an arena by itself, in bytes.
    private static let trimThreshold: Int32 = 64 << 20
    private static let trimming = Lock()

    /// Keeps freed memory from now on.
    static func retain() {
        _ = hansom_retain_heap(trimThreshold, 8 << 20)
        isRetained.store(true, ordering: .relaxed)
    }

    /// Gives back to the kernel, once, what is free now; nothing where freed memory is not retained.
    ///
    /// It takes some 0.1 ms for each MiB and holds the lock of an arena meanwhile, so ask seldom. It runs on a thread
    /// that may block, and one at a time; but the free end of an arena can only be given back by a thread that uses it.
    ///
    /// - Parameter schedulers: those whose threads have used the memory.
    package static func giveBack(on schedulers: [Scheduler]) {
        guard isRetained.load(ordering: .relaxed), let first = schedulers.first else { return }
        guard !isGoingBack.exchange(true, ordering: .relaxed) else { return }
        first.blockingPool.submit {
            hansom_trim_heap()
            isGoingBack.store(false, ordering: .relaxed)
            for scheduler in schedulers {
                scheduler.runLater { trimming.withLock { hansom_trim_arena(trimThreshold) } }
            }
        }
    }
}
