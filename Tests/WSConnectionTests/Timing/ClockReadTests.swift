import Actors
import HansomTesting
import Synchronization
import Testing
import WSConnection

/// A clock that stands still and counts who looks at it.
private final class CountingTime: TimeSource {
    private let count = Atomic<Int>(0)
    private let time = ManualTime()

    var reads: Int { count.load(ordering: .relaxed) }

    var nanoseconds: UInt64 {
        count.wrappingAdd(1, ordering: .relaxed)
        return time.nanoseconds
    }

    /// The watch over long jobs, which costs a few nanoseconds a job and no more.
    var coarseNanoseconds: UInt64 { time.nanoseconds }

    var flows: Bool { false }

    func onMove(_ wake: @escaping @Sendable () -> Void) { time.onMove(wake) }
}

@Suite(.timeLimit(.minutes(1))) struct ClockReadTests {
    @Test func `with all deadlines set a message costs no look at the clock, and moves no alarm (W13, W14)`()
        async throws
    {
        let time = CountingTime()
        let group = try SchedulerGroup(options: .init(count: 1, time: time))
        // On the scheduler itself: what runs elsewhere would make it turn for that.
        try await withTaskExecutorPreference(group.schedulers[0]) {
            let timing = Timing(
                pingInterval: .seconds(20), pingTimeout: .seconds(20), idleTimeout: .seconds(120),
                writeTimeout: .seconds(30), messageTimeout: .seconds(60))
            let (ws, peer) = await RawPeer.connect(on: group, isServer: true, ConnectionOptions(timing: timing))
            await ws.setMessageHandler { ws, message in ws.trySend(message) }
            let count = 2000
            let reads = time.reads
            let turns = await group.schedulers[0].ask { $0.turnNumber }
            for _ in 0..<4 {
                try await peer.send(Array(repeatElement(Wire.text("x"), count: count / 4).joined()))
                #expect(try await peer.receive(3 * count / 4).count == 3 * count / 4)
            }
            let turned = await group.schedulers[0].ask { $0.turnNumber } - turns
            // One for each turn, and one more before a sleep.
            #expect(time.reads - reads <= 2 * Int(turned) + 8)
            #expect(turned < count / 4)
            #expect(await ws.counters.framesReceived == UInt64(count))
            #expect(await group.schedulers[0].ask { $0.alarmCount } == 1)
            await peer.close()
            try await ws.close()
        }
        await group.shutdown()
    }
}
