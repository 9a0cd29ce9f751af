internal import CHansomSystem
internal import Synchronization

/// What glibc keeps of freed memory where `retainsFreedMemory` is on, and how it is given back after a peak.
package enum FreedMemory {
    private static let isRetained = Atomic<Bool>(false)
    private static let isGoingBack = Atomic<Bool>(false)

    /// Keeps freed memory from now on.
    static func retain() {
        _ = hansom_retain_heap(64 << 20, 8 << 20)
        isRetained.store(true, ordering: .relaxed)
    }

    /// Gives back to the kernel, once, what is free now; nothing where freed memory is not retained.
    ///
    /// It takes some 0.1 ms for each MiB and holds the lock of an arena meanwhile, so ask seldom. It runs on a thread that may
    /// block, and one at a time.
    package static func giveBack(on scheduler: Scheduler) {
        guard isRetained.load(ordering: .relaxed), !isGoingBack.exchange(true, ordering: .relaxed) else { return }
        scheduler.blockingPool.submit {
            hansom_trim_heap()
            isGoingBack.store(false, ordering: .relaxed)
        }
    }
}
