internal import Synchronization

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
