/// Those who wait for the end of one process, as a value. The first needs no storage of its own: most have only one.
struct ObserverList<Observer> {
    private var first: (id: UInt64, observer: Observer)?
    private var more: [UInt64: Observer] = [:]

    var count: Int { (first == nil ? 0 : 1) + more.count }

    mutating func add(_ id: UInt64, _ observer: Observer) {
        if first == nil { first = (id, observer) } else { more[id] = observer }
    }

    /// Takes one back, at the same cost however many there are.
    ///
    /// - Returns: it, if it was there: to be let go of when the list is no longer being changed.
    @discardableResult
    mutating func remove(_ id: UInt64) -> Observer? {
        guard let first, first.id == id else { return more.isEmpty ? nil : more.removeValue(forKey: id) }
        self.first = nil
        return first.observer
    }

    /// Takes all, in the order in which they asked: numbers grow.
    mutating func takeAll() -> [Observer] {
        var all = more.map { (id: $0.key, observer: $0.value) }
        if let first { all.append(first) }
        first = nil
        more = [:]
        if all.count > 1 { all.sort { $0.id < $1.id } }
        return all.map(\.observer)
    }
}
