import Actors
import HansomTesting
import Testing
import WSConnection

/// What a message costs the scheduler: counted in jobs, not in time.
@Suite(.timeLimit(.minutes(2))) struct EnqueueTests {
    @Test func `a handler's wait costs one local job, a receive that need not wait none, and no other thread is asked`()
        async throws
    {
        try await Bench.run { bench in
            let scheduler = bench.group.schedulers[0]
            let (ws, peer) = await bench.connect()
            await ws.start { ws in for try await message in ws { ws.trySend(message) } }
            await bench.settle()
            for burst in [1, 16] {
                let echo = Wire.text("x", masked: false)
                let before = scheduler.jobsRun
                let posted = scheduler.jobsPosted
                for _ in 0..<50 {
                    try await peer.send(Array((0..<burst).map { _ in Wire.text("x") }.joined()))
                    #expect(try await peer.receive(echo.count * burst).count == echo.count * burst)
                }
                let peerJobs = try await jobsOfPeer(rounds: 50, burst, bench)
                #expect(scheduler.jobsPosted == posted, "bursts of \(burst)")
                // Whatever the peer itself costs is measured beside a connection without a handler.
                let handlerJobs = Int(scheduler.jobsRun - before) - 2 * peerJobs
                #expect(handlerJobs <= 50 + 5, "bursts of \(burst)")
            }
            try await peer.send(Wire.close(1000))
            _ = try await peer.receiveAll()
        }
    }

    @Test func `a task that runs as the connection waits without asking another thread`() async throws {
        try await Bench.run { bench in
            let scheduler = bench.group.schedulers[0]
            let (ws, peer) = await bench.connect()
            // It prefers no executor: what resumed it elsewhere would have to post it back.
            let echoing = Task.detached { try await echoAll(as: ws) }
            let echo = Wire.text("x", masked: false)
            var postedAtFirst: UInt64?
            for _ in 0..<50 {
                try await peer.send(Wire.text("x"))
                #expect(try await peer.receive(echo.count) == echo)
                postedAtFirst = postedAtFirst ?? scheduler.jobsPosted
            }
            #expect(scheduler.jobsPosted == postedAtFirst)
            try await peer.send(Wire.close(1000))
            _ = try await peer.receiveAll()
            try await echoing.value
        }
    }

    private func echoAll(as ws: isolated WebSocket) async throws {
        for try await message in ws { try await ws.send(message) }
    }

    /// The jobs that as many round trips cost with a synchronous handler, which has no task.
    private func jobsOfPeer(rounds: Int, _ burst: Int, _ bench: Bench) async throws -> Int {
        let scheduler = bench.group.schedulers[0]
        let (ws, peer) = await bench.connect()
        await ws.setMessageHandler { ws, message in ws.trySend(message) }
        let echo = Wire.text("x", masked: false)
        let before = scheduler.jobsRun
        for _ in 0..<rounds {
            try await peer.send(Array((0..<burst).map { _ in Wire.text("x") }.joined()))
            _ = try await peer.receive(echo.count * burst)
        }
        let jobs = Int(scheduler.jobsRun - before)
        try await peer.send(Wire.close(1000))
        _ = try await peer.receiveAll()
        return jobs
    }
}
