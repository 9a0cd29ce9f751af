import Glibc
import WSClient

/// One message there, its echo back, and again.
struct Conversation: Sendable {
    private let message: WebSocket.Message
    private let warmup: Duration
    private let time: Duration

    struct Result: Sendable {
        let roundTrips: Int
        let seconds: Double
        /// CPU time of the whole program, all threads.
        let cpuSeconds: Double
    }

    struct NoEcho: Error {}

    init(_ options: Options) {
        message = .binary((0..<options.size).map { UInt8(0x20 + $0 % 95) })
        warmup = .seconds(options.warmup)
        time = .seconds(options.seconds)
    }

    /// Talks wherever the caller runs.
    func run(_ ws: WebSocket) async throws -> Result {
        _ = try await exchange(ws, for: warmup)
        return try await exchange(ws, for: time)
    }

    /// Talks as the connection itself.
    func run(as ws: isolated WebSocket) async throws -> Result { try await run(ws) }

    private func exchange(_ ws: WebSocket, for time: Duration) async throws -> Result {
        let clock = ContinuousClock(), start = clock.now, end = start + time
        let cpuAtStart = Conversation.cpuSeconds()
        var now = start, roundTrips = 0
        while now < end {
            try await ws.send(message)
            guard try await ws.recv() == message else { throw NoEcho() }
            roundTrips += 1
            now = clock.now
        }
        return Result(
            roundTrips: roundTrips, seconds: (now - start) / .seconds(1),
            cpuSeconds: Conversation.cpuSeconds() - cpuAtStart)
    }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
