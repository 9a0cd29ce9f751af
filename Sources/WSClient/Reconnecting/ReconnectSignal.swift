internal import Actors
internal import WSConnection

/// What the process of a reconnecting client is sent. Each carries the number of what it is about, so that one that comes
/// late means nothing.
enum ReconnectSignal: Sendable, Hashable {
    /// The wait before an attempt is over.
    case timeIsUp(attempt: UInt64)
    /// Everything that a connection had to tell has been taken, its end included.
    case drained(PID)
    /// A connection is gone.
    case ended(PID)
    /// Nobody reads the events any more.
    case readerLeft
}
