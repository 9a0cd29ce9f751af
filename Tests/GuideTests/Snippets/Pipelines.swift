import Actors
import WSServer

// guide: pipeline-stages
/// Makes the status of each line of a log: its last word.
struct StatusParser: ProducerConsumer {
    mutating func process(_ lines: [String], _ me: isolated Me) async throws -> [Int] {
        lines.compactMap { line in line.split(separator: " ").last.flatMap { Int($0) } }
    }
}

/// Counts how often each came.
struct StatusCounter: Consumer {
    enum Info: Sendable { case counts(Reply<[Int: Int]>) }
    var counts: [Int: Int] = [:]

    mutating func consume(_ statuses: [Int], _ me: isolated Me) async throws {
        for status in statuses { counts[status, default: 0] += 1 }
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws {
        if case .counts(let reply) = info { reply(counts) }
    }

    mutating func finish(_ me: isolated Me) async throws {
        print("all in all: \(counts)")
    }
}
// end

func countStatuses(_ lines: AsyncStream<String>) async throws -> ExitReason {
    // guide: pipeline
    let log = try await SequenceProducer(lines).started()
    let parsers = [
        try await StatusParser().started(from: .producer(log)),
        try await StatusParser().started(from: .producer(log)),
    ]
    let counter = try await StatusCounter().started(from: parsers.map { .producer($0, max: 20) })
    let reason = try await counter.pid.down()
    // end
    return reason
}

// guide: pipeline-producer
struct Jobs: Producer {
    enum Info: Sendable { case add(String) }
    var next = 1

    mutating func produce(_ demand: Int, _ me: isolated Me) async throws -> [String]? {
        guard next <= 1_000 else { return nil }
        defer { next += demand }
        return (next..<next + demand).map { "job \($0)" }
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws {
        if case .add(let job) = info { me.emit([job]) }
    }

    mutating func eventsDropped(_ count: Int, _ me: isolated Me) async throws {
        print("\(count) jobs had no place")
    }
}
// end

func runJobs() async throws -> ExitReason {
    // guide: pipeline-workers
    let jobs = try await Jobs().started(buffer: .keepFirst(500))
    let workers = try await ConsumerSupervisor<String> { job in
        print("doing \(job)")
    }.started(from: .producer(jobs, max: 8))
    let reason = try await workers.pid.down()
    // end
    return reason
}

func handleMessages() -> WebSocket.Handler {
    // guide: pipeline-socket
    let handler: WebSocket.Handler = { ws in
        let messages = try await SequenceProducer(ws).started()
        let workers = try await ConsumerSupervisor<WebSocket.Message> { message in
            print(message)
        }.started(from: .producer(messages, max: 4))
        _ = try await workers.pid.down()
    }
    // end
    return handler
}

func dispatchEvents() async throws {
    // guide: pipeline-dispatch
    let all = try await Jobs().started(dispatch: .broadcast)
    let sorted = try await Jobs().started(dispatch: .partition(into: 4) { $0.count })
    // end
    await all.stop()
    await sorted.stop()
}

func superviseStages() async throws -> RunningSupervisor {
    // guide: pipeline-tree
    let tree = Supervisor(.restForOne, id: "jobs", maxRestarts: 3) {
        Child("jobs") { try await Jobs().started(name: "jobs") }
        Child("workers") {
            try await ConsumerSupervisor<String> { print($0) }
                .started(from: .producer(named: "jobs", Jobs.self, .temporary))
        }
    }
    let jobs = try await tree.start()
    // end
    return jobs
}
