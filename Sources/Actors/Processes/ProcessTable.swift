/// The processes of one scheduler that have not ended, in no order. Each knows its place, so that adding and removing one
/// costs the same however many there are.
package struct ProcessTable {
    package private(set) var cores: [ProcessCore] = []

    package var count: Int { cores.count }
    package var isEmpty: Bool { cores.isEmpty }

    mutating func insert(_ core: ProcessCore) {
        core.tablePlace = UInt32(cores.count)
        cores.append(core)
    }

    /// Harmless for one that is not there.
    mutating func remove(_ core: ProcessCore) {
        let place = Int(core.tablePlace)
        guard place < cores.count, cores[place] === core else { return }
        let last = cores.removeLast()
        guard last !== core else { return }
        cores[place] = last
        last.tablePlace = core.tablePlace
    }
}
