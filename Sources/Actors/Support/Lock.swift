internal import CHansomSystem
internal import Glibc

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
