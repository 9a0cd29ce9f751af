import Actors

/// What a process holds that waits in `receive` after its first message: bytes of resident memory, and of the heap.
struct IdleMemory: Measure {
    private let count = 100_000

    func figures(_ bench: Bench) async throws -> [Figure] {
        try await run(on: bench.schedulers[0]) { me in
            var idle = await spawnIdle(1_000, me)
            idle.reserveCapacity(count + idle.count)
            let before = Memory.now
            idle += await spawnIdle(count, me)
            let after = Memory.now
            for process in idle { process.exit(.kill) }
            return [
                Figure(name: "idle process", value: Double(after.resident - before.resident) / Double(count)),
                Figure(name: "idle process, heap", value: Double(after.heap - before.heap) / Double(count)),
            ]
        }
    }

    /// Starts so many processes; all have received a message when this returns.
    private func spawnIdle(_ count: Int, _ me: isolated Process<Int>) async -> [Process<Int>] {
        let processes = (0..<count).map { _ in
            Process<Int>.spawn { [owner = me] me in
                while let message = await me.receive() { owner.send(message) }
            }
        }
        for process in processes {
            process.send(1)
            _ = await me.receive()
        }
        return processes
    }
}
