internal import Actors

/// When a client tries again, and when no more, as a value: times and random numbers are passed in.
struct ReconnectMachine: Sendable {
    /// What is to be expected of another attempt.
    enum Prospect: Hashable, Sendable {
        /// It would fail as this one did.
        case hopeless
        /// It may succeed, though not before so long, if the server said so.
        case hopeful(notBefore: Duration?)
    }

    enum Decision: Hashable, Sendable {
        case retry(after: Duration)
        case giveUp(Cause)
    }

    /// Why it tries no more.
    enum Cause: Hashable, CaseIterable, Sendable {
        case hopeless, limit, time
    }

    private let backoff: ReconnectOptions.Backoff
    private let steadyAfter: UInt64
    private let totalTimeout: UInt64?
    /// Failures in a row; a connection that did not hold is one.
    private(set) var failures = 0
    /// Since when there has been no connection that held, in nanoseconds like all times here.
    private var lostAt: UInt64
    private var connectedAt: UInt64?

    init(_ options: ReconnectOptions, at now: UInt64) {
        backoff = options.backoff
        steadyAfter = options.steadyAfter.clampedNanoseconds
        totalTimeout = options.totalTimeout?.clampedNanoseconds
        lostAt = now
    }

    /// The number of the attempt that is made, or comes next, from 1; it begins anew after a connection that held.
    var attempt: Int { failures + 1 }

    /// How long attempts may still take; `nil`: as long as they like.
    func timeLeft(at now: UInt64) -> Duration? {
        guard let totalTimeout else { return nil }
        let spent = now &- lostAt
        return .nanoseconds(Int64(clamping: totalTimeout > spent ? totalTimeout - spent : 0))
    }

    /// An attempt has succeeded.
    mutating func connected(at now: UInt64) { connectedAt = now }

    /// An attempt has failed, or the connection is over.
    ///
    /// - Parameter jitter: which of all possible waits to choose.
    mutating func ended(_ prospect: Prospect, at now: UInt64, jitter: UInt64) -> Decision {
        if let connectedAt, now &- connectedAt >= steadyAfter {
            failures = 0
            lostAt = now
        }
        connectedAt = nil
        failures += 1
        guard case .hopeful(let notBefore) = prospect else { return .giveUp(.hopeless) }
        if let limit = backoff.limit, failures > limit { return .giveUp(.limit) }
        let wait = max(backoff.wait(before: failures, jitter), min(notBefore ?? .zero, backoff.most))
        if let left = timeLeft(at: now), wait >= left { return .giveUp(.time) }
        return .retry(after: wait)
    }
}

extension ReconnectOptions.Backoff {
    /// How long to wait before the further attempt of that number, from 1.
    func wait(before retry: Int, _ jitter: UInt64) -> Duration {
        let most = most.clampedNanoseconds
        var bound = min(first.clampedNanoseconds, most)
        var doublings = max(retry, 1) - 1
        while doublings > 0, bound > 0, bound < most {
            bound = min(bound * 2, most)
            doublings -= 1
        }
        // `jitter` of 2^64 equal parts: both ends belong to it.
        return .nanoseconds(Int64(clamping: (bound + 1).multipliedFullWidth(by: jitter).high))
    }
}
