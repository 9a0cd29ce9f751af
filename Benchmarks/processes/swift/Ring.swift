import Actors

/// A ring of a thousand processes, around which one message goes: nanoseconds for a hop. On several schedulers: a ring
/// on each.
struct Ring: Workload {
    let name = "ring"
    private let size = 1_000
    private static let end = -1

    func sample(_ count: Int, on schedulers: [Scheduler]) async throws -> Sample {
        try await .onEach(schedulers, count) { hops, scheduler in
            try await run(on: scheduler) { await around($0, laps: max(1, hops / size)) }
        }
    }

    /// Builds the ring, whose last member the process itself is; one lap to start all, then the laps that count.
    private func around(_ me: isolated Process<Int>, laps: Int) async -> Sample {
        var first = me
        for _ in 1..<size { first = member(before: first) }
        first.send(0)
        _ = await me.receive()
        let begin = ContinuousClock.now
        for lap in 1...laps {
            first.send(lap)
            _ = await me.receive()
        }
        let sample = Sample(operations: laps * size, since: begin)
        first.send(Ring.end)
        _ = await me.receive()
        return sample
    }

    private func member(before next: Process<Int>) -> Process<Int> {
        Process.spawn { me in
            while let message = await me.receive() {
                next.send(message)
                if message == Ring.end { return }
            }
        }
    }
}
