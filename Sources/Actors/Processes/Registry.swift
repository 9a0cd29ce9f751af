internal import Synchronization

/// Names for processes: one name, one process. (OTP: `register/2`, `whereis/1`.)
///
/// A name is free again before anyone sees the down of its process. Every function may be called from any thread, and
/// none suspends; names are spread over 64 locks.
public enum Registry {
    private static let names = Sharded { NameTable<PID>() }

    /// Gives a process a name. It may have several.
    ///
    /// - Throws: `RegistryError`: `.nameTaken` when a process has it already, this one included; `.noProcess` when the
    ///   process has ended.
    public static func register(_ process: PID, as name: String) throws(RegistryError) {
        let shard = Sharded<NameTable<PID>>.index(of: name)
        let core = process.core
        let holder = names.withTable(shard) { table in
            let holder = table.register(name, to: process)
            if holder == nil { core.nameShards.bitwiseOr(1 << UInt64(shard), ordering: .sequentiallyConsistent) }
            return holder
        }
        if let holder { throw RegistryError(.nameTaken, name, holder: holder) }
        // Either the process sees the bit when it ends, or its end is seen here.
        guard !core.isAlive else { return }
        names.withTable(shard) { $0.ended(process) }
        throw RegistryError(.noProcess, name, holder: process)
    }

    /// Gives what stands for a process a name: a server, a supervisor, a connection.
    ///
    /// - Throws: `RegistryError`, as for a PID.
    public static func register(_ process: some Supervisable, as name: String) throws(RegistryError) {
        try register(process.pid, as: name)
    }

    /// Frees a name. Whether a process had it.
    @discardableResult
    public static func unregister(_ name: String) -> Bool {
        names.withTable(Sharded<NameTable<PID>>.index(of: name)) { $0.unregister(name) }
    }

    /// The process that has the name, if one has.
    public static func whereis(_ name: String) -> PID? {
        names.withTable(Sharded<NameTable<PID>>.index(of: name)) { $0.owner(of: name) }
    }

    /// Where to send messages to the process that has the name; `nil` if none has, or if it takes messages of another
    /// type.
    ///
    /// It is the address of that process, and dies with it. A server or state machine is found by
    /// `whereis(_:server:)` or `whereis(_:machine:)`, whose addresses stand for the name.
    public static func whereis<Message: Sendable>(_ name: String, as type: Message.Type) -> Address<Message>? {
        whereis(name)?.address(as: type)
    }

    /// Every name that is taken, in no order.
    public static func registered() -> [String] { names.map { $0.all }.flatMap { $0 } }

    /// The names of one process, sorted.
    public static func names(of process: PID) -> [String] {
        var found: [String] = []
        names.withTables(in: process.core.nameShards.load(ordering: .sequentiallyConsistent)) { table in
            found += table.names(of: process)
        }
        return found.sorted()
    }

    static func processEnded(_ core: ProcessCore) {
        let bits = core.nameShards.load(ordering: .sequentiallyConsistent)
        if bits != 0 { names.withTables(in: bits) { $0.ended(core.pid) } }
    }
}

/// Why a name could not be given.
public struct RegistryError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. More may be added: keep a default where you switch.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// Its name, as in `noProcess`.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// Another process has the name, or the same one has it already.
        public static let nameTaken = Code("nameTaken")
        /// The process has ended.
        public static let noProcess = Code("noProcess")
    }

    /// What went wrong: the name is taken, or the process has ended.
    public let code: Code
    /// The name that was to be given.
    public let name: String
    /// Who has the name, or should have had it.
    public let holder: PID

    init(_ code: Code, _ name: String, holder: PID) {
        self.code = code
        self.name = name
        self.holder = holder
    }

    public var description: String {
        switch code {
        case .nameTaken: "the name \"\(name)\" belongs to \(holder): unregister it first, or choose another"
        case .noProcess: "\(holder) has ended and cannot be named \"\(name)\""
        default: "\(name): \(code)"
        }
    }
}

extension PID {
    /// Where to send messages to this process; `nil` if it takes messages of another type, or none.
    public func address<Message: Sendable>(as type: Message.Type) -> Address<Message>? {
        core.messageType == ObjectIdentifier(type) ? Address(core) : nil
    }
}

/// What can be asked of everything that is a process or stands for one.
extension Supervisable {
    /// Whether the process had not ended a moment ago.
    public var isAlive: Bool { pid.isAlive }

    /// Sends the process an exit signal, as `PID.exit(_:)` does.
    public func exit(_ reason: ExitReason) { pid.exit(reason) }

    /// Waits for the end of the process and returns its reason, as `PID.down()` does.
    ///
    /// - Throws: `CancellationError` as soon as the calling task is cancelled.
    public func down() async throws(CancellationError) -> ExitReason { try await pid.down() }

    /// Gives the process a name, as `Registry.register(_:as:)` does.
    public func register(as name: String) throws(RegistryError) { try Registry.register(pid, as: name) }
}

extension Process {
    /// Gives this process a name, as `Registry.register(_:as:)` does.
    public nonisolated func register(as name: String) throws(RegistryError) { try Registry.register(pid, as: name) }
}

/// Names and who has them, as a value: one name, one process; one process, any number of names.
struct NameTable<Owner: Hashable> {
    private var owners: [String: Owner] = [:]
    private var names: [Owner: Set<String>] = [:]

    var count: Int { owners.count }
    var all: [String] { Array(owners.keys) }

    func owner(of name: String) -> Owner? { owners[name] }

    func names(of owner: Owner) -> Set<String> { names[owner] ?? [] }

    /// Gives `name` to `owner`.
    ///
    /// - Returns: who has it already, if somebody does; then nothing changes.
    mutating func register(_ name: String, to owner: Owner) -> Owner? {
        if let holder = owners[name] { return holder }
        owners[name] = owner
        names[owner, default: []].insert(name)
        return nil
    }

    /// Takes `name` back, from whoever has it. Whether anybody had.
    mutating func unregister(_ name: String) -> Bool {
        guard let owner = owners.removeValue(forKey: name) else { return false }
        names[owner]?.remove(name)
        if names[owner]?.isEmpty == true { names[owner] = nil }
        return true
    }

    /// Frees every name of a process that has ended.
    mutating func ended(_ owner: Owner) {
        for name in names.removeValue(forKey: owner) ?? [] { owners[name] = nil }
    }
}
