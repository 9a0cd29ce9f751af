import Actors

/// Each process spawns the next one and ends: nanoseconds for a process. On several schedulers: a chain on each.
///
/// Nothing but spawns and exits takes place, and as many live at a time in both runtimes.
struct SpawnAndExit: Workload {
    let name = "spawn and exit"

    func sample(_ count: Int, on schedulers: [Scheduler]) async throws -> Sample {
        try await .onEach(schedulers, count) { count, scheduler in
            try await run(on: scheduler) { me in
                let begin = ContinuousClock.now
                SpawnAndExit.spawn(count, last: me)
                _ = await me.receive()
                return Sample(operations: count, since: begin)
            }
        }
    }

    private static func spawn(_ left: Int, last: Process<Int>) {
        Process<Int>.spawn { _ in
            if left > 1 { spawn(left - 1, last: last) } else { last.send(0) }
        }
    }
}
