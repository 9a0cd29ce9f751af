import Actors

/// A million processes, each started, monitored, sent a message and ended: does the memory stay where it was?
///
/// Prints the memory after each hundred thousand; its figures are by how many bytes a process it grew after the first.
struct Spawned: Measure {
    private let total = 1_000_000
    private let step = 100_000
    private let batch = 1_000

    private enum Message: Sendable {
        case down(Down)
    }

    func figures(_ bench: Bench) async throws -> [Figure] {
        let schedulers = bench.schedulers
        var seen: [Memory] = []
        for done in stride(from: step, through: total, by: step) {
            try await run(on: schedulers[0]) { me in
                for _ in 0..<step / batch { await spawnBatch(me, on: schedulers) }
            }
            let memory = Memory.now
            seen.append(memory)
            print("\(done) resident \(memory.resident) heap \(memory.heap)")
        }
        let (first, last, count) = (seen[0], seen[seen.count - 1], Double(total - step))
        return [
            Figure(name: "growth a process, resident", value: Double(last.resident - first.resident) / count),
            Figure(name: "growth a process, heap", value: Double(last.heap - first.heap) / count),
        ]
    }

    private func spawnBatch(_ me: isolated Process<Message>, on schedulers: [Scheduler]) async {
        for number in 0..<batch {
            let child = Process<Int>.spawn(on: schedulers[number % schedulers.count]) { me in _ = await me.receive() }
            me.monitor(child.pid) { .down($0) }
            child.send(number)
        }
        for _ in 0..<batch { _ = await me.receive() }
    }
}
