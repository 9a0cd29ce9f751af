/// Which process: a small value that outlives it.
///
/// Enough to ask a process to end and to hear of its end; messages go through `Process` itself.
public struct PID: Sendable, Hashable, CustomStringConvertible {
    package let core: ProcessCore

    package init(_ core: ProcessCore) { self.core = core }

    public static func == (a: PID, b: PID) -> Bool { a.core === b.core }

    public func hash(into hasher: inout Hasher) { hasher.combine(core.id) }

    /// The scheduler's index and the process's number, as in `<1.42>`.
    public var description: String { "<\(core.scheduler.index).\(core.id)>" }

    /// Whether the process had not ended a moment ago.
    public var isAlive: Bool { core.isAlive }

    /// Sends an exit signal: the process is to end, for `reason`.
    ///
    /// Its mailbox closes and its task is cancelled; it has ended when its body has returned. `.kill` marks it dead at
    /// once. `.normal` has no effect on another process, as in Erlang; a process that sends it to itself ends. To a
    /// process that has ended this does nothing.
    public func exit(_ reason: ExitReason) {
        let core = core
        let isOwn = ProcessCore.current === core
        core.scheduler.run { core.receiveExit(reason, isOwn: isOwn) }
    }

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
