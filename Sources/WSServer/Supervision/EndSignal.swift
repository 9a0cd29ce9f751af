internal import Actors

/// Something that happens once, and that any number of tasks can wait for.
final class EndSignal: @unchecked Sendable {
    // Safety: both vars are touched with `lock` held; continuations are resumed outside it.
    private let lock = Lock()
    private var hasHappened = false
    private var waiters: [CheckedContinuation<Void, Never>] = []

    func signal() {
        let waiters = lock.withLock {
            hasHappened = true
            defer { self.waiters = [] }
            return self.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when it has happened.
    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = lock.withLock {
                if !hasHappened { waiters.append(continuation) }
                return hasHappened
            }
            if isOver { continuation.resume() }
        }
    }
}
