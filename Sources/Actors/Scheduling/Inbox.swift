internal import Synchronization

/// What other threads hand to a scheduler: a queue behind a lock that is held for an append or a swap, and nothing
/// longer. Actions run in the order in which they were posted; jobs become ready in that order, and run after the actions
/// that were posted before them.
struct Inbox: ~Copyable {
    enum Item {
        case job(UnownedJob)
        case action(@Sendable () -> Void)
        /// One that was done.
        case done
    }

    private let lock = Lock()
    private let hasItems = Atomic<Bool>(false)
    private let items = Items()

    private final class Items: @unchecked Sendable {
        // Safety: read and written with `lock` held only.
        var waiting: [Item] = []
    }

    /// Whether something waits: a hint for the owner, exact after a fence.
    var isEmpty: Bool { !hasItems.load(ordering: .sequentiallyConsistent) }

    func post(_ item: Item) {
        lock.withLock {
            items.waiting.append(item)
            hasItems.store(true, ordering: .sequentiallyConsistent)
        }
    }

    /// Takes all that waits, leaving `spare` (empty, with its capacity) in its place.
    func swap(with spare: inout [Item]) {
        lock.withLock {
            Swift.swap(&items.waiting, &spare)
            hasItems.store(false, ordering: .sequentiallyConsistent)
        }
    }
}
