internal import CHansomSystem
internal import Glibc

/// The operating system's thread under a scheduler.
struct SchedulerThread: @unchecked Sendable {
    // Safety: a `pthread_t` is a value that any thread may join once; `SchedulerGroup` does so once.
    private let thread: pthread_t

    /// Starts a thread that runs `scheduler` until it is stopped.
    static func start(_ scheduler: Scheduler, name: String) throws(SystemError) -> SchedulerThread {
        var thread = pthread_t()
        let start = unsafe Unmanaged.passRetained(ThreadStart(scheduler, name)).toOpaque()
        let status = unsafe pthread_create(&thread, nil, schedulerThreadMain, start)
        guard status == 0 else {
            unsafe Unmanaged<ThreadStart>.fromOpaque(start).release()
            throw SystemError(call: "pthread_create", errno: status)
        }
        return SchedulerThread(thread: thread)
    }

    /// Blocks until the thread has ended.
    func join() { pthread_join(thread, nil) }
}

private final class ThreadStart {
    let scheduler: Scheduler
    let name: String

    init(_ scheduler: Scheduler, _ name: String) {
        self.scheduler = scheduler
        self.name = name
    }
}

/// A free function: a closure literal would inherit the caller's isolation and trap on the new thread.
private func schedulerThreadMain(_ raw: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let raw = unsafe raw else { return nil }
    let start = unsafe Unmanaged<ThreadStart>.fromOpaque(raw).takeRetainedValue()
    _ = unsafe start.name.withCString { unsafe hansom_name_thread($0) }
    start.scheduler.runLoop()
    return nil
}
