/// A value that comes once, from any thread, and that any number of tasks wait for.
package final class Promise<Value: Sendable>: @unchecked Sendable {
    // Safety: the vars are touched with `lock` held; continuations are resumed outside it.
    private let lock = Lock()
    private var kept: Value?
    /// Those who wait, by numbers of their own. One whose task was cancelled is resumed with `nil`.
    private var waiting: [UInt64: CheckedContinuation<Value?, Never>] = [:]
    private var listeners: [@Sendable (Value) -> Void] = []

    package init() {}

    /// The value, if it has come.
    package var current: Value? { lock.withLock { kept } }

    /// The value has come: the first one counts. Whether it was the first.
    @discardableResult
    package func keep(_ value: Value) -> Bool {
        typealias Waiting = (isFirst: Bool, [UInt64: CheckedContinuation<Value?, Never>], [@Sendable (Value) -> Void])
        let (isFirst, waiting, listeners) = lock.withLock { () -> Waiting in
            guard kept == nil else { return (false, [:], []) }
            kept = value
            defer {
                self.waiting = [:]
                self.listeners = []
            }
            return (true, self.waiting, self.listeners)
        }
        for tell in listeners { tell(value) }
        for continuation in waiting.values { continuation.resume(returning: value) }
        return isFirst
    }

    /// Calls `tell` when the value comes; at once if it has. It must not hold the thread.
    func whenKept(_ tell: @escaping @Sendable (Value) -> Void) {
        let value = lock.withLock { () -> Value? in
            if kept == nil { listeners.append(tell) }
            return kept
        }
        if let value { tell(value) }
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
