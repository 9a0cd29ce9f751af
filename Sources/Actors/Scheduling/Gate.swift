/// Where one suspended call of an actor waits, at less cost than a continuation.
///
/// A continuation resumes on the global pool unless its task prefers an executor, and a task that does pays for it
/// at every call (a lock and a look-up in the runtime). A gate is an actor that is its own executor, and that executor
/// only keeps the job it is given. So a task that calls `pass` stops there, and `open` puts its job straight into the
/// scheduler's run queue: no hop, no lock, no allocation.
@usableFromInline
package actor Gate: SerialExecutor {
    // Safety: `waiting` is touched by the scheduler's thread only: the task that passes runs there, and so does
    // whoever opens.
    private nonisolated(unsafe) var waiting: UnownedJob?
    private var passes: UInt64 = 0

    package init() {}

    @usableFromInline package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    @usableFromInline package nonisolated func enqueue(_ job: consuming ExecutorJob) { unsafe waiting = UnownedJob(job) }

    /// Waits until the gate is opened. For one task at a time, which runs as an actor of the scheduler that opens.
    @usableFromInline package func pass() { passes &+= 1 }

    /// Lets the task that waits go on, in this turn of `scheduler`, which must be the caller's.
    @usableFromInline package nonisolated func open(on scheduler: Scheduler) {
        guard let job = unsafe waiting else { return }
        unsafe waiting = nil
        scheduler.runHere(job)
    }
}
