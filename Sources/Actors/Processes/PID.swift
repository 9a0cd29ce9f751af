internal import Synchronization

/// Which process: a small value that outlives it.
///
/// Enough to ask a process to end, to link and to hear of its end; messages go through `Process` itself or an
/// `Address`.
public struct PID: Sendable, Hashable, CustomStringConvertible {
    package let core: ProcessCore

    package init(_ core: ProcessCore) { self.core = core }

    public static func == (a: PID, b: PID) -> Bool { a.core === b.core }

    public func hash(into hasher: inout Hasher) { hasher.combine(core.id) }

    /// The process whose body the calling task runs, if it is one's. Child tasks and `Task {}` inherit it. (OTP:
    /// `self/0`.)
    public static var current: PID? { ProcessCore.current?.pid }

    /// Its number: no other process of this program has it, before or after.
    public var id: UInt64 { core.id }

    /// The scheduler's index and the process's number, as in `<1.42>`.
    public var description: String { "<\(core.scheduler.index).\(core.id)>" }

    /// Whether the process had not ended a moment ago.
    public var isAlive: Bool { core.isAlive }

    /// Sends an exit signal: the process is to end, for `reason`.
    ///
    /// Its mailbox closes and its task is cancelled; it has ended when its body has returned, or when 5 s have passed.
    /// A process that traps exits gets a message instead. `.kill` cannot be trapped and marks it dead at once. All that
    /// holds also of a process whose body never suspends, or one that lives beside such a process: after some
    /// milliseconds another thread sees to it. Such a body sees `Task.isCancelled`, and runs on until it returns.
    /// `.normal` has no effect on another process that does not trap, as in Erlang; a process that sends it to itself
    /// ends. To a process that has ended this does nothing. (OTP: `exit/2`.)
    public func exit(_ reason: ExitReason) { core.sendExit(reason) }

    /// Waits for the end of the process and returns its reason: at once if it has ended already.
    ///
    /// (A monitor of a process that has ended tells `.noProcess`, as in Erlang; whoever holds a `PID` and asks from
    /// outside is told what happened.)
    ///
    /// - Throws: `CancellationError` as soon as the calling task is cancelled. The process goes on, and nothing waits
    ///   at it any more.
    public func down() async throws(CancellationError) -> ExitReason {
        if let reason = core.lastReason { return reason }
        let end = Promise<ExitReason>()
        let bond = EndBond(core) { end.keep($0) }
        do {
            return try await end.value()
        } catch {
            bond.end()
            throw error
        }
    }

    /// Waits for the end of the process at most `timeout`, and returns its reason, as `down()` does.
    ///
    /// - Parameter timeout: how long to wait.
    /// - Returns: the reason, or `nil` if the process has not ended by then. Nothing waits at it any more.
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    public func down(timeout: Duration) async throws(CancellationError) -> ExitReason? {
        if let reason = core.lastReason { return reason }
        let end = Promise<ExitReason?>()
        let bond = EndBond(core) { end.keep($0) }
        let deadline = Deadline(after: timeout, of: Scheduler.current ?? core.scheduler) { end.keep(nil) }
        defer {
            bond.end()
            deadline.cancel()
        }
        return try await end.value()
    }

    /// Waits for the end of the process, as `down` does, whatever becomes of the calling task.
    package func downInAnyCase() async -> ExitReason {
        let end = Promise<ExitReason>()
        let bond = EndBond(core) { end.keep($0) }
        defer { withExtendedLifetime(bond) {} }
        return await end.valueInAnyCase()
    }
}

/// What somebody outside a process has to do when it ends, until that is over: what waits for it, what connects on its
/// behalf, a connection that it owns.
package final class EndBond: Sendable {
    private let process: ProcessCore
    private let observer = ProcessCore.nextID()
    private let isOver = Atomic<Bool>(false)

    /// - Parameter whenOver: called once when the process ends, with the reason; at once if it has ended already. From
    ///   any thread: something may hold that of the process's scheduler. So it runs no code of the user's.
    package init(_ process: ProcessCore, whenOver: @escaping @Sendable (ExitReason) -> Void) {
        self.process = process
        process.scheduler.signal { [self] in
            process.addObserver(
                observer, truth: true,
                fromAnywhere: { [self] reason in
                    if !isOver.exchange(true, ordering: .acquiringAndReleasing) { whenOver(reason) }
                })
            // It was ended meanwhile, and has found nothing to take back.
            if isOver.load(ordering: .acquiring) { process.removeObserver(observer) }
            return nil
        }
    }

    /// There is nothing to do any more.
    package func end() {
        guard !isOver.exchange(true, ordering: .acquiringAndReleasing) else { return }
        process.scheduler.signal { [self] in
            process.removeObserver(observer)
            return nil
        }
    }
}
