/// How many lines a second may be logged, however many things happen: a pure count, told the time.
///
/// A flood of crashes or of refused peers then costs a bounded number of lines, and says how many it left out.
package struct RateWindow: Sendable {
    /// What becomes of one line.
    package enum Verdict: Sendable, Hashable {
        /// It is written. So many were left out before it, since the last that was.
        case admit(leftOut: Int)
        /// It is left out: the first in its window, which is worth saying, or one more.
        case leaveOut(isFirst: Bool)
    }

    /// How many lines a period has room for.
    package let limit: Int
    /// In nanoseconds.
    package let period: UInt64
    private var start: UInt64 = 0
    private var admitted = 0
    private var leftOut = 0

    /// - Parameters:
    ///   - limit: at least 1.
    ///   - period: how long a window is; it begins with the first line in it.
    package init(limit: Int, period: Duration = .seconds(1)) {
        self.limit = max(limit, 1)
        self.period = period.clampedNanoseconds
    }

    /// Judges a line that is to be written at `now`, in nanoseconds of a clock that does not go back.
    package mutating func judge(at now: UInt64) -> Verdict {
        if admitted == 0 || now < start || now - start >= period {
            start = now
            admitted = 1
            defer { leftOut = 0 }
            return .admit(leftOut: leftOut)
        }
        if admitted < limit {
            admitted += 1
            return .admit(leftOut: 0)
        }
        leftOut += 1
        return .leaveOut(isFirst: leftOut == 1)
    }
}
