import Foundation
import Testing

/// What a peer may make us do grows no faster than what it sends: instructions counted by valgrind, not time.
@Suite(.disabled(if: Sanitizers.arePresent, "valgrind runs no program with a sanitizer"), .timeLimit(.minutes(2)))
struct CostTests {
    @Test(arguments: [
        ("fragments", 5000), ("text", 20_000), ("protocols", 20_000), ("extensions", 20_000), ("head", 10_000),
    ])
    func `twice the input takes at most two and a half times the instructions (T4) (T15) (T16)`(
        kind: String, count: Int
    ) throws {
        let start = try instructions(kind, 0)
        let once = try instructions(kind, count) - start
        let twice = try instructions(kind, 2 * count) - start
        // So little could not have looked at each byte.
        #expect(once > count)
        #expect(twice <= once * 5 / 2, "\(once) instructions for \(count), \(twice) for twice as much")
    }

    private func instructions(_ kind: String, _ count: Int) throws -> Int {
        let program = CommandRun.executable.deletingLastPathComponent().appendingPathComponent("hostile-cost")
        let counting = try Spawned(
            "/usr/bin/env",
            ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program.path, kind, "\(count)"])
        let report = String(decoding: counting.errors.readDataToEndOfFile(), as: UTF8.self)
        try #require(counting.waitForEnd() == 0, "\(report)")
        let line = try #require(report.split(separator: "\n").first { $0.contains("Collected : ") }, "\(report)")
        return try #require(line.split(separator: " ").last.flatMap { Int($0) })
    }
}
