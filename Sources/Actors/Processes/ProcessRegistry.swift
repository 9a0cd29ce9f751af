internal import Synchronization

/// Processes under keys of any type, each with a value. (Elixir: `Registry`.)
///
///     let players = ProcessRegistry<UUID, Score>()                 // one process a key
///     try players.register(player, under: id, value: Score())
///     let player = players[id]?.pid
///
///     let rooms = ProcessRegistry<Topic, Role>(.duplicate)         // any number of processes a key
///     rooms.dispatch(Note.said("hello"), to: topic)
///
/// `Registry` has the names of the program; make one of these for each kind of key. A process that ends is out of it
/// before anyone sees its down. Every function may be called from any thread, and none suspends; keys are spread over
/// 64 locks. It lives as long as somebody holds it, or a process is in it.
public final class ProcessRegistry<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    /// How many processes a key may have.
    public enum Keys: Sendable, Hashable, CaseIterable {
        /// One.
        case unique
        /// Any number, each once.
        case duplicate
    }

    /// A process under a key.
    public struct Entry: Sendable {
        /// The process.
        public let pid: PID
        /// What was given for it.
        public let value: Value
    }

    /// How many processes a key may have.
    public let keys: Keys
    private let shards = Sharded { KeyTable<Key, PID, Value>() }

    /// An empty one.
    ///
    /// - Parameter keys: how many processes a key may have; default: one.
    public init(_ keys: Keys = .unique) { self.keys = keys }

    private func shard(of key: Key) -> Int { key.hashValue & 63 }

    /// Puts a process under a key. It may be under several.
    ///
    /// - Parameters:
    ///   - process: the process, or what stands for it.
    ///   - key: the key.
    ///   - value: what to keep with it.
    /// - Throws: `RegistryError`: `.nameTaken` when the process is under the key already, or with unique keys another
    ///   is; `.noProcess` when it has ended.
    public func register(
        _ process: some Supervisable, under key: Key, value: Value
    ) throws(RegistryError) {
        let (pid, shard) = (process.pid, shard(of: key))
        let holder = shards.withTable(shard) { $0.insert(pid, value, under: key, isUnique: keys == .unique) }
        if let holder { throw RegistryError(.nameTaken, "\(key)", holder: holder) }
        Memberships.note(pid, in: self, shard)
        // Either the process sees that it is in here when it ends, or its end is seen here.
        guard !pid.isAlive else { return }
        ended(pid, in: 1 << UInt64(shard))
        throw RegistryError(.noProcess, "\(key)", holder: pid)
    }

    /// Takes a process out from under a key. Whether it was there.
    @discardableResult
    public func unregister(_ process: some Supervisable, from key: Key) -> Bool {
        let removed = shards.withTable(shard(of: key)) { $0.remove(process.pid, from: key) }
        return removed != nil
    }

    /// Gives a process another value under a key.
    ///
    /// - Returns: the value before; `nil` if the process is not under the key, and then nothing changes.
    @discardableResult
    public func setValue(_ value: Value, of process: some Supervisable, under key: Key) -> Value? {
        shards.withTable(shard(of: key)) { $0.replace(value, of: process.pid, under: key) }
    }

    /// The process under a key: of several the one that has been there longest.
    public subscript(key: Key) -> Entry? { entries(under: key).first }

    /// The processes under a key, in the order in which they came.
    public func entries(under key: Key) -> [Entry] {
        shards.withTable(shard(of: key)) { $0.entries(under: key) }.map { Entry(pid: $0.owner, value: $0.value) }
    }

    /// The keys that a process is under, in no order.
    public func keys(of process: some Supervisable) -> [Key] {
        shards.map { $0.keys(of: process.pid) }.flatMap { $0 }
    }

    /// How many processes there are, each as often as it is under a key.
    public var count: Int { shards.map { $0.count }.reduce(0, +) }

    /// Does something with the processes under a key, if there are any. (Elixir: `Registry.dispatch/3`.)
    ///
    /// - Parameter body: gets those that were there at that moment. It may do with this registry what it likes.
    public func dispatch(_ key: Key, _ body: ([Entry]) throws -> Void) rethrows {
        let entries = entries(under: key)
        if !entries.isEmpty { try body(entries) }
    }

    /// Sends a message to every process under a key that takes messages of its type.
    ///
    /// - Returns: to how many.
    @discardableResult
    public func dispatch<Message: Sendable>(_ message: Message, to key: Key) -> Int {
        var sent = 0
        for entry in entries(under: key) {
            guard let address = entry.pid.address(as: Message.self) else { continue }
            address.send(message)
            sent += 1
        }
        return sent
    }
}

extension ProcessRegistry: ProcessDirectory {
    func ended(_ process: PID, in shards: UInt64) {
        // What goes with a value may do anything: no lock is held by then.
        var gone: [(key: Key, value: Value?)] = []
        self.shards.withTables(in: shards) { gone += $0.ended(process) }
        Timekeeper.letGo(consume gone)
    }
}

/// What has processes in it and is told of their ends.
protocol ProcessDirectory: AnyObject, Sendable {
    /// A process has ended that stands in these shards.
    func ended(_ process: PID, in shards: UInt64)
}

/// In which directories each process stands, and in which shards of them.
enum Memberships {
    private typealias Table = [PID: [(directory: any ProcessDirectory, shards: UInt64)]]

    private static let tables = Sharded { Table() }

    private static func index(of process: PID) -> Int { Int(truncatingIfNeeded: process.id & 63) }

    static func note(_ process: PID, in directory: some ProcessDirectory, _ shard: Int) {
        tables.withTable(index(of: process)) { table in
            var places = table[process] ?? []
            if let place = places.firstIndex(where: { $0.directory === directory }) {
                places[place].shards |= 1 << UInt64(shard)
            } else {
                places.append((directory, 1 << UInt64(shard)))
            }
            table[process] = places
        }
        // A process that is in no group and in no directory has no bit: its end looks nowhere.
        process.core.groupShards.bitwiseOr(1 << UInt64(index(of: process)), ordering: .sequentiallyConsistent)
        if !process.isAlive { processEnded(process.core) }
    }

    static func processEnded(_ core: ProcessCore) {
        guard core.groupShards.load(ordering: .sequentiallyConsistent) != 0 else { return }
        let places = tables.withTable(index(of: core.pid)) { $0.removeValue(forKey: core.pid) }
        for place in places ?? [] { place.directory.ended(core.pid, in: place.shards) }
    }
}

/// Keys, and who stands under each with which value.
struct KeyTable<Key: Hashable, Owner: Hashable, Value> {
    private var entries: [Key: [(owner: Owner, value: Value)]] = [:]
    private var keys: [Owner: Set<Key>] = [:]

    var count: Int { keys.values.reduce(0) { $0 + $1.count } }

    func entries(under key: Key) -> [(owner: Owner, value: Value)] { entries[key] ?? [] }

    func keys(of owner: Owner) -> Set<Key> { keys[owner] ?? [] }

    /// Puts `owner` under `key`.
    ///
    /// - Returns: who is in its way: it itself, or with unique keys another; then nothing changes.
    mutating func insert(_ owner: Owner, _ value: Value, under key: Key, isUnique: Bool) -> Owner? {
        if keys[owner]?.contains(key) == true { return owner }
        if isUnique, let holder = entries[key]?.first { return holder.owner }
        entries[key, default: []].append((owner, value))
        keys[owner, default: []].insert(key)
        return nil
    }

    mutating func replace(_ value: Value, of owner: Owner, under key: Key) -> Value? {
        guard let place = entries[key]?.firstIndex(where: { $0.owner == owner }) else { return nil }
        let before = entries[key]?[place].value
        entries[key]?[place].value = value
        return before
    }

    /// - Returns: the value that it had, if it was there: to be let go of when the table is no longer being changed.
    mutating func remove(_ owner: Owner, from key: Key) -> Value? {
        guard keys[owner]?.remove(key) != nil else { return nil }
        if keys[owner]?.isEmpty == true { keys[owner] = nil }
        return take(owner, from: key)
    }

    /// Takes out one that has ended.
    ///
    /// - Returns: what it had, to be let go of when the table is no longer being changed.
    mutating func ended(_ owner: Owner) -> [(key: Key, value: Value?)] {
        (keys.removeValue(forKey: owner) ?? []).map { ($0, take(owner, from: $0)) }
    }

    private mutating func take(_ owner: Owner, from key: Key) -> Value? {
        guard let place = entries[key]?.firstIndex(where: { $0.owner == owner }) else { return nil }
        let removed = entries[key]?.remove(at: place).value
        if entries[key]?.isEmpty == true { entries[key] = nil }
        return removed
    }
}
