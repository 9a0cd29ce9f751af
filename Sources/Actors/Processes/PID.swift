/// Which process: a small value that outlives it.
///
/// Enough to ask a process to end, to link and to hear of its end; messages go through `Process` itself or an `Address`.
public struct PID: Sendable, Hashable, CustomStringConvertible {
    package let core: ProcessCore

    package init(_ core: ProcessCore) { self.core = core }

    public static func == (a: PID, b: PID) -> Bool { a.core === b.core }

    public func hash(into hasher: inout Hasher) { hasher.combine(core.id) }

    /// The process whose body the calling task runs, if it is one's. Child tasks and `Task {}` inherit it. (OTP: `self/0`.)
    public static var current: PID? { ProcessCore.current?.pid }

    /// Its number: no other process of this program has it, before or after.
    public var id: UInt64 { core.id }

    /// The scheduler's index and the process's number, as in `<1.42>`.
    public var description: String { "<\(core.scheduler.index).\(core.id)>" }

    /// Whether the process had not ended a moment ago.
    public var isAlive: Bool { core.isAlive }

    /// Sends an exit signal: the process is to end, for `reason`.
    ///
    /// Its mailbox closes and its task is cancelled; it has ended when its body has returned, or when 5 s have passed. A
    /// process that traps exits gets a message instead. `.kill` cannot be trapped and marks it dead at once. `.normal`
    /// has no effect on another process that does not trap, as in Erlang; a process that sends it to itself ends. To a
    /// process that has ended this does nothing. (OTP: `exit/2`.)
    public func exit(_ reason: ExitReason) { core.sendExit(reason) }

    /// Waits for the end of the process and returns its reason: at once if it has ended already.
    ///
    /// (A monitor of a process that has ended tells `.noProcess`, as in Erlang; whoever holds a `PID` and asks from
    /// outside is told what happened.) Cancelling the waiting task does not shorten the wait.
    public func down() async -> ExitReason {
        let core = core
        return await withCheckedContinuation { continuation in
            core.scheduler.run {
                if let reason = core.endReason { return continuation.resume(returning: reason) }
                core.addObserver { continuation.resume(returning: $0) }
            }
        }
    }
}
