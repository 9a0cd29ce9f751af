/// How many restarts there were lately, as a value. (OTP: maximum restart intensity.)
struct RestartIntensity: Sendable {
    let allowed: Int
    /// In nanoseconds.
    let period: UInt64
    /// When the restarts of the period were, oldest first; at most one more than are allowed.
    private var times: [UInt64] = []

    init(allowed: Int, period: Duration) {
        self.allowed = allowed
        self.period = period.clampedNanoseconds
    }

    var count: Int { times.count }

    /// Counts a restart. Whether it is one too many.
    mutating func add(at now: UInt64) -> Bool {
        times.removeAll { now &- $0 > period }
        times.append(now)
        return times.count > allowed
    }
}

/// Waiting before a child is started again, longer each time, by a random part of what it could be (full jitter), so that
/// many that failed together do not return together.
public struct RestartBackoff: Sendable, Hashable {
    /// The most that the first wait can be; it doubles with each further restart in the supervisor's period.
    public var first: Duration
    /// The most that any wait can be.
    public var most: Duration

    public init(first: Duration = .milliseconds(100), most: Duration = .seconds(30)) {
        self.first = first
        self.most = most
    }

    /// How long to wait before the restart of that number, from 1.
    ///
    /// - Parameter random: from 0 up to, but not including, 1.
    func delay(_ restart: Int, _ random: Double) -> Duration {
        var limit = first
        for _ in 1..<max(restart, 1) where limit < most { limit = limit * 2 }
        return min(limit, most) * random
    }
}
