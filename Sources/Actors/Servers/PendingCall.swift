internal import Synchronization

/// A call that waits for its reply: who calls, who is called, and what has become of it.
///
/// It lives on one scheduler: the caller's, or the callee's if the caller is on none. A settled call takes nothing
/// more, so that a late reply reaches nobody. The caller waits at it, as a gate.
@usableFromInline
class PendingCall: Gate, @unchecked Sendable {
    // Safety: the lets and the atomics are made for any thread; `failure` is written by who settles the call, before
    // `isConcluded`, and read behind it; the rest belongs to `home`'s thread.
    private let home: Scheduler
    @usableFromInline final let callee: ProcessCore
    private let timeout: Duration?
    private let observerID = ProcessCore.nextID()
    private let isSettled = Atomic<Bool>(false)
    /// What was written of the outcome can be read: a continuation that is resumed before it waits does not say so itself.
    private let isConcluded = Atomic<Bool>(false)
    private final var failure: Failure?
    /// What the call throws when the callee ends, if it is not the reason of the end. Set on the callee's thread, while
    /// nobody else has the token.
    final var errorAtEnd: (any Error)?
    /// Takes the request back from those who wait for a place. The callee's thread's.
    final var withdraw: (() -> Void)?
    private final var isOver = false
    private final var continuation: CheckedContinuation<Void, Never>?
    private final var alarm: Alarm?

    @usableFromInline
    enum Failure: Error {
        case timeout, noProcess, cancelled, dropped, full
        case exited(ExitReason)
        case refused(any Error)
    }

    /// - Throws: `CallError` with `.calledSelf`.
    @usableFromInline
    init(_ callee: ProcessCore, timeout: Duration?) throws(CallError) {
        if callee.isCallersOwn { throw CallError(.calledSelf, callee.pid) }
        self.callee = callee
        self.timeout = timeout
        home = Scheduler.current ?? callee.scheduler
        super.init()
    }

    /// Not for use: without it the compiler makes one that calls itself.
    private override init() { preconditionFailure("a call has a callee") }

    /// Watches for the callee's end. On the callee's thread, before the request is delivered.
    @usableFromInline
    final func begin() {
        callee.addObserver(observerID) { [self] reason in
            if let errorAtEnd { return fail(.refused(errorAtEnd)) }
            fail(reason.kind == .noProcess ? .noProcess : .exited(reason))
        }
    }

    /// The call is over without a reply, if it was not over before. From any thread.
    @usableFromInline
    final func fail(_ reason: Failure) {
        guard claim() else { return }
        failure = reason
        conclude()
    }

    /// Whether it was not settled before. Who settles it says how it went and then concludes it.
    @usableFromInline
    final func claim() -> Bool { !isSettled.exchange(true, ordering: .sequentiallyConsistent) }

    /// Lets the caller go on.
    @usableFromInline
    final func conclude() {
        isConcluded.store(true, ordering: .releasing)
        if callee.scheduler.isCurrent { letGo() } else { callee.scheduler.post(.action { [self] in letGo() }) }
        if home.isCurrent { resume() } else { home.post(.action { [self] in resume() }) }
    }

    /// Nothing of it stays at the callee.
    private final func letGo() {
        callee.removeObserver(observerID)
        let withdraw = withdraw
        self.withdraw = nil
        withdraw?()
    }

    /// The reply token is gone. If that is because the callee ends, its end is what the caller hears of.
    @usableFromInline
    final func replyDropped() {
        guard !isSettled.load(ordering: .relaxed) else { return }
        // Later, also when this is the callee's thread: it may be about to end.
        callee.scheduler.runLater { [self] in
            if callee.machine.isRunning && errorAtEnd == nil { fail(.dropped) }
        }
    }

    private final func resume() {
        isOver = true
        if let alarm { home.disarm(alarm) }
        alarm = nil
        open(on: home)
        continuation?.resume()
        continuation = nil
    }

    // MARK: The caller's side

    /// Waits until the call is over.
    @usableFromInline
    final func wait(isolation: isolated (any Actor)? = #isolation) async {
        await withTaskCancellationHandler {
            // A closure that names it stays on the caller's thread; without it this one would run on the global pool.
            _ = isolation
            if home.isCurrent {
                guard !isOver else { return }
                armTimeout()
                await pass(on: home)
            } else {
                await withCheckedContinuation { continuation in
                    home.post(.action { [self] in waitHere(continuation) })
                }
            }
        } onCancel: {
            fail(.cancelled)
        }
        _ = isConcluded.load(ordering: .acquiring)
    }

    private final func waitHere(_ continuation: CheckedContinuation<Void, Never>) {
        guard !isOver else { return continuation.resume() }
        armTimeout()
        self.continuation = continuation
    }

    private final func armTimeout() {
        guard let timeout else { return }
        let alarm = Alarm { [self] in fail(.timeout) }
        self.alarm = alarm
        home.arm(alarm, after: timeout)
    }

    /// What the caller throws after a call without a reply.
    @usableFromInline
    final var error: any Error {
        let pid = callee.pid
        return switch failure {
        case .refused(let error): error
        case .timeout: CallError(.timeout, pid, timeout: timeout)
        case .noProcess: CallError(.noProcess, pid)
        case .cancelled: CallError(.cancelled, pid)
        case .full: CallError(.full, pid)
        case .exited(let reason): CallError(.exited, pid, reason: reason)
        case .dropped, nil: CallError(.replyDropped, pid)
        }
    }
}

/// A call with a place for its reply.
@usableFromInline
final class ReplyCall<Value: Sendable>: PendingCall, @unchecked Sendable {
    // Safety: written by who settles the call, read once it is over.
    @usableFromInline var value: Value?

    @inlinable
    override init(_ callee: ProcessCore, timeout: Duration?) throws(CallError) {
        value = nil
        try super.init(callee, timeout: timeout)
    }

    /// The reply has come: it counts if the call was not over before. From any thread.
    @inlinable
    func succeed(_ value: Value) {
        guard claim() else { return }
        self.value = value
        conclude()
    }

    /// Waits for the reply.
    @inlinable
    func reply(isolation: isolated (any Actor)? = #isolation) async throws -> Value {
        await wait()
        guard let value else { throw error }
        return value
    }
}
