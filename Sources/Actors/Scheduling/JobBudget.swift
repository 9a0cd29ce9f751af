/// What one job may do before the others that are ready have their turn, as a value: it reads no clock. (OTP:
/// reductions.)
///
/// A body that always finds a message would never suspend. So each message that is taken without suspending costs one,
/// and when the budget is spent, the next `receive` suspends and goes to the end of the run queue. It is spent after a
/// quarter of a millisecond, after 4,000 messages, or when the coarse clock has moved.
///
/// To take a message must cost next to nothing. So a job begins with one message that is free, and the clock is looked
/// at once for so many messages as, by what the process's last ones took, make an eighth of the time: its pace. One
/// whose messages take longer than that looks each time.
@usableFromInline
struct JobBudget {
    /// How many messages a job may take.
    static let messages: Int32 = 4_000
    /// How many nanoseconds it may take for them.
    static let time: UInt64 = 250_000
    /// The most messages between two looks at the clock.
    static let widestPace: UInt8 = 128

    /// How many messages may be taken before anything is asked.
    @usableFromInline var left: Int32 = 1
    /// How many messages it has been allowed behind the first; fewer than none once it is spent.
    @usableFromInline var granted: Int32 = 0
    /// How many of them since the clock was looked at.
    private var slice: UInt64 = 0
    /// Whether the first message, which is free, is asked about all the same.
    private var holdsFirstBack = false
    /// When the clock was first looked at in this job, and when last.
    private var began: UInt64?
    private var lastLook: UInt64 = 0

    @usableFromInline
    init() {}

    /// Another job begins.
    @inline(__always)
    mutating func begin() {
        left = 1
        granted = 0
    }

    /// The first message of the job that begins is to be asked about: by `letFirstGo`, before anything else.
    mutating func holdFirstBack() {
        left = 0
        holdsFirstBack = true
    }

    /// Whether it was held back and may be taken now, as in any job.
    mutating func letFirstGo() -> Bool {
        guard holdsFirstBack else { return false }
        holdsFirstBack = false
        left = 0
        return true
    }

    /// No job runs: what is taken until one does, by what an alarm or a descriptor calls for, does not count.
    mutating func pause() {
        left = .max
        granted = 0
    }

    /// How many messages have been taken of those that were allowed last.
    var grantedAndTaken: Int { granted > 0 ? Int(slice) - max(Int(left), 0) : 0 }

    /// Whether nothing but the first message was asked for.
    var isUntouched: Bool { granted == 0 }

    /// Whether nothing more is to be taken in this job.
    @inlinable var isSpent: Bool { granted < 0 }

    /// What was allowed has been taken: says whether one more message may be, and if so allows more at once.
    ///
    /// - Parameters:
    ///   - pace: how many messages the process takes between two looks at the clock; learned here.
    ///   - hasTicked: whether the coarse clock has moved since the job began.
    ///   - time: reads the clock, in nanoseconds.
    mutating func mayTakeMore(
        _ pace: inout UInt8, hasTicked: @autoclosure () -> Bool, time: @autoclosure () -> UInt64
    ) -> Bool {
        if isSpent { return end() }
        if granted == 0 {
            began = nil
            if pace > 1 { return grant(Int32(pace)) }
        }
        if hasTicked() {
            // It may have been the last few messages that took so long.
            pace = 1
            return end()
        }
        let now = time()
        if let began {
            pace = JobBudget.pace(now &- lastLook, for: slice)
            if now &- began >= JobBudget.time { return end() }
        } else {
            began = now
        }
        lastLook = now
        return granted < JobBudget.messages ? grant(min(Int32(pace), JobBudget.messages &- granted)) : end()
    }

    private mutating func grant(_ messages: Int32) -> Bool {
        granted &+= messages
        slice = UInt64(messages)
        // One of them is taken now.
        left = messages &- 1
        return true
    }

    private mutating func end() -> Bool {
        granted = -1
        left = 0
        return false
    }

    /// How many messages make an eighth of the time, when so many took so long.
    private static func pace(_ nanoseconds: UInt64, for messages: UInt64) -> UInt8 {
        let fitting = time / 8 &* messages / max(nanoseconds, 1)
        return UInt8(min(max(fitting, 1), UInt64(widestPace)))
    }
}

extension Scheduler {
    /// Counts one message that is taken, and says whether it may be: else the caller is to `giveWay` before it takes it.
    ///
    /// - Parameter core: whose message it is. Its scheduler must be this one, and the caller's.
    @inlinable
    @inline(__always)
    package func mayTake(_ core: ProcessCore) -> Bool {
        budget.left &-= 1
        return budget.left >= 0 || mayTakeMore(core)
    }

    @usableFromInline
    @inline(never)
    func mayTakeMore(_ core: ProcessCore) -> Bool {
        if !budget.letFirstGo() {
            untilSample &-= budget.grantedAndTaken
            let mayTake = budget.mayTakeMore(
                &core.pace, hasTicked: coarseClock != tick, time: clock)
            if !mayTake { return false }
        }
        if untilSample <= 0, let sampler {
            untilSample = sampler.distance()
            unsafe core.host?.measureNext()
        }
        return true
    }

    /// Whether the job that runs has had its share: who has more to do gives way first.
    @inlinable package var isBudgetSpent: Bool { budget.isSpent }

    /// Lets those that are ready go first: what the calling task does next is a job at the end of the run queue. For
    /// code that runs as an actor of this scheduler.
    @inlinable
    package func giveWay() async {
        unsafe gatekeeper.gate = nil
        await gatekeeper.stop()
    }

    /// The same, if the job has had its share. For work that takes no messages; each step of it counts as one.
    @inlinable
    package func giveWayIfSpent(_ core: ProcessCore) async {
        if !mayTake(core) { await giveWay() }
    }

    /// Whether the coarse clock has moved since the loop last looked: for callbacks of the loop that have much to do.
    package var hasTickedInPhase: Bool { coarseClock != tick }

    /// Whether a tick of the coarse clock, about 4 ms, has passed since this was last true: whoever works through a
    /// long line then leaves the rest for the next turn.
    func hasTicked() -> Bool {
        let now = coarseClock
        if now == tick { return false }
        tick = now
        return true
    }
}
