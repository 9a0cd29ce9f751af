/// Where one suspended call of an actor waits, at less cost than a continuation.
///
/// A continuation resumes on the global pool unless its task prefers an executor, and a task that does pays for it
/// at every call (a lock and a look-up in the runtime). A gatekeeper is an actor that is its own executor, and that
/// executor only puts the job that it is given into the gate. So a task that calls `pass` stops there, and `open` puts
/// its job straight into the scheduler's run queue: no hop, no lock, no allocation.
@usableFromInline
package class Gate: @unchecked Sendable {
    // Safety: touched by the scheduler's thread only: the task that passes runs there, and so does whoever opens. No
    // access calls out.
    @safe @exclusivity(unchecked) @usableFromInline final var waiting: UnownedJob?

    package init() {}

    /// Waits until the gate is opened. For one task at a time, which runs as an actor of `scheduler`.
    @inlinable
    @inline(__always)
    package final func pass(on scheduler: Scheduler) async {
        unsafe scheduler.gatekeeper.gate = self
        await scheduler.gatekeeper.stop()
    }

    /// Lets the task that waits go on, in this turn of `scheduler`, which must be the caller's.
    @inlinable
    package final func open(on scheduler: Scheduler) {
        guard let job = waiting else { return }
        waiting = nil
        scheduler.runHere(job)
    }
}

/// Leads the tasks of one scheduler to their gates.
@usableFromInline
package final actor Gatekeeper: SerialExecutor {
    // Safety: touched by the scheduler's thread only. From the moment when a task names its gate until the task stops,
    // which it does at once, the task holds the gate.
    @exclusivity(unchecked) @usableFromInline nonisolated(unsafe) unowned(unsafe) var gate: Gate?
    private var stops: UInt64 = 0

    init() {}

    @usableFromInline package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    @usableFromInline package nonisolated func enqueue(_ job: consuming ExecutorJob) { unsafe gate?.waiting = UnownedJob(job) }

    /// Where a task stops that has named its gate.
    @usableFromInline package func stop() { stops &+= 1 }
}
