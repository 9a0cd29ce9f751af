internal import Actors
internal import WSConnection

/// One connection's subscription to one topic.
final class Membership: RosterMember {
    let topic: LocalTopic
    /// The connection as a process. It does not keep the connection alive.
    let core: ProcessCore
    /// The number of the first message that it gets.
    let since: UInt64
    var seat = 0

    init(_ topic: LocalTopic, _ core: ProcessCore, since: UInt64) {
        self.topic = topic
        self.core = core
        self.since = since
    }
}

extension ProcessCore {
    /// The connection whose process it is, while that has not ended. For the core of a connection, on its thread.
    var connection: WebSocket? {
        guard let actor else { return nil }
        // Safety: only a WebSocket subscribes.
        return unsafe unsafeDowncast(actor, to: WebSocket.self)
    }
}
