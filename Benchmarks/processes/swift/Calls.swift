import Actors

/// A process calls a server that lives on its scheduler, with the default timeout: nanoseconds for a call and its
/// reply. On several schedulers: a pair on each.
struct Calls: Workload {
    let name = "call"

    func sample(_ count: Int, on schedulers: [Scheduler]) async throws -> Sample {
        try await .onEach(schedulers, count) { count, scheduler in
            try await run(on: scheduler) { (me: isolated Process<Never>) in
                let server = try await Adder().started()
                _ = try await server.call { .add(1, $0) }
                let begin = ContinuousClock.now
                for number in 0..<count { _ = try await server.call { .add(number, $0) } }
                let sample = Sample(operations: count, since: begin)
                server.pid.exit(.shutdown)
                return sample
            }
        }
    }
}

/// Adds up what it is given.
private struct Adder: Server {
    enum Call: Sendable {
        case add(Int, Reply<Int>)
    }

    private var total = 0

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .add(let number, let reply):
            total += number
            reply(total)
        }
        return .receive
    }
}
