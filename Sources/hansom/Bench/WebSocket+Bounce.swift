internal import Actors
internal import WSClient

extension WebSocket {
    /// Sends `message` and takes it back, up to `depth` times at once, until `end`. Runs as the connection.
    ///
    /// - Returns: how long each took.
    func bounce(
        _ message: Message, depth: Int, until end: UInt64, _ echoes: EchoCounter
    ) async throws -> LatencyHistogram {
        var latencies = LatencyHistogram()
        var departures = [UInt64](repeating: 0, count: depth)
        var (sent, received) = (0, 0)
        var now = SystemTime.shared.nanoseconds
        while true {
            // Never more than goes out without waiting: the server may be waiting for us to read.
            while now < end, sent - received < depth, trySend(message) == .sent {
                departures[sent % depth] = now
                sent += 1
            }
            if sent == received && now >= end { return latencies }
            guard try await recv() == message else {
                throw CommandFailure("what came back is not what was sent; is it an echo server?")
            }
            now = SystemTime.shared.nanoseconds
            latencies.record(now - departures[received % depth])
            received += 1
            echoes.add()
        }
    }
}
