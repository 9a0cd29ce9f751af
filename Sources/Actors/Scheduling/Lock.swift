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

/// A value that comes once, from any thread, and that any number of tasks wait for.
package final class Promise<Value: Sendable>: @unchecked Sendable {
    // Safety: both vars are touched with `lock` held; continuations are resumed outside it.
    private let lock = Lock()
    private var kept: Value?
    /// Those who wait, by numbers of their own. One whose task was cancelled is resumed with `nil`.
    private var waiting: [UInt64: CheckedContinuation<Value?, Never>] = [:]

    package init() {}

    /// The value, if it has come.
    package var current: Value? { lock.withLock { kept } }

    /// The value has come: the first one counts. Whether it was the first.
    @discardableResult
    package func keep(_ value: Value) -> Bool {
        let (isFirst, waiting) = lock.withLock { () -> (Bool, [UInt64: CheckedContinuation<Value?, Never>]) in
            guard kept == nil else { return (false, [:]) }
            kept = value
            defer { self.waiting = [:] }
            return (true, self.waiting)
        }
        for continuation in waiting.values { continuation.resume(returning: value) }
        return isFirst
    }

    /// Waits for the value.
    ///
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    package func value() async throws(CancellationError) -> Value {
        let id = ProcessCore.nextID()
        let value = await withTaskCancellationHandler {
            await withCheckedContinuation { wait(id, $0) }
        } onCancel: {
            // Maybe before it waits, which then finds that its task is cancelled.
            lock.withLock { waiting.removeValue(forKey: id) }?.resume(returning: nil)
        }
        guard let value else { throw CancellationError() }
        return value
    }

    /// Waits for the value, whatever becomes of the calling task.
    package func valueInAnyCase() async -> Value {
        while true {
            if let value = await withCheckedContinuation({ wait(nil, $0) }) { return value }
        }
    }

    /// - Parameter id: by which a cancellation finds it; `nil`: it is not heeded.
    private func wait(_ id: UInt64?, _ continuation: CheckedContinuation<Value?, Never>) {
        let (isOver, value) = lock.withLock { () -> (Bool, Value?) in
            if let kept { return (true, kept) }
            if id != nil, Task.isCancelled { return (true, nil) }
            waiting[id ?? ProcessCore.nextID()] = continuation
            return (false, nil)
        }
        if isOver { continuation.resume(returning: value) }
    }
}
