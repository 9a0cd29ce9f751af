package import Actors

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
