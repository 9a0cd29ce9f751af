internal import Synchronization

/// Who is in which group, and who wants to hear of changes: what every `ProcessGroup` looks into.
enum GroupDirectory {
    /// A name, and the type of the messages: groups of different types never meet.
    struct Key: Hashable {
        let name: String
        let messageType: ObjectIdentifier
    }

    struct Watcher {
        let reference: UInt64
        let process: PID
        let tell: @Sendable (GroupChange) -> Void
    }

    private struct Shard {
        var table = GroupTable<Key, PID>()
        var watchers: [Key: [Watcher]] = [:]
    }

    private static let shards = Sharded { Shard() }

    private static func withShard<R>(of key: Key, _ body: (inout Shard) -> R) -> R {
        shards.withTable(Sharded<Shard>.index(of: key.name), body)
    }

    /// Marks that `process` stands in the shard of `key`, or undoes all it has there if it has ended meanwhile.
    private static func note(_ process: PID, in key: Key) {
        let index = Sharded<Shard>.index(of: key.name)
        process.core.groupShards.bitwiseOr(1 << UInt64(index), ordering: .sequentiallyConsistent)
        // Either the process sees the bit when it ends, or its end is seen here.
        if !process.isAlive { processEnded(process.core) }
    }

    static func members(of key: Key) -> [PID: Int] { withShard(of: key) { $0.table.members(of: key) } }

    static func names(of process: PID) -> [String] {
        var found: [String] = []
        shards.withTables(in: process.core.groupShards.load(ordering: .sequentiallyConsistent)) { shard in
            found += shard.table.groups(of: process).map(\.name)
        }
        return found.sorted()
    }

    static func join(_ key: Key, _ process: PID) {
        guard process.isAlive else { return }
        let watchers = withShard(of: key) { shard in
            shard.table.join(key, process)
            return shard.watchers[key] ?? []
        }
        for watcher in watchers { watcher.tell(.joined(process)) }
        note(process, in: key)
    }

    static func leave(_ key: Key, _ process: PID) -> Bool {
        let watchers: [Watcher]? = withShard(of: key) { shard in
            shard.table.leave(key, process) ? shard.watchers[key] ?? [] : nil
        }
        for watcher in watchers ?? [] { watcher.tell(.left(process)) }
        return watchers != nil
    }

    /// Adds a watcher and returns who was in the group at that moment.
    static func watch(_ key: Key, _ watcher: Watcher) -> [PID: Int] {
        let members = withShard(of: key) { shard in
            shard.watchers[key, default: []].append(watcher)
            return shard.table.members(of: key)
        }
        note(watcher.process, in: key)
        return members
    }

    static func unwatch(_ key: Key, _ reference: UInt64) {
        withShard(of: key) { shard in
            shard.watchers[key]?.removeAll { $0.reference == reference }
            if shard.watchers[key]?.isEmpty == true { shard.watchers[key] = nil }
        }
    }

    static func processEnded(_ core: ProcessCore) {
        let bits = core.groupShards.load(ordering: .sequentiallyConsistent)
        guard bits != 0 else { return }
        var told: [Watcher] = []
        shards.withTables(in: bits) { shard in
            for (key, watchers) in shard.watchers where watchers.contains(where: { $0.process == core.pid }) {
                let left = watchers.filter { $0.process != core.pid }
                shard.watchers[key] = left.isEmpty ? nil : left
            }
            for key in shard.table.ended(core.pid) { told += shard.watchers[key] ?? [] }
        }
        for watcher in told { watcher.tell(.left(core.pid)) }
    }
}
