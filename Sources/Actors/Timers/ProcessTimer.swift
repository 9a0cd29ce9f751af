/// An alarm that belongs to a process and goes with it.
@usableFromInline
class ProcessTimer: Alarm, @unchecked Sendable {
    // Safety: all but the lets is touched on the scheduler of the process that set it only.
    let owner: ProcessCore
    /// Where it stands among the timers of its process.
    fileprivate final var index = 0

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

/// The timers of one process. Each knows its place, so that adding and removing one costs the same however many there are.
struct TimerList {
    private var timers: [ProcessTimer] = []

    mutating func insert(_ timer: ProcessTimer) {
        timer.index = timers.count
        timers.append(timer)
    }

    mutating func remove(_ timer: ProcessTimer) {
        let last = timers.removeLast()
        guard last !== timer else { return }
        timers[timer.index] = last
        last.index = timer.index
    }

    mutating func cancelAll(on scheduler: Scheduler) {
        for timer in timers { scheduler.disarm(timer) }
        timers = []
    }
}

extension ProcessCore {
    /// Sets a timer of this process.
    @usableFromInline
    func start(_ timer: ProcessTimer, after delay: Duration) {
        start(timer, at: scheduler.time.nanoseconds &+ delay.clampedNanoseconds)
    }

    func start(_ timer: ProcessTimer, at deadline: UInt64) {
        makeExtras().timers.insert(timer)
        scheduler.arm(timer, at: deadline)
    }

    /// A timer has rung, or was disarmed.
    func forget(_ timer: ProcessTimer) { extras?.timers.remove(timer) }

    func cancelTimers() { extras?.timers.cancelAll(on: scheduler) }
}
