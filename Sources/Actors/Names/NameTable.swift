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
