package import Actors

/// A poller without a kernel behind it: a test says which descriptors are ready, and counts what the scheduler asked.
///
/// It never sleeps: a wait returns at once with the events that the test has given, after doing what the test wants
/// done meanwhile.
package final class MockPoller: Poller, @unchecked Sendable {
    // Safety: `wakes` is touched with `lock` held; the rest belongs to the thread that turns the scheduler.
    private let lock = Lock()
    private var wakeCount = 0
    private var pending: [(token: UInt64, readiness: Readiness)] = []
    private var found: [(token: UInt64, readiness: Readiness)] = []

    /// What is watched: the interest and the token of each descriptor.
    package private(set) var watched: [Int32: (interest: Readiness, token: UInt64)] = [:]
    /// How long each wait was to last, in nanoseconds; `nil`: for ever.
    package private(set) var waits: [UInt64?] = []
    /// What the next wait does, once, instead of sleeping.
    package var duringNextWait: (() -> Void)?
    /// The `errno` with which `add` and `modify` fail, if they are to fail.
    package var refusal: Int32?

    package init() {}

    /// How often the scheduler was woken.
    package var wakes: Int { lock.withLock { wakeCount } }

    /// Makes the next wait find `descriptor` ready, if it is watched now.
    package func makeReady(_ descriptor: Int32, _ readiness: Readiness) {
        if let watch = watched[descriptor] { pending.append((watch.token, readiness)) }
    }

    package func add(_ descriptor: Int32, interest: Readiness, token: UInt64) throws(SystemError) {
        if let refusal { throw SystemError(call: "add", errno: refusal) }
        watched[descriptor] = (interest, token)
    }

    package func modify(_ descriptor: Int32, interest: Readiness, token: UInt64) throws(SystemError) {
        if let refusal { throw SystemError(call: "modify", errno: refusal) }
        watched[descriptor] = (interest, token)
    }

    package func remove(_ descriptor: Int32) { watched[descriptor] = nil }

    package func wait(timeout: UInt64?) -> Int {
        waits.append(timeout)
        let action = duringNextWait
        duringNextWait = nil
        action?()
        found = pending
        pending = []
        return found.count
    }

    package func event(_ index: Int) -> (token: UInt64, readiness: Readiness) { found[index] }

    package func wake() { lock.withLock { wakeCount += 1 } }
}
