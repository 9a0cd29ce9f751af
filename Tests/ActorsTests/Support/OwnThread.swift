import Dispatch
import Testing

/// Runs each test of a suite on a thread of its own, not on Swift's pool.
///
/// A test that turns a scheduler by hand holds its thread while it waits for what the compiler has put onto the pool,
/// such as a closure without `await` where an asynchronous one is wanted. With one processor the pool has one thread,
/// and each would wait for the other.
struct OwnThread: SuiteTrait, TestTrait, TestScoping {
    var isRecursive: Bool { true }

    @concurrent func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @Sendable @concurrent () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await withTaskExecutorPreference(Executor()) { try await function() }
    }

    private final class Executor: TaskExecutor {
        // A serial queue of one's own gets a thread however many the pool may have.
        private let queue = DispatchQueue(label: "test")

        func enqueue(_ job: consuming ExecutorJob) {
            let job = UnownedJob(job)
            queue.async { unsafe job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }
}

extension Trait where Self == OwnThread {
    static var ownThread: Self { OwnThread() }
}
