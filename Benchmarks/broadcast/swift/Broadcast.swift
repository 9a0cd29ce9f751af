import Actors
import Glibc
import WSServer

/// A server that says the same to all:
/// `broadcast [--by topics|loop] [--stalled N] [--members N] [--size BYTES] [--rate HZ] [--seconds S]`.
///
/// Waits until those that never read are connected, sends them as much as they take, and prints `filled`. Waits until
/// the members are connected too, says something so often to all of them, each message with the time in front, and
/// prints `published N`, `delivered N`, `dropped N` and `cpu_seconds S`.
@main
struct Broadcast {
    @concurrent static func main() async {
        do {
            try await run(Options(CommandLine.arguments.dropFirst()))
        } catch {
            print("broadcast: \(error)")
            exit(1)
        }
    }

    private static func run(_ options: Options) async throws {
        var server = ServerOptions()
        server.schedulers = try SchedulerGroup(options: .init(count: 1))
        // Who never reads is not to be cut before the end.
        server.writeTimeout = nil
        let all: any Audience = options.isLoop ? Loop() : Topic()
        let listening = try await WebSocketServer.listen(port: 0, options: server) { ws in
            await all.add(ws)
            for try await _ in ws {}
        }
        print("listening on ws://\(listening.address)")
        fflush(nil)
        try await fill(all, options.stalled)
        while await all.count < options.stalled + options.members { try await Task.sleep(for: .milliseconds(20)) }
        let (cpuBefore, start) = (cpuSeconds(), ContinuousClock.now)
        var heard = Heard()
        let total = Int(Double(options.rate) * options.seconds)
        for number in 0..<total {
            try await Task.sleep(until: start + .seconds(Double(number) / Double(options.rate)))
            heard.add(await all.tell(message(options.size)))
        }
        print("published \(total)\ndelivered \(heard.delivered)\ndropped \(heard.dropped)")
        print("cpu_seconds \(cpuSeconds() - cpuBefore)")
        fflush(nil)
        // Those who listen have a moment to read the last of it.
        try await Task.sleep(for: .seconds(600))
    }

    /// Sends to those who never read until they have no room, some turns of their sockets long.
    private static func fill(_ stalled: any Audience, _ count: Int) async throws {
        while await stalled.count < count { try await Task.sleep(for: .milliseconds(20)) }
        var timesFull = 0
        while timesFull < 20 {
            let heard = await stalled.tell(message(64 << 10))
            timesFull = heard.dropped == count ? timesFull + 1 : 0
            try await Task.sleep(for: .milliseconds(5))
        }
        print("filled")
        fflush(nil)
    }

    /// A message that begins with the time.
    private static func message(_ size: Int) -> WebSocket.Message {
        var time = timespec()
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        let nanoseconds = UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        var bytes = [UInt8](repeating: 0x78, count: max(size, 8))
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: nanoseconds >> (8 * UInt64(index))) }
        return .binary(bytes)
    }

    private static func cpuSeconds() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
