internal import Actors
internal import WSClient

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
    func run(progress: @escaping @Sendable (Int, Int) throws -> Void) async throws -> BenchReport {
        let sockets = try await connect()
        let echoes = EchoCounter()
        let start = SystemTime.shared.nanoseconds
        let end = start + duration.clampedNanoseconds
        let latencies = try await measure(sockets, until: end, echoes, progress)
        let elapsed = SystemTime.shared.nanoseconds - start
        await close(sockets)
        return BenchReport(latencies: latencies, elapsed: elapsed, connections: connections, size: size, depth: depth)
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
