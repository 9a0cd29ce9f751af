internal import Actors
internal import Dispatch

/// Something that will be done once, and those who wait for it. Waiting cannot be cancelled, as a body that does not
/// listen cannot.
final class Completion: @unchecked Sendable {
    // Safety: touched with `lock` held.
    private let lock = Lock()
    private var isDone = false
    private var waiting: [CheckedContinuation<Void, Never>] = []
    private var blocked: [DispatchSemaphore] = []

    var isComplete: Bool { lock.withLock { isDone } }

    func complete() {
        let resumed = lock.withLock {
            isDone = true
            for semaphore in blocked { semaphore.signal() }
            blocked = []
            defer { waiting = [] }
            return waiting
        }
        for continuation in resumed { continuation.resume() }
    }

    /// Waits and holds the thread: a body that does not suspend. Not for ever, so that a faulty scenario comes to an end.
    func block() {
        let semaphore = DispatchSemaphore(value: 0)
        lock.withLock { if isDone { semaphore.signal() } else { blocked.append(semaphore) } }
        _ = semaphore.wait(timeout: .now() + 60)
    }

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOver = lock.withLock {
                if !isDone { waiting.append(continuation) }
                return isDone
            }
            if isOver { continuation.resume() }
        }
    }
}
