internal import CHansomSystem
internal import Glibc
internal import Synchronization

/// A mutual exclusion lock over `pthread_mutex_t`.
///
/// `Synchronization.Mutex` would do, but ThreadSanitizer does not see its hand-over when it is contended and reports
/// races that are none; a pthread mutex it knows.
@safe package final class Lock: @unchecked Sendable {
    // Safety: the mutex lives at one address from `init` to `deinit`, as POSIX requires.
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    package init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    package func withLock<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        unsafe pthread_mutex_lock(mutex)
        defer { unsafe pthread_mutex_unlock(mutex) }
        return try body()
    }
}

/// A lock that its owner takes at hardly any cost, and any other thread now and then at the cost of a system call.
///
/// What it protects belongs to the owner, which is one thread at a time, as a scheduler's is. Others come in only when
/// the owner is held by something else. What is done with it is short, calls nothing that takes it again, lets go of
/// nothing that others have made, and runs no code of the user's.
struct OwnerLock: ~Copyable {
    // Safety: the owner says that it is inside and then looks whether another thread wants to come in; the other says
    // that it wants to and then looks whether the owner is inside. Between saying and looking each has its half of one
    // fence, so one of them at least sees the other: an owner that does goes back and waits for `others`, which the
    // other thread holds; the other thread waits until the owner has left. So no two are inside, and each store of
    // `false` (releasing) comes before the load (acquiring) that lets the next one in.
    private let isOwnerInside = Atomic<Bool>(false)
    private let isWanted = Atomic<Bool>(false)
    private let others = Lock()

    init() { hansom_prepare_fences() }

    /// For the owner.
    @inline(__always)
    func withOwner<R>(_ body: () -> R) -> R {
        isOwnerInside.store(true, ordering: .relaxed)
        hansom_light_fence()
        guard !isWanted.load(ordering: .acquiring) else { return withOwnerInLine(body) }
        defer { isOwnerInside.store(false, ordering: .releasing) }
        return body()
    }

    @inline(never)
    private func withOwnerInLine<R>(_ body: () -> R) -> R {
        isOwnerInside.store(false, ordering: .releasing)
        return others.withLock(body)
    }

    /// For any other thread.
    @inline(never)
    func withOther<R>(_ body: () -> R) -> R {
        others.withLock {
            isWanted.store(true, ordering: .relaxed)
            hansom_heavy_fence()
            // It may wait for the very core that this thread runs on.
            while isOwnerInside.load(ordering: .acquiring) { sched_yield() }
            defer { isWanted.store(false, ordering: .releasing) }
            return body()
        }
    }
}

/// Tables that many threads use at once: each key belongs to one of 64 shards, each with a lock of its own, and each
/// process remembers by a bit in which shards it stands.
package final class Sharded<Table>: @unchecked Sendable {
    // Safety: a table is touched with its shard's lock held only.
    private final class Shard {
        let lock = Lock()
        var table: Table

        init(_ table: Table) { self.table = table }
    }

    private let shards: [Shard]

    package init(_ make: () -> Table) { shards = (0..<64).map { _ in Shard(make()) } }

    package static func index(of key: String) -> Int { key.hashValue & 63 }

    package func withTable<R, E: Error>(_ index: Int, _ body: (inout Table) throws(E) -> R) throws(E) -> R {
        let shard = shards[index]
        return try shard.lock.withLock { () throws(E) in try body(&shard.table) }
    }

    /// Does something with each table in which the bits say that a process stands.
    func withTables(in bits: UInt64, _ body: (inout Table) -> Void) {
        var left = bits
        while left != 0 {
            withTable(left.trailingZeroBitCount, body)
            left &= left - 1
        }
    }

    /// What `look` makes of each table, one after the other.
    package func map<R>(_ look: (Table) -> R) -> [R] { shards.indices.map { withTable($0) { look($0) } } }
}
