internal import Synchronization

/// An alarm that belongs to a process, the one that its message is for, and goes with it.
@usableFromInline
class ProcessTimer: Alarm, @unchecked Sendable {
    // Safety: all but the lets is touched on the scheduler of its owner only.
    let owner: ProcessCore
    // Safety: a timer in the list of its process is armed, and so is retained; both ends of a link are unset together.
    // No access to these calls out.
    @exclusivity(unchecked) fileprivate final unowned(unsafe) var next: ProcessTimer?
    @exclusivity(unchecked) fileprivate final unowned(unsafe) var previous: ProcessTimer?

    @usableFromInline
    init(owner: ProcessCore, _ action: @escaping () -> Void = {}) {
        self.owner = owner
        super.init(action)
    }

    /// Not for use: without it the compiler makes one that calls itself.
    private override init(_ action: @escaping () -> Void) { preconditionFailure("a timer has an owner") }

    override func ring() {
        owner.forget(self)
        action()
    }

    /// It was cancelled, or went with its process, and is in no list any more.
    func release() {}

    override func lapse() {
        // The list of its process does not hold it.
        owner.forget(self)
        super.lapse()
    }
}

/// A timer that sends its own process a message, once or again and again.
@usableFromInline
final class MessageTimer<Message: Sendable>: ProcessTimer, @unchecked Sendable {
    // Safety: for a timer that rings only, and a process cancels its timers before it goes.
    private unowned(unsafe) let process: Process<Message>
    private let message: Message
    /// After how many nanoseconds it rings again; 0: it does not.
    private let interval: UInt64

    @usableFromInline
    init(_ process: Process<Message>, _ message: Message, interval: UInt64 = 0) {
        unsafe self.process = process
        self.message = message
        self.interval = interval
        super.init(owner: process.core)
    }

    override func ring() {
        owner.forget(self)
        if interval > 0 { repeatLater() }
        unsafe process.deliver(message)
    }

    private func repeatLater() {
        let scheduler = owner.scheduler
        let missed = scheduler.now > deadline ? (scheduler.now - deadline) / interval : 0
        owner.start(self, at: deadline &+ (missed &+ 1) &* interval)
    }
}

/// A timer that sends another process a message. It lives where that process does, and outlives who has set it, who may
/// be on another scheduler.
final class OutboundTimer: ProcessTimer, @unchecked Sendable {
    /// Who has set it, and may cancel it.
    let setter: ProcessCore
    /// When it is to ring, in the nanoseconds of its owner's scheduler.
    let due: UInt64
    /// Whether it has rung or was cancelled: whichever comes first counts.
    private let isOver = Atomic<Bool>(false)

    init(setBy setter: ProcessCore, for owner: ProcessCore, after delay: Duration, _ action: @escaping () -> Void) {
        self.setter = setter
        due = owner.scheduler.time.nanoseconds &+ delay.clampedNanoseconds
        super.init(owner: owner, action)
    }

    /// Whether it was not over before. It is now.
    func settle() -> Bool { !isOver.exchange(true, ordering: .sequentiallyConsistent) }

    override func ring() {
        owner.forget(self)
        let action = action
        release()
        if settle() { action() }
    }

    /// Who has set it may keep the reference for long: the message goes when there is no more use for it.
    override func release() {
        let action = action
        self.action = {}
        withExtendedLifetime(action) {}
    }

    /// It was cancelled. On its owner's scheduler.
    func drop() {
        guard isArmed else { return }
        owner.forget(self)
        owner.scheduler.disarm(self)
        release()
    }
}

/// The armed timers of one process, linked to each other, so that adding and removing one costs the same however many
/// there are.
@safe struct TimerList {
    // Safety: as the links of `ProcessTimer`.
    private unowned(unsafe) var first: ProcessTimer?

    mutating func insert(_ timer: ProcessTimer) {
        unsafe first?.previous = timer
        unsafe timer.next = first
        unsafe first = timer
    }

    mutating func remove(_ timer: ProcessTimer) {
        let (previous, next) = unsafe (timer.previous, timer.next)
        if let previous { unsafe previous.next = next } else { unsafe first = next }
        unsafe next?.previous = previous
        unsafe timer.next = nil
        unsafe timer.previous = nil
    }

    /// Takes one out, if there is one.
    mutating func popFirst() -> ProcessTimer? {
        guard let timer = unsafe first else { return nil }
        remove(timer)
        return timer
    }
}

extension ProcessCore {
    /// Sets a timer of this process.
    @usableFromInline
    func start(_ timer: ProcessTimer, after delay: Duration) {
        start(timer, at: scheduler.clock &+ delay.clampedNanoseconds)
    }

    func start(_ timer: ProcessTimer, at deadline: UInt64) {
        scheduler.arm(timer, at: deadline)
        makeExtras().timers.insert(timer)
    }

    /// A timer has rung, or was disarmed.
    func forget(_ timer: ProcessTimer) { extras?.timers.remove(timer) }

    /// What goes with a timer, its message, may do anything: between any two the list and the alarms are whole.
    func cancelTimers() {
        while let timer = extras?.timers.popFirst() {
            scheduler.disarm(timer)
            timer.release()
        }
    }
}

extension Scheduler {
    /// How long it is until then; from any thread.
    fileprivate func remaining(until deadline: UInt64) -> Duration {
        let now = clock
        return .nanoseconds(Int64(clamping: deadline > now ? deadline - now : 0))
    }
}

/// A message that is to be sent later, as `sendAfter` and `sendEvery` return it.
public struct TimerReference: Sendable, Hashable {
    let timer: ProcessTimer

    @usableFromInline
    init(timer: ProcessTimer) { self.timer = timer }

    public static func == (a: TimerReference, b: TimerReference) -> Bool { a.timer === b.timer }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(timer)) }
}

/// Messages to be sent later. They live on the scheduler of the process that sets them and go with it; no task waits.
extension Process {
    /// Sends this process a message after `delay`, unless it is cancelled. (OTP: `erlang:send_after/3`.)
    @inlinable
    @discardableResult
    public func sendAfter(_ delay: Duration, _ message: Message) -> TimerReference {
        start(MessageTimer(self, message), after: delay)
    }

    /// Sends another process a message after `delay`, unless it is cancelled. It does so also when this process has
    /// ended by then; it goes with the other one. (OTP: `erlang:send_after/3` with the PID of another process.)
    @discardableResult
    public func sendAfter<M: Sendable>(_ delay: Duration, _ message: M, to other: Process<M>) -> TimerReference {
        let address = other.address
        let timer = OutboundTimer(setBy: core, for: other.core, after: delay) { address.deliver(message) }
        other.core.scheduler.run { other.onOwnThread { $0.hold(timer) } }
        return TimerReference(timer: timer)
    }

    /// Arms a timer that another process has set for this one.
    private func hold(_ timer: OutboundTimer) {
        if isOpen { core.start(timer, at: timer.due) } else { timer.release() }
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

    /// Cancels a timer of this process. A message that has arrived stays in the mailbox. (OTP:
    /// `erlang:cancel_timer/1`.)
    ///
    /// - Returns: how much time remained; `nil` if it had rung, or was cancelled before, or is another process's.
    @discardableResult
    public func cancel(_ reference: TimerReference) -> Duration? {
        if let timer = reference.timer as? OutboundTimer { return cancel(timer) }
        let timer = reference.timer
        guard timer.owner === core, timer.isArmed else { return nil }
        core.forget(timer)
        core.scheduler.disarm(timer)
        return core.scheduler.remaining(until: timer.deadline)
    }

    private func cancel(_ timer: OutboundTimer) -> Duration? {
        let owner = timer.owner
        // With a process that has ended its timers have gone.
        guard timer.setter === core, timer.settle(), owner.isAlive else { return nil }
        owner.scheduler.run { timer.drop() }
        return owner.scheduler.remaining(until: timer.due)
    }

    @usableFromInline
    func start(_ timer: ProcessTimer, after delay: Duration) -> TimerReference {
        if isOpen { core.start(timer, after: delay) }
        return TimerReference(timer: timer)
    }
}
