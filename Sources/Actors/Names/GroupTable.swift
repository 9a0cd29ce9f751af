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
