/// A message that is to be sent later, as `sendAfter` and `sendEvery` return it.
public struct TimerReference: Sendable, Hashable {
    let timer: ProcessTimer

    public static func == (a: TimerReference, b: TimerReference) -> Bool { a.timer === b.timer }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(timer)) }
}

/// An alarm that belongs to a process and goes with it.
final class ProcessTimer: Alarm, @unchecked Sendable {
    // Safety: all but `owner`, which is constant, is touched on the scheduler of the process that set it only.
    let owner: UInt64
    /// Where it stands among the timers of its process.
    fileprivate var index = 0

    init(owner: UInt64) {
        self.owner = owner
        super.init {}
    }

    /// Not for use: without it the compiler makes one that calls itself.
    private override init(_ action: @escaping () -> Void) {
        owner = 0
        super.init(action)
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
