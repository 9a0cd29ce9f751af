import Actors

/// Ping-pong between two schedulers: nanoseconds for there and back.
struct CrossPingPong: Workload {
    let name = "cross ping-pong"

    func sample(_ count: Int, on schedulers: [Scheduler]) async throws -> Sample {
        precondition(schedulers.count > 1, "takes two schedulers")
        return try await run(on: schedulers[0]) { await PingPong.play($0, trips: count, partner: schedulers[1]) }
    }
}
