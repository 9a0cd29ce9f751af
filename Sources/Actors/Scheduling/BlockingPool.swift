internal import CHansomSystem
internal import DequeModule
internal import Glibc

/// Threads for what must block (Erlang's dirty schedulers): name resolution, file reads, calls into C.
///
/// Threads start when they are needed, up to a limit, and end after being idle; further work waits in order.
package final class BlockingPool: TaskExecutor, Sendable {
    /// Runs a closure on a new thread with a name, or returns why there is none (an `errno`).
    typealias ThreadMaker = @Sendable (_ name: String, _ body: @escaping @Sendable () -> Void) -> Int32

    private let storage: Storage
    private let makeThread: ThreadMaker

    init(limit: Int, name: String, makeThread: @escaping ThreadMaker = BlockingPool.detachedThread) {
        storage = Storage(limit: max(limit, 1), name: name)
        self.makeThread = makeThread
    }

    /// Runs `work` on a thread of the pool, as a part of the calling task, with its task-locals.
    ///
    /// Cancelling the task does not interrupt `work`.
    package func run<R: Sendable, E: Error>(_ work: @escaping @Sendable () throws(E) -> R) async throws(E) -> R {
        try await withTaskExecutorPreference(self) { @concurrent () async throws(E) -> R in try work() }
    }

    /// Runs a part of a task.
    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // Held, since only the task holds the pool, and the task may end before `submit` returns.
        let held = unsafe Unmanaged.passRetained(self)
        submit { [self] in unsafe job.runSynchronously(on: asUnownedTaskExecutor()) }
        unsafe held.release()
    }

    /// Runs `work` on a thread of the pool, some time.
    package func submit(_ work: @escaping @Sendable () -> Void) {
        if storage.add(work) { startThread() }
    }

    /// Whether there is nothing that it does or is to do.
    var isIdle: Bool { storage.isIdle }

    /// Lets idle threads end. Work that waits is still done.
    func shutdown() { storage.close() }

    private func startThread() {
        let storage = storage
        // No thread to be had: the caller's own must do, or the work would never be done.
        if makeThread(storage.name, { storage.serve() }) != 0 { storage.runHere() }
    }

    /// Runs a closure on a new thread that nobody joins.
    @Sendable static func detachedThread(_ name: String, _ body: @escaping @Sendable () -> Void) -> Int32 {
        var thread = pthread_t()
        let raw = unsafe Unmanaged.passRetained(ThreadBody(name, body)).toOpaque()
        let status = unsafe pthread_create(&thread, nil, blockingThreadMain, raw)
        if status == 0 { pthread_detach(thread) } else { unsafe Unmanaged<ThreadBody>.fromOpaque(raw).release() }
        return status
    }

    fileprivate final class ThreadBody: Sendable {
        let name: String
        let body: @Sendable () -> Void

        init(_ name: String, _ body: @escaping @Sendable () -> Void) {
            self.name = name
            self.body = body
        }
    }

    @safe private final class Storage: @unchecked Sendable {
        // Safety: every var is touched with `mutex` held. Mutex and condition stay at one address until `deinit`.
        private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
        private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
        private var waiting = Deque<@Sendable () -> Void>()
        private var threads = 0
        private var idle = 0
        private var isClosed = false
        private let limit: Int
        let name: String

        init(limit: Int, name: String) {
            self.limit = limit
            self.name = name
            unsafe mutex.initialize(to: pthread_mutex_t())
            unsafe condition.initialize(to: pthread_cond_t())
            unsafe pthread_mutex_init(mutex, nil)
            unsafe pthread_cond_init(condition, nil)
        }

        deinit {
            unsafe pthread_cond_destroy(condition)
            unsafe pthread_mutex_destroy(mutex)
            unsafe condition.deallocate()
            unsafe mutex.deallocate()
        }

        private func withLock<R>(_ body: () -> R) -> R {
            unsafe pthread_mutex_lock(mutex)
            defer { unsafe pthread_mutex_unlock(mutex) }
            return body()
        }

        /// Whether a new thread is wanted for it.
        func add(_ work: @escaping @Sendable () -> Void) -> Bool {
            withLock {
                waiting.append(work)
                if idle >= waiting.count {
                    unsafe pthread_cond_signal(condition)
                    return false
                }
                if threads >= limit { return false }
                threads += 1
                return true
            }
        }

        var isIdle: Bool { withLock { waiting.isEmpty && threads == idle } }

        func close() {
            withLock {
                isClosed = true
                unsafe pthread_cond_broadcast(condition)
            }
        }

        /// What a thread does until it is idle for too long or the pool is closed.
        func serve() {
            while let work = take() { work() }
        }

        func runHere() {
            serveOnce()
            withLock { threads -= 1 }
        }

        private func serveOnce() {
            let work = withLock { waiting.popFirst() }
            work?()
        }

        private func take() -> (@Sendable () -> Void)? {
            withLock {
                var mayWait = true
                while true {
                    if let work = waiting.popFirst() { return work }
                    if isClosed || !mayWait {
                        threads -= 1
                        return nil
                    }
                    idle += 1
                    mayWait = wait(seconds: 5)
                    idle -= 1
                }
            }
        }

        /// False once the time is over.
        private func wait(seconds: Int) -> Bool {
            var deadline = timespec()
            unsafe clock_gettime(CLOCK_REALTIME, &deadline)
            deadline.tv_sec += seconds
            return unsafe pthread_cond_timedwait(condition, mutex, &deadline) == 0
        }
    }
}

/// A free function, for the reason given at `schedulerThreadMain`.
private func blockingThreadMain(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let raw = unsafe raw else { return nil }
    let thread = unsafe Unmanaged<BlockingPool.ThreadBody>.fromOpaque(raw).takeRetainedValue()
    _ = unsafe thread.name.withCString { unsafe hansom_name_thread($0) }
    thread.body()
    return nil
}

/// Runs `work` on a thread that may block, and returns what it returns.
///
/// A scheduler must never block: everything that lives on it would wait. Name look-ups, file reads and calls into C
/// libraries that take long belong here. `work` has the task-locals of the calling task, `PID.current` too. (OTP: dirty
/// schedulers.)
///
/// - Throws: what `work` throws; `CancellationError` as soon as the calling task is cancelled. `work` that has not
///   begun by then is left out; what has begun goes on to its end, since nothing can interrupt it, and may look at
///   `Task.isCancelled`.
public func blocking<R: Sendable>(_ work: @escaping @Sendable () throws -> R) async throws -> R {
    let outcome = Promise<Result<R, any Error>>()
    let task = Task(executorPreference: BlockingPool.current) {
        if !Task.isCancelled { outcome.keep(Result { try work() }) }
    }
    return try await withTaskCancellationHandler {
        try await outcome.value().get()
    } onCancel: {
        task.cancel()
    }
}

/// The same to its end, whatever becomes of the calling task, and with the type of its error.
package func blockingInAnyCase<R: Sendable, E: Error>(_ work: @escaping @Sendable () throws(E) -> R) async throws(E)
    -> R
{
    try await BlockingPool.current.run(work)
}

extension BlockingPool {
    /// The pool of the calling scheduler's group; from outside that of the shared one.
    fileprivate static var current: BlockingPool {
        (Scheduler.current ?? ProcessCore.current?.scheduler)?.blockingPool ?? SchedulerGroup.shared.blockingPool
    }
}
