/// A value that comes once, from any thread, and that any number of tasks wait for.
package final class Promise<Value: Sendable>: @unchecked Sendable {
    // Safety: the vars are touched with `lock` held; continuations are resumed outside it.
    private let lock = Lock()
    private var kept: Value?
    /// Those who wait, by numbers of their own.
    private var waiting: [UInt64: CheckedContinuation<Outcome, Never>] = [:]

    /// What became of a wait.
    private enum Outcome: Sendable {
        case value(Value)
        /// The task that waits was cancelled.
        case cancelled
        /// Its time is over.
        case late
    }
    private var listeners: [@Sendable (Value) -> Void] = []

    package init() {}

    /// The value, if it has come.
    package var current: Value? { lock.withLock { kept } }

    /// The value has come: the first one counts. Whether it was the first.
    @discardableResult
    package func keep(_ value: Value) -> Bool {
        typealias Waiting = (isFirst: Bool, [UInt64: CheckedContinuation<Outcome, Never>], [@Sendable (Value) -> Void])
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
        for continuation in waiting.values { continuation.resume(returning: .value(value)) }
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
    package func value(isolation: isolated (any Actor)? = #isolation) async throws(CancellationError) -> Value {
        while true {
            switch await outcome(within: nil) {
            case .value(let value): return value
            case .cancelled: throw CancellationError()
            case .late: break
            }
        }
    }

    /// Waits for the value so long. The time is counted on the caller's side: whoever is to keep the promise may be
    /// too busy to.
    ///
    /// - Returns: `nil` when the time is over.
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    package func value(
        within timeout: Duration, isolation: isolated (any Actor)? = #isolation
    ) async throws(CancellationError) -> Value? {
        switch await outcome(within: timeout) {
        case .value(let value): return value
        case .cancelled: throw CancellationError()
        case .late: return nil
        }
    }

    private func outcome(within timeout: Duration?, isolation: isolated (any Actor)? = #isolation) async -> Outcome {
        let id = ProcessCore.nextID()
        var deadline: Deadline?
        defer { deadline?.cancel() }
        return await withTaskCancellationHandler {
            // A closure that names it stays on the caller's thread: see `PendingCall.wait`.
            _ = isolation
            return await withCheckedContinuation { continuation in
                guard wait(id, continuation), let timeout else { return }
                deadline = Deadline(after: timeout, ofCallerOn: .current) { [self] in giveUp(id, .late) }
            }
        } onCancel: {
            // Maybe before it waits, which then finds that its task is cancelled.
            giveUp(id, .cancelled)
        }
    }

    private func giveUp(_ id: UInt64, _ outcome: Outcome) {
        lock.withLock { waiting.removeValue(forKey: id) }?.resume(returning: outcome)
    }

    /// Waits for the value, whatever becomes of the calling task.
    package func valueInAnyCase(isolation: isolated (any Actor)? = #isolation) async -> Value {
        while true {
            if case .value(let value) = await withCheckedContinuation({ _ = wait(nil, $0) }) { return value }
        }
    }

    /// Whether there is something to wait for.
    ///
    /// - Parameter id: by which a cancellation finds it; `nil`: it is not heeded.
    private func wait(_ id: UInt64?, _ continuation: CheckedContinuation<Outcome, Never>) -> Bool {
        let outcome = lock.withLock { () -> Outcome? in
            if let kept { return .value(kept) }
            if id != nil, Task.isCancelled { return .cancelled }
            waiting[id ?? ProcessCore.nextID()] = continuation
            return nil
        }
        if let outcome { continuation.resume(returning: outcome) }
        return outcome == nil
    }
}
