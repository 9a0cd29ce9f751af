internal import Synchronization

/// A call that waits for its reply: who calls, who is called, and what has become of it.
///
/// A caller on a scheduler waits there, at the call as a gate, and that scheduler keeps the time. One that is on none
/// waits by a continuation, and the timekeeper keeps its time: the callee's scheduler, which the callee may hold, is
/// waited for by nobody. A settled call takes nothing more, so that a late reply reaches nobody.
@usableFromInline
class PendingCall: Gate, @unchecked Sendable {
    // Safety: the lets and the atomics are made for any thread; `failure` is written by who settles the call, before
    // `isConcluded`, and read behind it; `continuation` and `deadline` are written by a caller outside before `outside`
    // says that it waits, and read by who finds that it does; the rest belongs to `home`'s thread.
    /// Where the caller is, if it is on a scheduler.
    private let home: Scheduler?
    @usableFromInline final let callee: ProcessCore
    /// Whose body, or a helper of whose, calls; `nil`: code outside any process.
    final let caller: ProcessCore?
    private let timeout: Duration?
    /// What is carried of the caller's task-locals.
    @usableFromInline final let context: CallContext?
    private let observerID = ProcessCore.nextID()
    private let isSettled = Atomic<Bool>(false)
    /// What was written of the outcome can be read: a continuation that is resumed before it waits does not say so itself.
    private let isConcluded = Atomic<Bool>(false)
    /// What a caller outside any scheduler does.
    private let outside = Atomic<Outside>(.isComing)
    // Safety (unchecked exclusivity, here and below): no access to these calls out.
    @safe @exclusivity(unchecked) private final var failure: Failure?
    /// What the call throws when the callee ends, if it is not the reason of the end. Set on the callee's thread, while
    /// nobody else has the token; within `exclusively`, since the end may come from another.
    @safe @exclusivity(unchecked) private final var errorAtEnd: (any Error)?
    /// Takes the request back from those who wait for a place. The callee's thread's.
    @safe @exclusivity(unchecked) final var withdraw: (() -> Void)?
    @safe @exclusivity(unchecked) private final var isOver = false
    @safe @exclusivity(unchecked) private final var continuation: CheckedContinuation<Void, Never>?
    @safe @exclusivity(unchecked) private final var alarm: Alarm?
    @safe @exclusivity(unchecked) private final var deadline: Deadline?

    private enum Outside: UInt8, AtomicRepresentable {
        /// It does not wait yet.
        case isComing
        case waits
        /// It need not wait any more.
        case goesOn
    }

    @usableFromInline
    enum Failure: Error {
        case timeout, noProcess, cancelled, dropped, full
        case exited(ExitReason)
        case refused(any Error)
    }

    /// - Throws: `CallError` with `.calledSelf`.
    @usableFromInline
    init(_ callee: ProcessCore, timeout: Duration?) throws(CallError) {
        let caller = ProcessCore.current
        if caller === callee && callee.isCallersOwn { throw CallError(.calledSelf, callee.pid) }
        self.callee = callee
        self.caller = caller
        self.timeout = timeout
        context = CallContext.isCarried ? CallContext.current : nil
        home = Scheduler.current
        super.init()
    }

    /// Not for use: without it the compiler makes one that calls itself.
    private override init() { preconditionFailure("a call has a callee") }

    /// Watches for the callee's end. On the callee's thread, or for it, before the request is delivered.
    @usableFromInline
    final func begin() {
        callee.addObserver(
            observerID,
            fromAnywhere: { [self] reason in
                if let error = callee.scheduler.exclusively({ errorAtEnd }) { return fail(.refused(error)) }
                fail(reason.kind == .noProcess ? .noProcess : .exited(reason))
            })
    }

    /// The call throws `error` once the callee has ended.
    final func failsAtEnd(_ error: any Error) { callee.scheduler.exclusively { errorAtEnd = error } }

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
        if callee.scheduler.isCurrent {
            callee.removeObserver(observerID)
            takeBack()
        } else {
            callee.scheduler.signal { [self] in
                callee.removeObserver(observerID)
                guard callee.places != nil else { return nil }
                return { @Sendable [self] in takeBack() }
            }
        }
        guard let home else { return goOnOutside() }
        if home.isCurrent { resume(on: home) } else { home.post(.action { [self] in resume(on: home) }) }
    }

    /// The caller is on no scheduler: it goes on from here, if it waits already.
    private final func goOnOutside() {
        guard outside.exchange(.goesOn, ordering: .acquiringAndReleasing) == .waits else { return }
        deadline?.cancel()
        deadline = nil
        continuation?.resume()
        continuation = nil
    }

    /// The request waits for no place any more.
    private final func takeBack() {
        if let withdraw = withdraw.take() { withdraw() }
    }

    /// The reply token is gone. If that is because the callee ends, its end is what the caller hears of.
    @usableFromInline
    final func replyDropped() {
        guard !isSettled.load(ordering: .relaxed) else { return }
        // Later, also when this is the callee's thread: it may be about to end.
        callee.scheduler.runLater { [self] in
            guard callee.machine.isRunning else { return }
            if callee.scheduler.exclusively({ errorAtEnd == nil }) { fail(.dropped) }
        }
    }

    private final func resume(on home: Scheduler) {
        isOver = true
        if let alarm = alarm.take() { home.disarm(alarm) }
        open(on: home)
        if let continuation = continuation.take() { continuation.resume() }
    }

    // MARK: The caller's side

    /// Begins to wait, if the task of a process's own body calls. Who is told so stops at the gatekeeper at once.
    ///
    /// It is told to end by the process, and so needs no handler of its own for that, of which Swift's library makes
    /// much.
    @usableFromInline
    final func beginsToWait() -> Gatekeeper? {
        guard let home, home.isCurrent, !isOver, let caller, caller.scheduler === home,
            caller.begins(toWaitFor: self)
        else { return nil }
        // Another thread may have told it.
        if Task.isCancelled {
            caller.endsToWait()
            return nil
        }
        armTimeout(on: home)
        unsafe home.gatekeeper.gate = .passUnretained(self)
        return home.gatekeeper
    }

    @usableFromInline
    final func endsToWait() {
        caller?.endsToWait()
        _ = isConcluded.load(ordering: .acquiring)
    }

    /// Waits until the call is over.
    @usableFromInline
    final func wait(isolation: isolated (any Actor)? = #isolation) async {
        await withTaskCancellationHandler {
            // A closure that names it stays on the caller's thread; without it this one would run on the global pool.
            _ = isolation
            guard let home else { return await waitOutside() }
            if home.isCurrent {
                guard !isOver else { return }
                armTimeout(on: home)
                await pass(on: home)
            } else {
                await withCheckedContinuation { continuation in
                    home.post(.action { [self] in wait(on: home, continuation) })
                }
            }
        } onCancel: {
            fail(.cancelled)
        }
        _ = isConcluded.load(ordering: .acquiring)
    }

    private final func wait(on home: Scheduler, _ continuation: CheckedContinuation<Void, Never>) {
        guard !isOver else { return continuation.resume() }
        armTimeout(on: home)
        self.continuation = continuation
    }

    private final func armTimeout(on home: Scheduler) {
        guard let timeout else { return }
        let alarm = Alarm { [self] in fail(.timeout) }
        self.alarm = alarm
        home.arm(alarm, after: timeout)
    }

    private final func waitOutside() async {
        await withCheckedContinuation { continuation in
            if let timeout {
                deadline = Deadline(after: timeout, of: callee.scheduler) { [self] in fail(.timeout) }
            }
            self.continuation = continuation
            let (waits, _) = outside.compareExchange(
                expected: .isComing, desired: .waits, ordering: .acquiringAndReleasing)
            if waits { return }
            // It was over before.
            deadline?.cancel()
            deadline = nil
            self.continuation = nil
            continuation.resume()
        }
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
    @safe @exclusivity(unchecked) @usableFromInline var value: Value?

    @inlinable
    override init(_ callee: ProcessCore, timeout: Duration?) throws(CallError) {
        value = nil
        try super.init(callee, timeout: timeout)
    }

    /// The reply has come: it counts if the call was not over before. From any thread.
    ///
    /// - Returns: whether it counts.
    @inlinable
    @discardableResult
    func succeed(_ value: Value) -> Bool {
        guard claim() else { return false }
        self.value = value
        conclude()
        return true
    }

    /// Waits for the reply.
    @inlinable
    @inline(__always)
    func reply(isolation: isolated (any Actor)? = #isolation) async throws -> Value {
        if let gatekeeper = beginsToWait() {
            await gatekeeper.stop()
            endsToWait()
        } else {
            await wait()
        }
        guard let value else { throw error }
        return value
    }
}
