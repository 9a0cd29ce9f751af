// Lines of a log go through two parsers to one who counts, and no line is read that is not asked for.

import Actors

struct StatusParser: ProducerConsumer {
    mutating func process(_ lines: [String], _ me: isolated Me) async throws -> [Int] {
        lines.compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }
    }
}

struct StatusCounter: Consumer {
    var counts: [Int: Int] = [:]

    mutating func consume(_ statuses: [Int], _ me: isolated Me) async throws {
        for status in statuses { counts[status, default: 0] += 1 }
    }

    mutating func finish(_ me: isolated Me) async throws {
        for (status, count) in counts.sorted(by: { $0.key < $1.key }) { print("\(status): \(count)") }
    }
}

func pipeline() async throws {
    let lines = AsyncStream { continuation in
        for number in 1...1_000 { continuation.yield("GET /\(number) \(number % 3 == 0 ? 404 : 200)") }
        continuation.finish()
    }

    let log = try await SequenceProducer(lines).started()
    let parsers = [
        try await StatusParser().started(from: .producer(log)),
        try await StatusParser().started(from: .producer(log)),
    ]
    let counter = try await StatusCounter().started(from: parsers.map { .producer($0, max: 20) })

    _ = try await counter.pid.down()
}
