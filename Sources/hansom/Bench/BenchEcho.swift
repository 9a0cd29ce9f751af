internal import Actors
internal import ArgumentParser
internal import Synchronization
internal import WSClient

/// `hansom bench echo`
struct BenchEcho: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "Send messages to an echo server and take the time until each comes back.",
        discussion: "A line each second on standard error; the result on standard output.")

    @Argument(help: "The URL of an echo server.")
    var url: String

    @Option(help: "Open so many connections.")
    var connections = 64

    @Option(help: "Send binary messages of so many bytes.")
    var size = 20

    @Option(help: "Keep so many messages in flight on each connection.")
    var depth = 1

    @Option(help: "Measure for so many seconds.")
    var seconds = Seconds(5)

    @OptionGroup var trust: TrustOptions

    func validate() throws {
        try OptionRange.check("--connections", connections, 1...100_000)
        try OptionRange.check("--size", size, 0...(64 << 20))
        try OptionRange.check("--depth", depth, 1...100_000)
    }

    func run() async throws {
        var options = ConnectOptions()
        options.tls = trust.tls
        options.limits.messageSize = max(options.limits.messageSize, size)
        let load = EchoLoad(
            url: url, options: options, connections: connections, size: size, depth: depth,
            duration: seconds.duration)
        let result = try await load.run { second, count in
            try StandardStream.error.write(line: "\(second) s: \(count) messages/s")
        }
        try StandardStream.output.write(line: result.description)
    }
}

/// Connections that send to an echo server, each as many messages as may be in flight, until the time is over.
struct EchoLoad: Sendable {
    let url: String
    let options: ConnectOptions
    let connections: Int
    let size: Int
    let depth: Int
    let duration: Duration

    /// How many connections are opened at once: a server's backlog is not what is measured.
    private static let dialling = 32
    /// How long a server may owe answers after the end.
    private static let patience = Duration.seconds(10)

    /// - Parameter progress: told the second and the messages that came back in it.
    func run(progress: @escaping @Sendable (Int, Int) throws -> Void) async throws -> BenchResult {
        let sockets = try await connect()
        let echoes = EchoCounter()
        let start = SystemTime.shared.nanoseconds
        let end = start + duration.clampedNanoseconds
        let latencies = try await measure(sockets, until: end, echoes, progress)
        let elapsed = SystemTime.shared.nanoseconds - start
        await close(sockets)
        return BenchResult(latencies: latencies, elapsed: elapsed, connections: connections, size: size, depth: depth)
    }

    private func connect() async throws -> [WebSocket] {
        try await withThrowingTaskGroup(of: WebSocket.self) { group in
            var sockets: [WebSocket] = []
            for index in 0..<connections {
                if index >= EchoLoad.dialling, let socket = try await group.next() { sockets.append(socket) }
                group.addTask { try await WebSocket.connect(to: url, options: options) }
            }
            for try await socket in group { sockets.append(socket) }
            return sockets
        }
    }

    private func measure(
        _ sockets: [WebSocket], until end: UInt64, _ echoes: EchoCounter,
        _ progress: @escaping @Sendable (Int, Int) throws -> Void
    ) async throws -> LatencyHistogram {
        let message = WebSocket.Message.binary([UInt8](repeating: 0x5A, count: size))
        return try await withThrowingTaskGroup(of: LatencyHistogram?.self) { group in
            group.addTask { try await watch(echoes, progress) }
            for socket in sockets {
                group.addTask { try await socket.bounce(message, depth: depth, until: end, echoes) }
            }
            var all = LatencyHistogram()
            for _ in sockets {
                guard let one = try await group.next() else { break }
                if let one { all.merge(one) }
            }
            group.cancelAll()
            return all
        }
    }

    /// Tells each second what came back in it, and gives up on a server that does not answer.
    private func watch(
        _ echoes: EchoCounter, _ progress: @Sendable (Int, Int) throws -> Void
    ) async throws -> LatencyHistogram? {
        let seconds = Int(duration.components.seconds)
        var before = 0
        for second in 0..<seconds {
            do { try await Task.sleep(for: .seconds(1)) } catch { return nil }
            let now = echoes.count
            try progress(second + 1, now - before)
            before = now
        }
        do { try await Task.sleep(for: duration - .seconds(seconds) + EchoLoad.patience) } catch { return nil }
        throw CommandFailure("the server owes answers since \(EchoLoad.patience)")
    }

    private func close(_ sockets: [WebSocket]) async {
        await withTaskGroup(of: Void.self) { group in
            for socket in sockets { group.addTask { try? await socket.close() } }
        }
    }
}

/// How many messages have come back so far, on all connections.
final class EchoCounter: Sendable {
    private let total = Atomic<Int>(0)

    var count: Int { total.load(ordering: .relaxed) }

    func add() { total.wrappingAdd(1, ordering: .relaxed) }
}

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
