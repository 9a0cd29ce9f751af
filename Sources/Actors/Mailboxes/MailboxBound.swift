internal import DequeModule
internal import Synchronization

/// The places of a bounded mailbox: those of messages that wait in it, and those of messages on their way to it.
///
/// Whoever sends takes a place at that moment, on whatever thread, and not when the message arrives. So no message of a
/// sender loses its place to one that the same sender has sent later, in whatever way.
class MailboxPlaces: @unchecked Sendable {
    // Safety: `taken` is an atomic; what a subclass adds belongs to the process's scheduler.
    final let limit: Int
    final let whenFull: MailboxOptions.Overflow
    private final let taken = Atomic<Int>(0)

    init(_ bound: MailboxOptions.Bound) {
        limit = bound.limit
        whenFull = bound.whenFull
    }

    /// Takes a place if there is one. From any thread.
    final func reserve() -> Bool {
        var seen = taken.load(ordering: .relaxed)
        while seen < limit {
            let result = taken.compareExchange(expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent)
            if result.exchanged { return true }
            seen = result.original
        }
        return false
    }

    final func release() { taken.subtract(1, ordering: .sequentiallyConsistent) }
}

/// What became of a message's wish for a place, when it was sent from elsewhere.
enum PlaceClaim: Sendable {
    /// Nobody has asked: the mailbox has no bound, or it is asked on arrival, which is at once.
    case notAsked
    case taken
    /// The mailbox was full: its policy says what is to be done.
    case refused
}

extension ProcessCore {
    /// Asks for a place in its mailbox for a message that is being sent. From any thread.
    func claimPlace() -> PlaceClaim {
        guard let places else { return .notAsked }
        return places.reserve() ? .taken : .refused
    }
}

/// The places of a bounded mailbox, and the senders that wait for one.
final class MailboxBound<Message: Sendable>: MailboxPlaces, @unchecked Sendable {
    // Safety: what follows belongs to the process's scheduler.
    /// One that waits no more leaves its place empty, so that the others keep their numbers.
    private var waiters = Deque<Waiter?>()
    /// The number of the first.
    private var firstNumber = 0
    private(set) var waiterCount = 0

    /// A sender that waits for room.
    final class Waiter: Sendable {
        enum Wish {
            /// A suspended sender that wants its message sent, and is told whether it was.
            case message(Message, Promise<Bool>)
            /// The request of a call, which hears by itself of the end of the process.
            case call(Message, PendingCall)
            /// Somebody who wants a place kept, and is told when it is, or with `false` that there will be none.
            case place(@Sendable (Bool) -> Void)
        }

        let wish: Wish
        let ticket: Ticket

        init(_ wish: Wish, _ ticket: Ticket) {
            self.wish = wish
            self.ticket = ticket
        }

        /// There will be no place for it.
        func refuse() {
            switch wish {
            case .message(_, let wasSent): wasSent.keep(false)
            case .call: break
            case .place(let tell): tell(false)
            }
        }
    }

    typealias Ticket = PlaceTicket

    // MARK: On the process's scheduler

    var isAwaited: Bool { waiterCount > 0 }
    /// How many places there are in the line, empty ones too.
    var placesInLine: Int { waiters.count }

    func wait(_ waiter: Waiter) {
        if waiters.count > 2 * waiterCount + 16 { closeRanks() }
        waiter.ticket.number = firstNumber + waiters.count
        waiters.append(waiter)
        waiterCount += 1
    }

    /// The sender that has waited longest, which no longer does.
    func popWaiter() -> Waiter? {
        while let first = waiters.popFirst() {
            firstNumber += 1
            guard let first else { continue }
            waiterCount -= 1
            giveStorageBack()
            return first
        }
        return nil
    }

    /// Takes a waiting sender out, at the same cost however many wait.
    func removeWaiter(_ ticket: Ticket) -> Waiter? {
        guard let number = ticket.number, number >= firstNumber, number < firstNumber + waiters.count,
            let waiter = waiters[number - firstNumber], waiter.ticket === ticket
        else { return nil }
        waiters[number - firstNumber] = nil
        waiterCount -= 1
        giveStorageBack()
        return waiter
    }

    /// Those who have left have left many places.
    private func closeRanks() {
        waiters.removeAll { $0 == nil }
        for (index, waiter) in waiters.enumerated() { waiter?.ticket.number = firstNumber + index }
    }

    private func giveStorageBack() {
        if waiterCount > 0 { return }
        firstNumber += waiters.count
        waiters = []
    }

    /// The mailbox takes no more: whoever waits is told.
    func close() {
        while let waiter = popWaiter() { waiter.refuse() }
    }
}

/// By which a waiting sender is found when it is to wait no more, maybe before it has begun to. The flag may be raised
/// from any thread.
package final class PlaceTicket: Sendable {
    let isCancelled = Atomic<Bool>(false)
    // Safety: touched by the thread of the process whose mailbox it is.
    /// Its number in the line of those who wait.
    @safe nonisolated(unsafe) var number: Int?

    package init() {}
}

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
    /// - Parameters:
    ///   - message: what to send.
    ///   - timeout: how long to wait, counted where the caller is; default: until there is room.
    /// - Throws: `CallError` with `.noProcess` if the process has ended or ends meanwhile, with `.timeout`, or with
    ///   `.full` if the body would wait for room in its own mailbox, which it alone can make; `CancellationError` as
    ///   soon as the calling task is cancelled. Then the message was not sent.
    public nonisolated func send(waiting message: Message, timeout: Duration? = nil) async throws {
        switch trySend(message) {
        case .sent: return
        case .dead: throw CallError(.noProcess, pid)
        case .full where core.isCallersOwn: throw CallError(.full, pid)
        case .full: try await waitForRoom(message, timeout)
        }
    }

    private nonisolated func waitForRoom(_ message: Message, _ timeout: Duration?) async throws {
        // Who keeps it first says what becomes of the message: the process, that it has taken it, or its sender, that
        // it is not to.
        let wasSent = Promise<Bool>()
        let ticket = PlaceTicket()
        core.scheduler.run { [self] in onOwnThread { $0.wait(.init(.message(message, wasSent), ticket)) } }
        /// The message is not to be sent, unless it was in this very moment.
        func giveUp(_ failure: any Error) throws {
            guard wasSent.keep(false) else { return try checkSent(wasSent.current ?? false) }
            cancelPlace(ticket)
            throw failure
        }
        let answer: Bool?
        do throws(CancellationError) {
            answer = if let timeout { try await wasSent.value(within: timeout) } else { try await wasSent.value() }
        } catch {
            return try giveUp(error)
        }
        guard let answer else { return try giveUp(CallError(.timeout, pid, timeout: timeout)) }
        try checkSent(answer)
    }

    private nonisolated func checkSent(_ wasSent: Bool) throws(CallError) {
        if !wasSent { throw CallError(.noProcess, pid) }
    }

    func wait(_ waiter: MailboxBound<Message>.Waiter) {
        guard isOpen, let bound else { return waiter.refuse() }
        if waiter.ticket.isCancelled.load(ordering: .sequentiallyConsistent) { return }
        guard !bound.isAwaited, bound.reserve() else { return bound.wait(waiter) }
        serve(waiter)
    }

    /// Gives a waiting sender the place that was taken for it.
    private func serve(_ waiter: MailboxBound<Message>.Waiter) {
        switch waiter.wish {
        case .message(let message, let wasSent):
            // One that has just given up: its place goes to the next.
            guard wasSent.keep(true) else { return bound.map { makeRoom($0) } ?? () }
            enqueue(message)
        case .call(let request, let pending):
            pending.withdraw = nil
            enqueue(request)
        case .place(let tell): tell(true)
        }
    }

    func cancelWait(_ ticket: MailboxBound<Message>.Ticket) { _ = bound?.removeWaiter(ticket) }

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
        let oldest = special?.signals.firstWithout(from: queue.head) ?? queue.head
        // Every place may be reserved for messages that are still on their way here.
        guard oldest < queue.end else { return false }
        withExtendedLifetime(remove(at: oldest)) {}
        return true
    }

    /// A message was taken: its place goes to who waits longest for one.
    func makeRoom(_ bound: MailboxBound<Message>) {
        guard let waiter = bound.popWaiter() else { return bound.release() }
        serve(waiter)
    }
}
