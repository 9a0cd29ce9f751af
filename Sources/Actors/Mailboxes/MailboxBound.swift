internal import DequeModule
internal import Synchronization

/// The places of a bounded mailbox, and the senders that wait for one.
@usableFromInline
final class MailboxBound<Message: Sendable>: @unchecked Sendable {
    // Safety: `taken` is an atomic; `waiters` belongs to the process's scheduler.
    let limit: Int
    let whenFull: MailboxOptions.Overflow
    private let taken = Atomic<Int>(0)
    private var waiters = Deque<Waiter>()

    /// A sender that waits for room.
    final class Waiter: Sendable {
        enum Wish {
            /// A suspended call that wants its message sent.
            case message(Message, CheckedContinuation<Bool, any Error>)
            /// Somebody who wants a place kept, and is told when it is, or with `false` that there will be none.
            case place(@Sendable (Bool) -> Void)
        }

        let wish: Wish
        let ticket: Ticket

        init(_ wish: Wish, _ ticket: Ticket) {
            self.wish = wish
            self.ticket = ticket
        }

        func resume(returning isServed: Bool) {
            switch wish {
            case .message(_, let continuation): continuation.resume(returning: isServed)
            case .place(let tell): tell(isServed)
            }
        }

        /// The sender no longer waits. Who wants a place does not ask about that.
        func cancel() {
            if case .message(_, let continuation) = wish { continuation.resume(throwing: CancellationError()) }
        }
    }

    typealias Ticket = PlaceTicket

    init(_ bound: MailboxOptions.Bound) {
        limit = bound.limit
        whenFull = bound.whenFull
    }

    /// Takes a place if there is one. From any thread.
    func reserve() -> Bool {
        var seen = taken.load(ordering: .relaxed)
        while seen < limit {
            let result = taken.compareExchange(expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent)
            if result.exchanged { return true }
            seen = result.original
        }
        return false
    }

    func release() { taken.subtract(1, ordering: .sequentiallyConsistent) }

    // MARK: On the process's scheduler

    var isAwaited: Bool { !waiters.isEmpty }
    var waiterCount: Int { waiters.count }

    func wait(_ waiter: Waiter) { waiters.append(waiter) }

    /// The sender that has waited longest, which no longer does.
    func popWaiter() -> Waiter? { waiters.popFirst() }

    /// Takes a waiting sender out.
    func removeWaiter(_ ticket: Ticket) -> Waiter? {
        guard let index = waiters.firstIndex(where: { $0.ticket === ticket }) else { return nil }
        return waiters.remove(at: index)
    }

    /// The mailbox takes no more: whoever waits is told.
    func close() {
        while let waiter = waiters.popFirst() { waiter.resume(returning: false) }
    }
}

/// By which a waiting sender is found when it is to wait no more, maybe before it has begun to. The flag may be raised from
/// any thread.
package final class PlaceTicket: Sendable {
    let isCancelled = Atomic<Bool>(false)

    package init() {}
}
