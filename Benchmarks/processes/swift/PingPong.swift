import Actors

/// Two processes of one scheduler and one message between them: nanoseconds for there and back. On several schedulers:
/// a pair on each.
struct PingPong: Workload {
    let name = "ping-pong"
    static let end = -1

    func sample(_ count: Int, on schedulers: [Scheduler]) async throws -> Sample {
        try await .onEach(schedulers, count) { trips, scheduler in
            try await run(on: scheduler) { await PingPong.play($0, trips: trips, partner: scheduler) }
        }
    }

    /// Plays against a process that lives on `partner`.
    static func play(_ me: isolated Process<Int>, trips: Int, partner: Scheduler) async -> Sample {
        let opponent = Process<Int>.spawn(on: partner) { [back = me] me in
            while let message = await me.receive(), message != end { back.send(message) }
        }
        opponent.send(0)
        _ = await me.receive()
        let begin = ContinuousClock.now
        for trip in 1...trips {
            opponent.send(trip)
            _ = await me.receive()
        }
        let sample = Sample(operations: trips, since: begin)
        opponent.send(end)
        return sample
    }
}
