import Glibc

/// Threads of the operating system that no scheduler and no task pool knows of.
enum OSThreads {
    /// Runs `body` on `count` new threads at once, and returns when all have ended.
    static func run(_ count: Int = 1, _ body: @escaping @Sendable (_ index: Int) -> Void) {
        let threads = (0..<count).map { index in
            var thread = pthread_t()
            let start = unsafe Unmanaged.passRetained(Start { body(index) }).toOpaque()
            let status = unsafe pthread_create(&thread, nil, threadMain, start)
            precondition(status == 0, "no thread to test with")
            return thread
        }
        for thread in threads { pthread_join(thread, nil) }
    }

    fileprivate final class Start: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
}

private func threadMain(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let raw = unsafe raw else { return nil }
    unsafe Unmanaged<OSThreads.Start>.fromOpaque(raw).takeRetainedValue().body()
    return nil
}

/// Which thread of the operating system the caller runs on.
func currentThread() -> UInt { UInt(pthread_self()) }
