/// Messages to be sent later. They live on the scheduler of the process that sets them and go with it; no task waits.
extension Process {
    /// Sends this process a message after `delay`, unless it is cancelled. (OTP: `erlang:send_after/3`.)
    @discardableResult
    public func sendAfter(_ delay: Duration, _ message: Message) -> TimerReference {
        setTimer(after: delay) { me, _ in me.deliver(message) }
    }

    /// Sends another process a message after `delay`, unless it is cancelled or this process ends first.
    @discardableResult
    public func sendAfter<M: Sendable>(_ delay: Duration, _ message: M, to other: Process<M>) -> TimerReference {
        setTimer(after: delay) { _, _ in other.send(message) }
    }

    /// Sends this process a message every `interval` until it is cancelled. (OTP: `timer:send_interval/2`.)
    ///
    /// The times are counted from the first, so that they do not drift; those that a late scheduler has missed are left
    /// out.
    ///
    /// - Parameter interval: at least a microsecond.
    @discardableResult
    public func sendEvery(_ interval: Duration, _ message: Message) -> TimerReference {
        let step = max(interval.clampedNanoseconds, 1_000)
        return setTimer(after: interval) { me, timer in
            me.repeatTimer(timer, step)
            me.deliver(message)
        }
    }

    /// Cancels a timer of this process. A message that has arrived stays in the mailbox. (OTP: `erlang:cancel_timer/1`.)
    ///
    /// - Returns: how much time remained; `nil` if it had rung, or was cancelled before, or is another process's.
    @discardableResult
    public func cancel(_ reference: TimerReference) -> Duration? {
        let timer = reference.timer
        guard timer.owner == core.id, timer.isArmed else { return nil }
        core.scheduler.disarm(timer)
        special?.timers.remove(timer)
        let now = core.scheduler.time.nanoseconds
        return .nanoseconds(Int64(clamping: timer.deadline > now ? timer.deadline - now : 0))
    }

    private func setTimer(
        after delay: Duration, _ ring: @escaping @Sendable (isolated Process<Message>, ProcessTimer) -> Void
    ) -> TimerReference {
        let timer = ProcessTimer(owner: core.id)
        guard isOpen else { return TimerReference(timer: timer) }
        // Safety: while it is armed the timer is in the list of the process, which disarms it before it goes.
        timer.action = { [unowned(unsafe) self, unowned(unsafe) timer] in
            unsafe onOwnThread { unsafe $0.rang(timer, ring) }
        }
        makeSpecial().timers.insert(timer)
        core.scheduler.arm(timer, after: delay)
        return TimerReference(timer: timer)
    }

    private func rang(_ timer: ProcessTimer, _ ring: @Sendable (isolated Process<Message>, ProcessTimer) -> Void) {
        special?.timers.remove(timer)
        ring(self, timer)
    }

    private func repeatTimer(_ timer: ProcessTimer, _ step: UInt64) {
        let now = core.scheduler.now
        let missed = now > timer.deadline ? (now - timer.deadline) / step : 0
        special?.timers.insert(timer)
        core.scheduler.arm(timer, at: timer.deadline &+ (missed &+ 1) &* step)
    }
}
