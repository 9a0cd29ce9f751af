internal import Actors

/// What encrypts the TLS session tickets of all workers: made by their keeper and told to them, and written nowhere.
final class TicketKey: @unchecked Sendable {
    // Safety: `key` is touched with `lock` held.
    private let lock = Lock()
    private var key = TicketKey.random()

    var bytes: [UInt8] { lock.withLock { key } }

    /// Makes a new one: whoever learns it can read recorded TLS 1.2 traffic, so it should not last.
    func renew() { lock.withLock { key = TicketKey.random() } }

    private static func random() -> [UInt8] {
        var random = SystemRandomNumberGenerator()
        return (0..<80).map { _ in .random(in: 0...255, using: &random) }
    }
}
