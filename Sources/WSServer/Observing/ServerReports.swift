internal import Actors
package import HansomHTTP
package import HansomTransport
internal import Logging
package import WSConnection
internal import WSProtocol

/// Where a server writes what happens, and whom it asks how it fares. One for all schedulers.
final class ServerReports: @unchecked Sendable {
    // Safety: `supervisors`, `last` and `fullUntil` are touched with `lock` held; the rest does not change.
    let log: RateLimitedLog
    let accessLog: AccessLog?
    let tracing: (any ServerTracing)?
    let measuring: (any ServerMeasuring)?
    private let time: any TimeSource
    private let startedAt: UInt64
    private let lock = Lock()
    private var supervisors: [ConnectionSupervisor] = []
    /// What there was to tell when the server ended.
    private var last = ServerTally()

    private var fullUntil: UInt64 = 0

    /// What whoever runs a server must see though nobody asked for a log.
    private static let standard: Logger = {
        var logger = Logger(label: "hansom.server")
        logger.logLevel = .notice
        return logger
    }()

    /// How long it is not said again that newcomers find no room.
    private static let fullPause: UInt64 = 10_000_000_000

    /// How many lines a second are logged of what peers do: whoever connects in a storm must not fill a disk.
    static let mostLines = 100

    init(_ options: ServerOptions) {
        let time = options.schedulers.schedulers[0].time
        self.time = time
        log = RateLimitedLog(
            options.logger ?? ServerReports.standard, limit: ServerReports.mostLines, what: "lines of the server",
            time: time)
        accessLog = options.accessLog
        tracing = options.tracing
        measuring = options.measuring
        startedAt = time.nanoseconds
    }

    func began(_ supervisors: [ConnectionSupervisor]) { lock.withLock { self.supervisors = supervisors } }

    /// The server has ended: what was counted is kept, who counted is let go.
    func ended() async {
        let (tally, _) = await survey()
        lock.withLock {
            if !supervisors.isEmpty { last = tally }
            supervisors = []
        }
    }

    /// Newcomers find no room, and there are handshakes that could make some. Said at most once in ten seconds.
    func isFull(handshakes: Int, connections: Int) {
        let now = time.nanoseconds
        let isNews = lock.withLock {
            guard now >= fullUntil else { return false }
            fullUntil = now + ServerReports.fullPause
            return true
        }
        guard isNews else { return }
        log.write(
            .warning, "no room for newcomers: handshakes that let us wait are dropped for them, the oldest first",
            metadata: ["handshakes": "\(handshakes)", "connections": "\(connections)"])
    }

    /// What all schedulers have counted, with what is open now.
    func statistics(_ load: ServerLoad) async -> ServerStatistics {
        var statistics = ServerStatistics()
        (statistics.tally, statistics.queues) = await survey()
        statistics.connections = load.connectionCount
        statistics.handshakesUnderWay = load.handshakeCount
        statistics.turnedAway = load.turnedAway
        let now = time.nanoseconds
        statistics.uptime = .nanoseconds(Int64(clamping: now > startedAt ? now - startedAt : 0))
        return statistics
    }

    private func survey() async -> (ServerTally, QueueDepths) {
        let (known, present) = lock.withLock { (last, supervisors) }
        var (tally, queues) = (known, QueueDepths())
        for supervisor in present {
            let (counted, waiting) = await supervisor.survey()
            tally.add(counted)
            queues.add(waiting)
        }
        return (tally, queues)
    }
}

/// What follows requests and connections across programs: the seam that `WSServerTelemetry` fills.
///
/// Everything is called on the scheduler where it happens.
package protocol ServerTracing: Sendable {
    /// A request for a WebSocket was read.
    func began(_ request: RequestHead, client: SocketAddress?) -> any ConnectionTrace
}

/// One request for a WebSocket, and the connection that it becomes.
package protocol ConnectionTrace: AnyObject {
    /// It was answered: with 101, or with why not.
    func answered(_ status: Int)

    /// The peer was lost before it was answered.
    func lost(_ error: WebSocketError)

    /// Begins a handler, which is to find the trace as the one that it is part of.
    func begin(_ handler: () -> Void)

    /// The connection is over.
    func ended(_ code: WebSocket.CloseCode, _ traffic: WebSocket.Counters)
}

/// What is told of each handshake and connection when it is over, and of the server when it begins: the other seam.
package protocol ServerMeasuring: Sendable {
    func handshakeEnded(_ result: HandshakeResult, after time: Duration)
    func connectionEnded(after time: Duration)
    func serverStarted(_ server: WebSocketServer)
}
