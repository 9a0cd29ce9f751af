internal import Actors
internal import HansomTransport

/// What the TLS session tickets of all workers are made with: made by their keeper and told to them, and written nowhere.
///
/// It changes each day, here as in the workers, and what it was before is forgotten: a worker that begins later is told what
/// its siblings have come to by then.
final class TicketKey: @unchecked Sendable {
    // Safety: `secret` is touched with `lock` held.
    private let lock = Lock()
    private var secret = TLSTicketSecret.random()

    /// Yesterday's: whoever begins with it takes yesterday's tickets too, and makes new ones with today's key.
    var forWorkers: TLSTicketSecret {
        lock.withLock {
            secret.advance(to: TLSTicketSecret.today - 1)
            return secret
        }
    }
}
