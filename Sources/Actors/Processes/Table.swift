internal import Synchronization

/// Values under keys that everybody reads at once, without asking a process, and that go with the process they belong to.
/// (OTP: ETS.)
///
///     let prices = try Table<String, Int>(owner: me)
///     try prices.insert(3, for: "tea")          // its owner, unless `access` is `.everybody`
///     let price = prices["tea"]                 // anybody, from any thread
///
/// No function suspends; keys are spread over 64 locks, each held for one look at a dictionary. What concerns one key is
/// atomic; what concerns several is not. When the owner ends, the table goes to its heir, if it has one that lives;
/// otherwise it is *gone*: it is emptied, reads find nothing, and writes throw.
public final class Table<Key: Hashable & Sendable, Value: Sendable>: @unchecked Sendable {
    // Safety: `ownership` is touched with `lock` held; the lets are made for any thread.

    /// Who may write. Everybody may read.
    public enum Access: Sendable, Hashable, CaseIterable {
        /// What runs as the owner, or as a part of it. (OTP: `protected`.)
        case owner
        /// Everybody who has the table. (OTP: `public`.)
        case everybody
    }

    /// Who may write.
    public let access: Access
    private let parts = Sharded { Part() }
    private let lock = Lock()
    private var ownership: Ownership
    private let ownerID: Atomic<UInt64>
    private let hasGone = Atomic<Bool>(false)

    private struct Entry {
        let value: Value
        /// The number of the change that made it.
        let version: UInt64
    }

    /// The keys of one lock.
    private struct Part {
        private(set) var entries: [Key: Entry] = [:]
        private var lastVersion: UInt64 = 0

        /// - Returns: the value before.
        mutating func set(_ value: Value?, for key: Key) -> Value? {
            guard let value else { return entries.removeValue(forKey: key)?.value }
            lastVersion &+= 1
            return entries.updateValue(Entry(value: value, version: lastVersion), forKey: key)?.value
        }

        mutating func takeAll() -> [Key: Entry] {
            defer { entries = [:] }
            return entries
        }
    }

    /// Whose it is, and whose it is to be.
    private struct Ownership {
        let owner: PID
        /// By which the owner's end is heard of.
        let observer = ProcessCore.nextID()
        var heir: PID?
        /// Tells the heir, of whom it has the table.
        var tellHeir: (@Sendable (PID) -> Void)?
    }

    /// An empty table.
    ///
    /// - Parameters:
    ///   - owner: the process that it belongs to, or what stands for it.
    ///   - access: who may write; default: the owner.
    /// - Throws: `TableError` with `.gone` if the owner has ended already.
    public init(owner: some Supervisable, access: Access = .owner) throws(TableError) {
        self.access = access
        ownership = Ownership(owner: owner.pid)
        ownerID = Atomic(owner.pid.id)
        watch(ownership)
        if isGone { throw TableError(.gone, owner.pid) }
    }

    /// An empty table that belongs to the process whose body the calling task runs. (OTP: `ets:new/2`.)
    ///
    ///     let cache = try await Cache.started { try Cache(table: Table()) }
    ///
    /// - Parameter access: who may write; default: the owner.
    /// - Throws: `TableError` with `.noOwner` outside any process; `.gone` if the process has ended, whose task goes on.
    public convenience init(access: Access = .owner) throws(TableError) {
        guard let owner = PID.current else { throw TableError(.noOwner, ProcessCore.nobody().pid) }
        try self.init(owner: owner, access: access)
    }

    deinit { ownership.owner.core.removeObserver(ownership.observer) }

    // MARK: Reading

    /// The value under a key.
    public subscript(key: Key) -> Value? { parts.withTable(part(of: key)) { $0.entries[key]?.value } }

    /// How many keys there are.
    public var count: Int { parts.map { $0.entries.count }.reduce(0, +) }

    /// The keys, in no order.
    public var keys: [Key] { parts.map { Array($0.entries.keys) }.flatMap { $0 } }

    /// All that is in it. What is written meanwhile may be in it or not.
    public var contents: [Key: Value] {
        parts.map { $0.entries.mapValues(\.value) }.reduce(into: [:]) { $0.merge($1) { first, _ in first } }
    }

    // MARK: Writing

    /// Puts a value under a key, in the place of the one that is there. (OTP: `ets:insert/2`.)
    ///
    /// - Returns: the value before.
    /// - Throws: `TableError`: `.gone`, or `.notOwner` if only its owner may write.
    @discardableResult
    public func insert(_ value: Value, for key: Key) throws(TableError) -> Value? {
        try write(key) { $0.set(value, for: key) }
    }

    /// Puts a value under a key that has none. (OTP: `ets:insert_new/2`.)
    ///
    /// - Returns: whether it had none.
    /// - Throws: as `insert`.
    @discardableResult
    public func insertIfAbsent(_ value: Value, for key: Key) throws(TableError) -> Bool {
        try write(key) { part in
            guard part.entries[key] == nil else { return false }
            _ = part.set(value, for: key)
            return true
        }
    }

    /// Takes a key out.
    ///
    /// - Returns: its value, if it had one.
    /// - Throws: as `insert`.
    @discardableResult
    public func removeValue(for key: Key) throws(TableError) -> Value? {
        try write(key) { $0.set(nil, for: key) }
    }

    /// Takes everything out.
    ///
    /// - Throws: as `insert`.
    public func removeAll() throws(TableError) {
        try checkAccess()
        clear()
    }

    /// Takes out what a predicate says yes to. (OTP: `ets:select_delete/2`.)
    ///
    ///     try pages.removeAll { _, page in page.expires < .now }
    ///
    /// - Parameter shouldBeRemoved: looks at a key and its value, and holds nobody up. What somebody changes meanwhile stays.
    /// - Returns: how many keys were taken out.
    /// - Throws: as `insert`; what `shouldBeRemoved` throws, and then nothing more is taken out.
    @discardableResult
    public func removeAll(where shouldBeRemoved: (Key, Value) throws -> Bool) throws -> Int {
        try checkAccess()
        var removed = 0
        for index in 0..<64 {
            let over = try parts.withTable(index) { $0.entries }.filter { try shouldBeRemoved($0.key, $0.value.value) }
            for (key, entry) in over {
                let isRemoved = try write(key) { part in
                    guard part.entries[key]?.version == entry.version else { return false }
                    _ = part.set(nil, for: key)
                    return true
                }
                if isRemoved { removed += 1 }
            }
        }
        return removed
    }

    /// Changes the value under a key, whatever others do with it meanwhile. (OTP: `ets:update_counter/4`.)
    ///
    ///     try hits.update(page, default: 0) { $0 += 1 }
    ///
    /// - Parameters:
    ///   - key: the key.
    ///   - initial: what it has if it has nothing yet.
    ///   - change: makes the new value out of the one that is there. It is called again when somebody else was first, and
    ///     holds nobody up.
    /// - Returns: what `change` returned in the end.
    /// - Throws: as `insert`; what `change` throws, and then nothing changes.
    @discardableResult
    public func update<Result>(
        _ key: Key, default initial: @autoclosure () -> Value, _ change: (inout Value) throws -> Result
    ) throws -> Result {
        while true {
            let before = parts.withTable(part(of: key)) { $0.entries[key] }
            var value = before?.value ?? initial()
            let result = try change(&value)
            let isFirst = try write(key) { part in
                guard part.entries[key]?.version == before?.version else { return false }
                _ = part.set(value, for: key)
                return true
            }
            if isFirst { return result }
        }
    }

    private func part(of key: Key) -> Int { key.hashValue & 63 }

    /// What `change` returns may be the last reference to a value: nobody lets go of one within a lock.
    private func write<R>(_ key: Key, _ change: (inout Part) -> R) throws(TableError) -> R {
        try checkAccess()
        let result = parts.withTable(part(of: key)) { isGone ? nil : change(&$0) }
        guard let result else { throw TableError(.gone, owner) }
        return result
    }

    private func checkAccess() throws(TableError) {
        if isGone { throw TableError(.gone, owner) }
        guard access == .owner, ProcessCore.current?.id != ownerID.load(ordering: .relaxed) else { return }
        throw TableError(.notOwner, owner)
    }

    private func clear() {
        for index in 0..<64 { Timekeeper.letGo(parts.withTable(index) { $0.takeAll() }) }
    }
}

/// Whose a table is.
extension Table {
    /// The process that it belongs to, or did.
    public var owner: PID { lock.withLock { ownership.owner } }

    /// Whether its owner has ended, and nobody has inherited it.
    public var isGone: Bool { hasGone.load(ordering: .sequentiallyConsistent) }

    /// Who gets it when its owner ends. (OTP: `ets:setopts(Table, {heir, …})`.)
    ///
    ///     try prices.setHeir(keeper) { old in .inherited(from: old) }
    ///
    /// - Parameters:
    ///   - heir: the process.
    ///   - adapter: makes a message of the heir's kind, which it is sent then, out of who had the table.
    /// - Throws: `TableError`: `.gone`, or `.notOwner` if it is not the owner who says so.
    public func setHeir<Message: Sendable>(
        _ heir: Process<Message>, _ adapter: @escaping @Sendable (PID) -> Message
    ) throws(TableError) {
        let address = heir.address
        try changeOwnership {
            $0.heir = heir.pid
            $0.tellHeir = { address.send(adapter($0)) }
        }
    }

    /// Gives it to another process at once. (OTP: `ets:give_away/3`.)
    ///
    /// - Throws: `TableError`: `.gone`, also when that process has ended; or `.notOwner` if it is not the owner who does.
    public func give(to process: some Supervisable) throws(TableError) {
        let before = owner
        try changeOwnership { $0 = Ownership(owner: process.pid, heir: $0.heir, tellHeir: $0.tellHeir) }
        if isGone { throw TableError(.gone, before) }
    }

    private func changeOwnership(_ change: (inout Ownership) -> Void) throws(TableError) {
        let (before, now) = try lock.withLock { () throws(TableError) in
            let before = ownership
            if isGone { throw TableError(.gone, before.owner) }
            guard ProcessCore.current === before.owner.core else { throw TableError(.notOwner, before.owner) }
            change(&ownership)
            return (before, ownership)
        }
        moved(from: before, to: now)
    }

    private func moved(from before: Ownership, to now: Ownership) {
        guard before.observer != now.observer else { return }
        ownerID.store(now.owner.id, ordering: .relaxed)
        before.owner.core.removeObserver(before.observer)
        watch(now)
    }

    private func watch(_ ownership: Ownership) {
        ownership.owner.core.addObserver(
            ownership.observer,
            fromAnywhere: { [weak self] _ in
                self?.ended(ownership.observer)
            })
    }

    /// The owner has ended that was watched by this number.
    private func ended(_ observer: UInt64) {
        let (before, now) = lock.withLock { () -> (Ownership, Ownership?) in
            let before = ownership
            guard before.observer == observer else { return (before, before) }
            guard let heir = before.heir, heir.isAlive else {
                hasGone.store(true, ordering: .sequentiallyConsistent)
                return (before, nil)
            }
            ownership = Ownership(owner: heir)
            return (before, ownership)
        }
        guard let now else { return clear() }
        guard now.observer != before.observer else { return }
        moved(from: before, to: now)
        // It makes a message by code of the user's, and goes with what that code holds.
        Timekeeper.shared.aside { [before = consume before] in before.tellHeir?(before.owner) }
    }
}

/// A table that may not be written, and why.
public struct TableError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. More may be added: keep a default where you switch.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// Its name, as in `gone`.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// Its owner has ended.
        public static let gone = Code("gone")
        /// It was made outside any process, and not said whose it is.
        public static let noOwner = Code("noOwner")
        /// Only its owner may do that.
        public static let notOwner = Code("notOwner")
    }

    /// What went wrong.
    public let code: Code
    /// Whose the table is, or was.
    public let owner: PID

    init(_ code: Code, _ owner: PID) {
        self.code = code
        self.owner = owner
    }

    public var description: String {
        switch code {
        case .gone:
            "the table has gone with its owner, \(owner), which has ended: give it an heir, or a supervisor for its owner"
        case .noOwner:
            "no process makes the table: make it in the body of one, or say whose it is with owner:"
        case .notOwner:
            "the table belongs to \(owner), which alone may do that: let it, or make the table with access: .everybody"
        default: "the table of \(owner): \(code)"
        }
    }
}
