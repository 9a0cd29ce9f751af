import Actors

/// So many operations between two moments.
struct Sample: Sendable {
    private(set) var operations: Int
    private(set) var begin: ContinuousClock.Instant
    private(set) var end: ContinuousClock.Instant

    init(operations: Int, since begin: ContinuousClock.Instant, until end: ContinuousClock.Instant = .now) {
        self.operations = operations
        self.begin = begin
        self.end = end
    }

    /// What was done at the same time: from the first begin to the last end.
    init(merging samples: [Sample]) {
        self = samples[0]
        for other in samples.dropFirst() {
            operations += other.operations
            begin = min(begin, other.begin)
            end = max(end, other.end)
        }
    }

    /// The same work on each scheduler at the same time, `count` operations in all.
    static func onEach(
        _ schedulers: [Scheduler], _ count: Int, _ work: @escaping @Sendable (Int, Scheduler) async throws -> Sample
    ) async throws -> Sample {
        Sample(merging: try await processes.onEach(schedulers, count, work))
    }

    var seconds: Double { (end - begin) / .seconds(1) }
    var nanosecondsEach: Double { seconds * 1e9 / Double(operations) }
}
