/// How a child is started, and for how long that may go on.
struct ChildStarter: Sendable {
    let start: @Sendable () async throws -> any Supervisable
    /// `nil`: as long as it takes.
    let limit: Duration?
    /// How long a start that is cancelled may take to end, and a child that comes of it nevertheless.
    let shutdown: Child.Shutdown

    init(
        _ start: @escaping @Sendable () async throws -> any Supervisable, within limit: Duration?, shutdown: Child.Shutdown
    ) {
        self.start = start
        self.limit = limit
        self.shutdown = shutdown
    }

    static func check(_ limit: Duration?, of id: String) throws(SupervisorError) {
        guard let limit, limit <= .zero else { return }
        throw SupervisorError(
            .badSpecification, child: id, advice: "startWithin is \(limit): it must be more than 0, or nil for no limit")
    }
}

/// Whether a supervisor was asked to end by code outside any process. It stands for a message that waits in the mailbox, which
/// a supervisor that starts a child has not read yet.
final class EndWish: @unchecked Sendable {
    // Safety: touched by the thread of the supervisor's scheduler only.
    private(set) var isThere = false

    /// A trapped signal goes into the mailbox.
    func note(_ signal: ExitSignal) -> ExitSignal {
        if signal.from == nil { isThere = true }
        return signal
    }
}

/// How a supervisor starts a child: in a task of its own, since the supervisor's would stay cancelled. So a start that hangs
/// does not hold up the end: Swift can cancel it, which Erlang cannot.
extension Process {
    /// A start under way.
    private final class Attempt {
        // The supervisor's thread alone touches it.
        var outcome: Result<PID, any Error>?
        /// Nobody waits for the outcome any more.
        var isLeft = false
    }

    /// Starts a child and waits for it, unless this supervisor is to end.
    ///
    /// A start that takes too long is cancelled and then has as long as the child has to stop. One that goes on after that is left
    /// to itself: should a process come of it, that is stopped.
    func start<S: Server>(
        _ id: String, _ starter: ChildStarter, unless wish: EndWish
    ) async -> Result<PID, any Error> where Message == ServerMessage<S> {
        if isToEnd(wish) { return .failure(SupervisorError(.startCancelled, child: id)) }
        let attempt = Attempt()
        let task = Task {
            do {
                ended(attempt, .success(try await starter.start().pid), starter.shutdown)
            } catch {
                ended(attempt, .failure(error), starter.shutdown)
            }
        }
        await wait(for: attempt, starter.limit, unless: wish)
        if let outcome = attempt.outcome { return outcome }
        let error =
            if let limit = starter.limit, !isToEnd(wish) {
                SupervisorError.startTimeout(id, limit)
            } else {
                SupervisorError(.startCancelled, child: id)
            }
        task.cancel()
        await wait(for: attempt, starter.shutdown.patience, unless: nil)
        attempt.isLeft = true
        if case .success(let pid) = attempt.outcome { return .success(pid) }
        return .failure(error)
    }

    /// Waits for the outcome so long; for a supervisor that is to end, or has, no longer.
    private func wait(for attempt: Attempt, _ limit: Duration?, unless wish: EndWish?) async {
        defer { endPatience() }
        while attempt.outcome == nil, isOpen, limit != .zero, special?.isPatienceOver != true {
            if let wish, isToEnd(wish) { return }
            makeSpecial().filter = { _ in wish?.isThere ?? false }
            if let limit { bePatient(limit) }
            updatePlainness()
            beginWaiting()
            await core.pass(on: core.scheduler)
        }
    }

    /// Whether this supervisor was asked to end, by whomever, or has ended.
    private func isToEnd(_ wish: EndWish) -> Bool {
        if wish.isThere || !isOpen { return true }
        return special?.systemRequests.contains { if case .stop = $0.request { true } else { false } } ?? false
    }

    private func ended(_ attempt: Attempt, _ outcome: Result<PID, any Error>, _ shutdown: Child.Shutdown) {
        if !attempt.isLeft {
            attempt.outcome = outcome
            resumeReceiver()
        } else if case .success(let child) = outcome {
            letGo(child, shutdown)
        }
    }

    /// Stops a child that nobody waits for.
    private func letGo(_ child: PID, _ shutdown: Child.Shutdown) {
        let patience = shutdown.patience
        if patience != .zero { core.sendExit(.shutdown, to: child.core, grace: patience) }
        if let patience { core.scheduler.arm(Alarm { child.exit(.kill) }, after: patience) }
    }
}
