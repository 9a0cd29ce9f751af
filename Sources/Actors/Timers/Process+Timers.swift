/// Messages to be sent later. They live on the scheduler of the process that sets them and go with it; no task waits.
extension Process {
    /// Sends this process a message after `delay`, unless it is cancelled. (OTP: `erlang:send_after/3`.)
    @inlinable
    @discardableResult
    public func sendAfter(_ delay: Duration, _ message: Message) -> TimerReference {
        start(MessageTimer(self, message), after: delay)
    }

    /// Sends another process a message after `delay`, unless it is cancelled or this process ends first.
    @discardableResult
    public func sendAfter<M: Sendable>(_ delay: Duration, _ message: M, to other: Process<M>) -> TimerReference {
        start(ProcessTimer(owner: core) { other.send(message) }, after: delay)
    }

    /// Sends this process a message every `interval` until it is cancelled. (OTP: `timer:send_interval/2`.)
    ///
    /// The times are counted from the first, so that they do not drift; those that a late scheduler has missed are left
    /// out.
    ///
    /// - Parameter interval: at least a microsecond.
    @discardableResult
    public func sendEvery(_ interval: Duration, _ message: Message) -> TimerReference {
        start(MessageTimer(self, message, interval: max(interval.clampedNanoseconds, 1_000)), after: interval)
    }

    /// Cancels a timer of this process. A message that has arrived stays in the mailbox. (OTP: `erlang:cancel_timer/1`.)
    ///
    /// - Returns: how much time remained; `nil` if it had rung, or was cancelled before, or is another process's.
    @discardableResult
    public func cancel(_ reference: TimerReference) -> Duration? {
        let timer = reference.timer
        guard timer.owner === core, timer.isArmed else { return nil }
        core.forget(timer)
        core.scheduler.disarm(timer)
        let now = core.scheduler.time.nanoseconds
        return .nanoseconds(Int64(clamping: timer.deadline > now ? timer.deadline - now : 0))
    }

    @usableFromInline
    func start(_ timer: ProcessTimer, after delay: Duration) -> TimerReference {
        if isOpen { core.start(timer, after: delay) }
        return TimerReference(timer: timer)
    }
}
