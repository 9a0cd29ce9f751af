@testable import HansomTransport

/// A scheduler of the tests: one thread, no clock, and every step taken on demand.
final class PipeLoop {
    private var deferred: [() -> Void] = []
    private var ends: [PipeEnd] = []

    /// How many ticks have passed.
    private(set) var ticks = 0

    /// Two ends of a pipe that this loop watches.
    func pipe(capacity: Int = 64 * 1024) -> (PipeEnd, PipeEnd) {
        let (a, b) = (PipeEnd(capacity: capacity), PipeEnd(capacity: capacity))
        a.peer = b
        b.peer = a
        ends += [a, b]
        return (a, b)
    }

    /// The hook that streams get.
    func runHereLater(_ action: @escaping () -> Void) { deferred.append(action) }

    /// Tells every end that is ready, then runs what was deferred up to now. Returns whether there was anything to do.
    @discardableResult
    func tick() -> Bool {
        ticks += 1
        var isBusy = false
        for end in ends {
            if end.wantsRead, end.isReadable {
                isBusy = true
                end.observer?.streamIsReadable()
            }
            if end.wantsWrite, end.isWritable {
                isBusy = true
                end.observer?.streamIsWritable()
            }
        }
        let actions = deferred
        deferred = []
        for action in actions {
            isBusy = true
            action()
        }
        return isBusy
    }

    /// Ticks until the condition holds. Returns false if everything fell silent, or the limit was reached, before.
    func run(limit: Int = 200_000, until condition: () -> Bool) -> Bool {
        for _ in 0..<limit {
            if condition() { return true }
            if !tick() { return condition() }
        }
        return condition()
    }

    /// Ticks until everything is silent. Returns false if it never is: somebody spins.
    @discardableResult
    func settle(limit: Int = 20_000) -> Bool {
        for _ in 0..<limit where !tick() { return true }
        return false
    }
}
