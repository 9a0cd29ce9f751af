import Actors

/// So many operations between two moments.
struct Sample: Sendable {
    var operations: Int
    var begin: ContinuousClock.Instant
    var end: ContinuousClock.Instant

    init(operations: Int, since begin: ContinuousClock.Instant, until end: ContinuousClock.Instant = .now) {
        self.operations = operations
        self.begin = begin
        self.end = end
    }

    /// The same work done on each scheduler at the same time, `count` operations in all: from the first begin to the last end.
    static func onEach(
        _ schedulers: [Scheduler], _ count: Int, _ work: @escaping @Sendable (Int, Scheduler) async -> Sample
    ) async -> Sample {
        let share = max(1, count / schedulers.count)
        return await withTaskGroup { group in
            for scheduler in schedulers { group.addTask { await work(share, scheduler) } }
            var whole: Sample?
            for await sample in group { whole = whole?.merged(with: sample) ?? sample }
            return whole ?? Sample(operations: 1, since: .now)
        }
    }

    private func merged(with other: Sample) -> Sample {
        Sample(operations: operations + other.operations, since: min(begin, other.begin), until: max(end, other.end))
    }

    var seconds: Double { (end - begin) / .seconds(1) }
    var nanosecondsEach: Double { seconds * 1e9 / Double(operations) }
}
