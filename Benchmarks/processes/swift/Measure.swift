import Actors

/// Something to be measured.
protocol Measure: Sendable {
    func figures(_ bench: Bench) async throws -> [Figure]
}

/// One result: nanoseconds for an operation, or bytes.
struct Figure: Sendable {
    let name: String
    let value: Double
}

/// What a measure gets: where processes live, and how long it may take.
struct Bench: Sendable {
    let schedulers: [Scheduler]
    let seconds: Double
}
