/// How many messages may wait in a mailbox, and what happens to more.
public struct MailboxOptions: Sendable, Hashable {
    /// What a full mailbox does.
    public enum Overflow: Sendable, Hashable, CaseIterable {
        /// `send(waiting:)` waits for room; what plain `send` brings is dropped and counted.
        case suspend
        /// What comes is dropped and counted.
        case dropNewest
        /// The message that waits longest is dropped and counted.
        case dropOldest
        /// What comes is dropped and counted; for those who look at what `trySend` says.
        case fail
        /// The process ends, with a `MailboxOverflow` for its error, also if it traps exits.
        case kill
    }

    struct Bound: Hashable {
        let limit: Int
        let whenFull: Overflow
    }

    let bound: Bound?

    /// As many as come, as in Erlang. A warning is reported when a mailbox grows long.
    public static let unbounded = MailboxOptions(bound: nil)

    /// At most `limit` messages, at least 1. What signals become (downs, trapped exits) comes in all the same.
    public static func bounded(_ limit: Int, whenFull: Overflow) -> MailboxOptions {
        MailboxOptions(bound: Bound(limit: max(limit, 1), whenFull: whenFull))
    }
}

/// Why a process ended whose bounded mailbox was full: its policy was `.kill`.
public struct MailboxOverflow: Error, Hashable, CustomStringConvertible {
    /// How many messages might wait.
    public let limit: Int

    public var description: String { "message \(limit + 1) came while \(limit) waited, the mailbox's bound" }
}

/// What became of a message that `trySend` brought.
public enum SendResult: Sendable, Hashable {
    /// It is in the mailbox, or on its way there.
    case sent
    /// The mailbox is full: it was not taken.
    case full
    /// The process has ended, or is ending as far as the sender's scheduler knows: it was not taken.
    case dead
}
