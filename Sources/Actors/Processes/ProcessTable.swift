/// The processes of one scheduler that have not ended, in no order. Each knows its place, so that adding and removing
/// one costs the same however many there are.
package struct ProcessTable {
    package private(set) var cores: [ProcessCore] = []

    package var count: Int { cores.count }
    package var isEmpty: Bool { cores.isEmpty }
    /// How many there have ever been.
    private(set) var inserted: UInt64 = 0

    mutating func insert(_ core: ProcessCore) {
        inserted &+= 1
        core.tablePlace = UInt32(cores.count)
        cores.append(core)
    }

    /// Harmless for one that is not there. Whether it was.
    @discardableResult
    mutating func remove(_ core: ProcessCore) -> Bool {
        let place = Int(core.tablePlace)
        guard place < cores.count, cores[place] === core else { return false }
        let last = cores.removeLast()
        guard last !== core else { return true }
        cores[place] = last
        last.tablePlace = core.tablePlace
        return true
    }
}

extension Scheduler {
    /// Where a process goes that nobody has placed: to whoever starts it, also when that is a process whose task is
    /// elsewhere just now; from outside, to the shared group's schedulers in turn.
    package static var forNewProcess: Scheduler {
        current ?? StartSite.current ?? ProcessCore.current?.scheduler ?? SchedulerGroup.shared.next()
    }

    /// Returns when no process lives here.
    func emptied() async {
        await withCheckedContinuation { continuation in
            run { [self] in
                let isEmpty = exclusively { () -> Bool in
                    if !living.isEmpty { whenEmpty = { continuation.resume() } }
                    return living.isEmpty
                }
                if isEmpty { continuation.resume() }
            }
        }
    }

    /// Sends every process `.shutdown`, those that come later too, and waits until all have ended, at most `grace`.
    ///
    /// - Returns: whether they have.
    func endProcesses(grace: Duration) async -> Bool {
        let end = Promise<Bool>()
        signal { [self] in beginEnding { _ = end.keep(true) } }
        let deadline = Deadline(after: grace, of: self) { end.keep(false) }
        defer { deadline.cancel() }
        return await end.valueInAnyCase()
    }

    /// Asks every process to end, now and whenever one comes.
    ///
    /// - Parameter whenEmpty: is called when none is left.
    private func beginEnding(_ whenEmpty: @escaping @Sendable () -> Void) -> (@Sendable () -> Void)? {
        let cores = exclusively { () -> [ProcessCore] in
            isEnding = true
            if !living.isEmpty { self.whenEmpty = whenEmpty }
            return living.cores
        }
        if cores.isEmpty { whenEmpty() }
        let rests = cores.compactMap { $0.exitArrived(.shutdown, from: nil, source: .request) }
        if rests.isEmpty { return nil }
        return { for rest in rests { rest() } }
    }
}
