internal import Synchronization

/// Processes that belong together under a name and take messages of one type. (OTP: `pg`.)
///
///     let room = ProcessGroup<Note>("room:42")
///     room.join(member)
///     room.broadcast(.said("hello"))
///
/// A group exists while somebody is in it. A process may be in several, and several times in one; at its death it
/// leaves all of them. Every function may be called from any thread, and none suspends.
public struct ProcessGroup<Message: Sendable>: Sendable, Hashable {
    /// What the group is called; groups for messages of other types may have the same name and are others.
    public let name: String

    /// The group of that name among those whose members take such messages.
    public init(_ name: String) { self.name = name }

    private var key: GroupDirectory.Key { .init(name: name, messageType: ObjectIdentifier(Message.self)) }

    /// Takes a process in, once more if it is in already. One that has ended is not.
    public func join(_ process: Process<Message>) { GroupDirectory.join(key, process.pid) }

    /// Takes a process in, once more if it is in already. One that has ended is not.
    public func join(_ process: Address<Message>) { GroupDirectory.join(key, process.pid) }

    /// Takes a process out once. Whether it was in.
    @discardableResult
    public func leave(_ process: Process<Message>) -> Bool { GroupDirectory.leave(key, process.pid) }

    /// Takes a process out once. Whether it was in.
    @discardableResult
    public func leave(_ process: Address<Message>) -> Bool { GroupDirectory.leave(key, process.pid) }

    /// Its members in no order, each as often as it has joined.
    public var members: [Address<Message>] {
        GroupDirectory.members(of: key).flatMap { Array(repeating: Address($0.core), count: $1) }
    }

    /// How often processes have joined it and not left.
    public var count: Int { GroupDirectory.members(of: key).values.reduce(0, +) }

    /// Sends a message to every member, as often as it has joined. It is made once and shared.
    ///
    /// Each scheduler is handed its members together: the cost is one post for 256 of them and one delivery a member.
    public func broadcast(_ message: Message) {
        var members: [(scheduler: Scheduler, members: [(core: ProcessCore, times: Int)])] = []
        for (pid, times) in GroupDirectory.members(of: key) {
            let scheduler = pid.core.scheduler
            if let index = members.firstIndex(where: { $0.scheduler === scheduler }) {
                members[index].members.append((pid.core, times))
            } else {
                members.append((scheduler, [(pid.core, times)]))
            }
        }
        for (scheduler, members) in members {
            if scheduler.isCurrent {
                for (core, times) in members { for _ in 0..<times { Address(core).deliver(message) } }
                continue
            }
            // So many at once: others have their turn between.
            for start in stride(from: 0, to: members.count, by: 256) {
                let members = members[start..<min(start + 256, members.count)]
                // A bounded member's places are taken now: what the sender sends later must not get them.
                let claims = members.map { core, times in
                    core.places == nil ? [] : (0..<times).map { _ in core.claimPlace() }
                }
                scheduler.post(
                    .action {
                        for ((core, times), claims) in zip(members, claims) {
                            for index in 0..<times {
                                Address(core).deliver(message, claims.isEmpty ? .notAsked : claims[index])
                            }
                        }
                    })
            }
        }
    }

    /// Stops telling a process of changes, which `Process.monitor(_:_:)` asked for.
    func unwatch(_ reference: UInt64) { GroupDirectory.unwatch(key, reference) }

    func watch(_ watcher: GroupDirectory.Watcher) -> [PID: Int] { GroupDirectory.watch(key, watcher) }
}

/// What has changed in a group.
public enum GroupChange: Sendable, Hashable {
    /// It has become a member, maybe not for the first time.
    case joined(PID)
    /// It has left, or ended: then it has left altogether.
    case left(PID)
}

/// One process's watch over one group.
public struct GroupMonitor: Sendable {
    let reference: UInt64
    let end: @Sendable (UInt64) -> Void
}

extension Process {
    /// Hears of every change in a group from now on, as messages. (OTP: `pg:monitor/2`.)
    ///
    /// - Returns: who is in it at that moment, and what `demonitor` takes.
    public func monitor<M: Sendable>(
        _ group: ProcessGroup<M>, _ adapter: @escaping @Sendable (GroupChange) -> Message
    ) -> (members: [PID: Int], monitor: GroupMonitor) {
        let reference = ProcessCore.nextID()
        let address = address
        makeSpecial().groupMonitors.insert(reference)
        let members = group.watch(.init(reference, pid) { address.deliver($0, of: reference, adapter) })
        return (members, GroupMonitor(reference: reference) { group.unwatch($0) })
    }

    /// Hears no more of a group's changes: no message arrives after this.
    public func demonitor(_ monitor: GroupMonitor) {
        // A change that is on its way from another scheduler finds nobody.
        special?.groupMonitors.remove(monitor.reference)
        monitor.end(monitor.reference)
    }
}

extension Address {
    /// Tells the process of a change in a group, if it has not ended and still monitors it. On its scheduler's thread.
    func deliver(_ change: GroupChange, of monitor: UInt64, _ adapter: @escaping @Sendable (GroupChange) -> Message) {
        process(of: core)?.onOwnThread { me in
            if me.special?.groupMonitors.contains(monitor) == true { me.deliverSignal(adapter(change)) }
        }
    }
}

/// Who is in which group, and who wants to hear of changes: what every `ProcessGroup` looks into.
enum GroupDirectory {
    /// A name, and the type of the messages: groups of different types never meet.
    struct Key: Hashable {
        let name: String
        let messageType: ObjectIdentifier
    }

    /// A process that hears of the changes in a group in the order in which they were made, whoever makes them on
    /// whatever thread: whoever does notes it here with the group held, and tells when it has let go of the group. Whoever
    /// comes to tell first tells all that is noted. (OTP: `pg`, where one process makes all changes.)
    final class Watcher: @unchecked Sendable {
        // Safety: `noted` is touched with `lock` held, `isTelling` on the scheduler of the process.
        let reference: UInt64
        let process: PID
        private let receive: @Sendable (GroupChange) -> Void
        private let lock = Lock()
        private var noted: [GroupChange] = []
        private var isTelling = false

        /// - Parameter receive: is told of each change, on the scheduler of the process.
        init(_ reference: UInt64, _ process: PID, _ receive: @escaping @Sendable (GroupChange) -> Void) {
            self.reference = reference
            self.process = process
            self.receive = receive
        }

        /// Remembers a change that has just been made, while the shard of its group is held.
        func note(_ change: GroupChange) { lock.withLock { noted.append(change) } }

        /// Tells the process what was noted: at once from its own scheduler.
        func tell() { process.core.scheduler.run { [self] in tellHere() } }

        /// What hears of a change may make another, which has its turn when those before it were told.
        private func tellHere() {
            if isTelling { return }
            isTelling = true
            defer { isTelling = false }
            while true {
                let changes = lock.withLock {
                    defer { noted = [] }
                    return noted
                }
                if changes.isEmpty { return }
                for change in changes { receive(change) }
            }
        }
    }

    private struct Shard {
        var table = GroupTable<Key, PID>()
        var watchers: [Key: [Watcher]] = [:]

        /// Those who are to be told of a change that was made in a group: it stands in their order now.
        func noted(_ change: GroupChange, in key: Key) -> [Watcher] {
            guard let watching = watchers[key] else { return [] }
            for watcher in watching { watcher.note(change) }
            return watching
        }
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
            return shard.noted(.joined(process), in: key)
        }
        for watcher in watchers { watcher.tell() }
        note(process, in: key)
    }

    static func leave(_ key: Key, _ process: PID) -> Bool {
        let watchers: [Watcher]? = withShard(of: key) { shard in
            shard.table.leave(key, process) ? shard.noted(.left(process), in: key) : nil
        }
        for watcher in watchers ?? [] { watcher.tell() }
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
            for key in shard.table.ended(core.pid) { told += shard.noted(.left(core.pid), in: key) }
        }
        for watcher in told { watcher.tell() }
    }
}

/// Process groups and who is in them, as a value. A process may be in several groups, and several times in one.
struct GroupTable<Key: Hashable, Member: Hashable> {
    private var groups: [Key: [Member: Int]] = [:]
    private var joined: [Member: Set<Key>] = [:]

    var keys: [Key] { Array(groups.keys) }

    /// Its members, in no order, and how often each has joined.
    func members(of key: Key) -> [Member: Int] { groups[key] ?? [:] }

    func groups(of member: Member) -> Set<Key> { joined[member] ?? [] }

    mutating func join(_ key: Key, _ member: Member) {
        groups[key, default: [:]][member, default: 0] += 1
        joined[member, default: []].insert(key)
    }

    /// Takes a member out once. Whether it was in.
    mutating func leave(_ key: Key, _ member: Member) -> Bool {
        guard let times = groups[key]?[member] else { return false }
        if times > 1 {
            groups[key]?[member] = times - 1
        } else {
            remove(member, from: key)
            joined[member]?.remove(key)
            if joined[member]?.isEmpty == true { joined[member] = nil }
        }
        return true
    }

    /// Takes a member that has ended out of every group.
    ///
    /// - Returns: the groups it was in.
    mutating func ended(_ member: Member) -> Set<Key> {
        let keys = joined.removeValue(forKey: member) ?? []
        for key in keys { remove(member, from: key) }
        return keys
    }

    private mutating func remove(_ member: Member, from key: Key) {
        groups[key]?[member] = nil
        if groups[key]?.isEmpty == true { groups[key] = nil }
    }
}
