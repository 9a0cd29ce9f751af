import Actors

/// A measure of one operation that can be repeated at will.
protocol Workload: Measure {
    /// What its figure is called.
    var name: String { get }
    /// Performs about `count` operations, on one scheduler or on each of several.
    func sample(_ count: Int, on schedulers: [Scheduler]) async throws -> Sample
}

extension Workload {
    /// Warms up until a run takes a fifth of the time, then measures one run that takes all of it.
    func figures(_ bench: Bench) async throws -> [Figure] {
        var count = 1_000
        var sample = try await sample(count, on: bench.schedulers)
        while sample.seconds < bench.seconds / 5 {
            count *= 2
            sample = try await self.sample(count, on: bench.schedulers)
        }
        count = Int(Double(count) * bench.seconds / sample.seconds)
        return [Figure(name: name, value: try await self.sample(count, on: bench.schedulers).nanosecondsEach)]
    }
}
