public import Actors

/// A scheduler without a thread, which a test turns by hand: every order of events is the test's own.
///
///     let driven = HandDriven()
///     driven.run {
///         let process = Process<Int>.spawn(on: driven.scheduler) { ... }
///         driven.settle()
///     }
package struct HandDriven: Sendable {
    package let poller = MockPoller()
    package let time = ManualTime()
    package let scheduler: Scheduler

    package init(index: Int = 0, settings: SystemSettings = SystemSettings()) {
        scheduler = Scheduler(index: index, poller: poller, time: time, settings: settings)
    }

    /// Runs `body` with the calling thread as the scheduler's.
    package func run<R>(_ body: () -> R) -> R { scheduler.onThisThread(body) }

    /// One turn of the loop.
    @discardableResult
    package func turn(maySleep: Bool = false) -> Bool { run { scheduler.turn(maySleep: maySleep) } }

    /// Turns until there is nothing left to do, or `limit` times; says whether it came to rest.
    @discardableResult
    package func settle(limit: Int = 10_000) -> Bool {
        for _ in 0..<limit where !turn() { return true }
        return false
    }

    /// Moves the time on and settles.
    package func advance(by duration: Duration) {
        time.advance(by: duration)
        settle()
    }
}

/// Time that stands still until a test moves it.
///
///     let time = ManualTime()
///     let group = try SchedulerGroup(options: .init(count: 1, time: time))
///     ...
///     time.advance(by: .seconds(10))   // every alarm due by then rings
public final class ManualTime: TimeSource, @unchecked Sendable {
    // Safety: both vars are touched with `lock` held.
    private let lock = Lock()
    private var current: UInt64
    private var listeners: [@Sendable () -> Void] = []

    /// - Parameter start: where it stands at first, in nanoseconds.
    public init(start: UInt64 = 1_000_000_000) { current = start }

    /// Where the time stands: at `start`, and further by each `advance(by:)`. May be read from any thread.
    public var nanoseconds: UInt64 { lock.withLock { current } }

    /// Always `false`: this time passes only when a test moves it.
    public var flows: Bool { false }

    /// Keeps `wake` for good and calls it after each `advance(by:)`, on the thread that has moved the time.
    public func onMove(_ wake: @escaping @Sendable () -> Void) { lock.withLock { listeners.append(wake) } }

    /// Moves time on and wakes every scheduler that reads it.
    public func advance(by duration: Duration) {
        let toWake = lock.withLock {
            current += duration.clampedNanoseconds
            return listeners
        }
        for wake in toWake { wake() }
    }
}

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
