internal import Synchronization

/// Bounded mailboxes.
extension Process {
    /// Sends a message if there is room for it, and says what became of it. Never suspends.
    ///
    /// An unbounded mailbox always has room.
    public nonisolated func trySend(_ message: Message) -> SendResult {
        guard pid.isAlive, !core.scheduler.isCurrent || onOwnThread({ $0.isOpen }) else { return .dead }
        guard let bound else {
            send(message)
            return .sent
        }
        guard bound.reserve() else { return .full }
        core.scheduler.run { [self] in deliver(message, .taken) }
        return .sent
    }

    /// Sends a message, and waits for room in a bounded mailbox if there is none. Who waits longest is first.
    ///
    /// - Throws: `CallError` with `.noProcess` if the process has ended or ends meanwhile; `CancellationError` if the
    ///   calling task is cancelled meanwhile. Then the message was not sent.
    public nonisolated func send(waiting message: Message) async throws {
        switch trySend(message) {
        case .sent: return
        case .dead: throw CallError(.noProcess, pid)
        case .full: try await waitForRoom(message)
        }
    }

    private func waitForRoom(
        _ message: Message, isolation: isolated (any Actor)? = #isolation
    ) async throws {
        let ticket = MailboxBound<Message>.Ticket()
        let wasSent = try await withTaskCancellationHandler {
            // A closure that names it stays on the caller's thread: see `PendingCall.wait`.
            _ = isolation
            return try await withCheckedThrowingContinuation { continuation in
                core.scheduler.run { [self] in
                    onOwnThread { $0.wait(.init(.message(message, continuation), ticket)) }
                }
            }
        } onCancel: {
            ticket.isCancelled.store(true, ordering: .sequentiallyConsistent)
            core.scheduler.run { [self] in onOwnThread { $0.cancelWait(ticket) } }
        }
        if !wasSent { throw CallError(.noProcess, pid) }
    }

    func wait(_ waiter: MailboxBound<Message>.Waiter) {
        guard isOpen, let bound else { return waiter.resume(returning: false) }
        if waiter.ticket.isCancelled.load(ordering: .sequentiallyConsistent) { return waiter.cancel() }
        guard !bound.isAwaited, bound.reserve() else { return bound.wait(waiter) }
        serve(waiter)
    }

    /// Gives a waiting sender the place that was taken for it.
    private func serve(_ waiter: MailboxBound<Message>.Waiter) {
        if case .message(let message, _) = waiter.wish { enqueue(message) }
        waiter.resume(returning: true)
    }

    func cancelWait(_ ticket: MailboxBound<Message>.Ticket) { bound?.removeWaiter(ticket)?.cancel() }

    /// Whether a message that comes without a place finds one, and what happens if not.
    func admit(_ bound: MailboxBound<Message>) -> Bool { bound.reserve() || makePlace(bound) }

    /// What the policy does for a message that found no place when it was sent. Whether there is one now.
    ///
    /// That there may be one again does not help it, where the newest is dropped: who was sent later may have taken it.
    func makePlace(_ bound: MailboxBound<Message>) -> Bool {
        switch bound.whenFull {
        case .suspend, .dropNewest, .fail:
            core.scheduler.messagesDropped += 1
            return false
        case .dropOldest:
            if bound.reserve() { return true }
            core.scheduler.messagesDropped += 1
            return dropOldest()
        case .kill:
            if bound.reserve() { return true }
            core.scheduler.messagesDropped += 1
            core.receiveExit(.error(MailboxOverflow(limit: bound.limit)), from: nil, source: .runtime)
            return false
        }
    }

    /// Drops the oldest message that is no signal; its place is free for another.
    private func dropOldest() -> Bool {
        let signals = Set(special?.signalPlaces.values ?? [:].values)
        // Every place may be reserved for messages that are still on their way here.
        guard let oldest = (queue.head..<queue.end).first(where: { !signals.contains($0) }) else { return false }
        withExtendedLifetime(queue.remove(at: oldest)) { _ = special?.forgetPlace(oldest) }
        return true
    }

    /// A message was taken: its place goes to who waits longest for one.
    func makeRoom(_ bound: MailboxBound<Message>) {
        guard let waiter = bound.popWaiter() else { return bound.release() }
        serve(waiter)
    }
}
