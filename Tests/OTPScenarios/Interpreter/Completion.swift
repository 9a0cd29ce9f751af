internal import Actors

/// Something that will be done once, and those who wait for it. Waiting cannot be cancelled, as a body that does not
/// listen cannot.
final class Completion: @unchecked Sendable {
    // Safety: touched with `lock` held.
    private let lock = Lock()
    private var isDone = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    var isComplete: Bool { lock.withLock { isDone } }

    func complete() {
        let resumed = lock.withLock {
            isDone = true
            defer { waiting = [] }
            return waiting
        }
        for continuation in resumed { continuation.resume() }
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
