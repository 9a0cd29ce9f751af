internal import Actors
internal import Synchronization
internal import WSConnection

/// The part of a topic on one scheduler. It exists while it has members.
final class LocalTopic: @unchecked Sendable {
    // Safety: `roster` is touched by the hub's scheduler only.
    let name: String
    let hub: TopicHub
    var roster = Roster<Membership>()
    private let count = Atomic<Int>(0)

    init(_ name: String, _ hub: TopicHub) {
        self.name = name
        self.hub = hub
    }

    /// From any thread.
    var memberCount: Int { count.load(ordering: .relaxed) }

    func add(_ member: Membership) {
        roster.add(member)
        count.store(roster.count, ordering: .relaxed)
    }

    func remove(_ member: Membership) {
        roster.remove(member)
        count.store(roster.count, ordering: .relaxed)
    }
}

/// One connection's subscription to one topic.
final class Membership: RosterMember {
    let topic: LocalTopic
    /// The connection as a process. It does not keep the connection alive.
    let core: ProcessCore
    var seat = 0

    init(_ topic: LocalTopic, _ core: ProcessCore) {
        self.topic = topic
        self.core = core
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
