internal import Actors

/// On which schedulers members of a topic live: all that publishers, which may be anywhere, need to know.
final class TopicDirectory: Sendable {
    let counters = TopicCounters()
    private let shards = Sharded { [String: [LocalTopic]]() }

    /// The topic's part on each scheduler where it has members.
    func parts(of name: String) -> [LocalTopic] {
        shards.withTable(Sharded<[String: [LocalTopic]]>.index(of: name)) { $0[name] ?? [] }
    }

    func add(_ part: LocalTopic) {
        shards.withTable(Sharded<[String: [LocalTopic]]>.index(of: part.name)) { table in
            if table[part.name] == nil { counters.topicsChanged(by: 1) }
            table[part.name, default: []].append(part)
        }
    }

    func remove(_ part: LocalTopic) {
        shards.withTable(Sharded<[String: [LocalTopic]]>.index(of: part.name)) { table in
            table[part.name]?.removeAll { $0 === part }
            guard table[part.name]?.isEmpty == true else { return }
            table[part.name] = nil
            counters.topicsChanged(by: -1)
        }
    }
}
