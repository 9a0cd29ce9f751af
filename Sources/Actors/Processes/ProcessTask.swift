/// A closure that runs as a process of its own, and the value it returns. (Elixir: `Task`.)
///
///     let page = ProcessTask.spawn { try await fetch(url) }
///     let text = try await page.value
///
/// It can be linked, monitored, supervised and listed like any process, and has no mailbox. Unlike a Swift task it has
/// an exit reason, and others hear of it.
public struct ProcessTask<Value: Sendable>: Supervisable, Hashable {
    private let process: Process<Never>
    private let returned: TaskResult<Value>

    public static func == (a: ProcessTask, b: ProcessTask) -> Bool { a.process === b.process }

    public func hash(into hasher: inout Hasher) { hasher.combine(pid) }

    /// The process that does the work: to link, monitor or end it.
    public var pid: PID { process.pid }

    /// Starts one. Never fails.
    ///
    /// - Parameters:
    ///   - parent: a process to link it to from its first moment, usually `me.pid`; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in
    ///     turn.
    ///   - label: what introspection and reports call it; default `"task"`.
    ///   - work: what it does. What it throws is the reason of its end.
    public static func spawn(
        linkedTo parent: PID? = nil, on scheduler: Scheduler? = nil, label: String = "task",
        _ work: @escaping @Sendable () async throws -> Value
    ) -> ProcessTask {
        let task = ProcessTask(process: Process<Never>(on: scheduler), returned: TaskResult())
        task.process.begin(linkedTo: parent?.core, label) { [returned = task.returned] _ in
            returned.value = try await work()
        }
        return task
    }

    /// What it returned, as soon as it has.
    ///
    /// Cancelling the waiting task ends the wait; `cancel` ends the work.
    ///
    /// - Throws: what it threw, or the `ExitReason` by which it was ended; `CancellationError` as soon as the calling
    ///   task is cancelled.
    public var value: Value {
        get async throws {
            try outcome(try await process.down())
        }
    }

    /// What it returned, or why it did not, as soon as that is known: what `value` returns or throws, as a value.
    public var result: Result<Value, any Error> {
        get async {
            do { return .success(try await value) } catch { return .failure(error) }
        }
    }

    /// What it returned, as `value` gives it, if it has within `timeout`. (Elixir: `Task.yield/2`.)
    ///
    /// - Parameter timeout: how long to wait; it is counted where the caller is. The work goes on when it is over.
    /// - Throws: as `value`; `CallError` with `.timeout` when the time is over.
    public func value(timeout: Duration) async throws -> Value {
        guard let reason = try await process.down(timeout: timeout) else {
            throw CallError(.timeout, pid, timeout: timeout)
        }
        return try outcome(reason)
    }

    /// Asks it to end, waits for that, and kills it when the time is over. (Elixir: `Task.shutdown/2`.)
    ///
    /// - Parameter timeout: how long it may take to end, counted where the caller is.
    /// - Returns: what it returned, if it had before it heard of the wish; else `nil`.
    /// - Throws: what it threw by then; `CancellationError` as soon as the calling task is cancelled.
    @discardableResult
    public func shutdown(within timeout: Duration = .seconds(5)) async throws -> Value? {
        process.exit(.shutdown)
        var end = try await process.down(timeout: timeout)
        if end == nil {
            process.exit(.kill)
            end = try await process.down()
        }
        switch end?.kind {
        case .shutdown, .killed: return nil
        default: return try end.map { try outcome($0) }
        }
    }

    func outcome(_ reason: ExitReason) throws -> Value {
        if reason.kind == .normal, let value = returned.value { return value }
        throw reason.error ?? reason
    }

    /// Asks it to end: an exit signal `.shutdown`, which cancels it.
    public func cancel() { process.exit(.shutdown) }

    /// Asks it to end, as `PID.exit(_:)` does.
    public func exit(_ reason: ExitReason) { process.exit(reason) }
}

/// Where a task leaves its value.
private final class TaskResult<Value: Sendable>: @unchecked Sendable {
    // Safety: written by the task before its process ends, read by those who have heard of the end.
    var value: Value?
}
