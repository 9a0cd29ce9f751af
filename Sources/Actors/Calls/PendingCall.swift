internal import Synchronization

/// A call that waits for its reply: who calls, who is called, and what has become of it.
///
/// It lives on one scheduler: the caller's, or the callee's if the caller is on none. A settled call takes nothing more,
/// so that a late reply reaches nobody.
final class PendingCall<Value: Sendable>: @unchecked Sendable {
    // Safety: the lets and `isSettled` are made for any thread; the rest belongs to `home`'s thread.
    private let home: Scheduler
    private let callee: ProcessCore
    private let timeout: Duration?
    private let observerID = ProcessCore.nextID()
    private let isSettled = Atomic<Bool>(false)
    private var outcome: Result<Value, Failure>?
    private var gate: Gate?
    private var continuation: CheckedContinuation<Void, Never>?
    private var alarm: Alarm?

    enum Failure: Error {
        case timeout, noProcess, cancelled, dropped
        case exited(ExitReason)
        case refused(any Error)
    }

    init(_ callee: ProcessCore, home: Scheduler, timeout: Duration?) {
        self.callee = callee
        self.home = home
        self.timeout = timeout
    }

    /// Watches for the callee's end. On the callee's thread, before the request is delivered.
    func begin() {
        callee.addObserver(observerID) { [self] reason in
            settle(.failure(reason.kind == .noProcess ? .noProcess : .exited(reason)))
        }
    }

    /// The call is over, if it was not before. From any thread.
    func settle(_ result: Result<Value, Failure>) {
        guard !isSettled.exchange(true, ordering: .sequentiallyConsistent) else { return }
        if callee.scheduler.isCurrent {
            callee.removeObserver(observerID)
        } else {
            callee.scheduler.post(.action { [self] in callee.removeObserver(observerID) })
        }
        if home.isCurrent { conclude(result) } else { home.post(.action { [self] in conclude(result) }) }
    }

    private func conclude(_ result: Result<Value, Failure>) {
        outcome = result
        if let alarm { home.disarm(alarm) }
        alarm = nil
        gate?.open(on: home)
        continuation?.resume()
        continuation = nil
    }

    // MARK: The caller's side

    /// Waits until the call is over.
    func value(isolation: isolated (any Actor)? = #isolation) async throws -> Value {
        try await withTaskCancellationHandler {
            // A closure that names it stays on the caller's thread; without it this one would run on the global pool.
            _ = isolation
            await waitUntilSettled()
            return try take()
        } onCancel: {
            settle(.failure(.cancelled))
        }
    }

    private func waitUntilSettled() async {
        if home.isCurrent {
            guard outcome == nil else { return }
            armTimeout()
            let gate = Gate()
            self.gate = gate
            await gate.pass(on: home)
        } else {
            await withCheckedContinuation { continuation in
                home.post(.action { [self] in waitHere(continuation) })
            }
        }
    }

    private func waitHere(_ continuation: CheckedContinuation<Void, Never>) {
        guard outcome == nil else { return continuation.resume() }
        armTimeout()
        self.continuation = continuation
    }

    private func armTimeout() {
        guard let timeout else { return }
        let alarm = Alarm { [self] in settle(.failure(.timeout)) }
        self.alarm = alarm
        home.arm(alarm, after: timeout)
    }

    private func take() throws -> Value {
        switch outcome {
        case .success(let value): return value
        case .failure(.refused(let error)): throw error
        case .failure(let failure): throw error(failure)
        case nil: throw error(.dropped)
        }
    }

    private func error(_ failure: Failure) -> CallError {
        let pid = callee.pid
        return switch failure {
        case .timeout: CallError(.timeout, pid, timeout: timeout)
        case .noProcess: CallError(.noProcess, pid)
        case .cancelled: CallError(.cancelled, pid)
        case .exited(let reason): CallError(.exited, pid, reason: reason)
        case .dropped, .refused: CallError(.replyDropped, pid)
        }
    }
}
