internal import Actors
internal import HansomHTTP
internal import HansomTransport
internal import Logging
internal import WSConnection
internal import WSProtocol

/// Keeps the books of one scheduler of a server: what came of handshakes, requests and connections is counted, logged
/// and traced, each when it is over. No message comes by here.
final class Bookkeeper: @unchecked Sendable {
    // Safety: used by the scheduler's thread only.
    private(set) var tally = ServerTally()
    private let scheduler: Scheduler
    private let reports: ServerReports
    /// Of open connections; empty unless the server is traced.
    private var traces: [ObjectIdentifier: any ConnectionTrace] = [:]

    init(on scheduler: Scheduler, _ reports: ServerReports) {
        self.scheduler = scheduler
        self.reports = reports
    }

    // MARK: Before there is a connection

    /// A socket was accepted.
    func entry(of peer: SocketAddress?) -> BookEntry { BookEntry(beganAt: scheduler.time.nanoseconds, client: peer) }

    /// A request's head came.
    func came(_ request: RequestHead, _ entry: inout BookEntry) {
        if entry.isCounted { entry.beganAt = scheduler.time.nanoseconds }
        entry.request = request
        guard let tracing = reports.tracing, request.asksForWebSocket else { return }
        entry.trace = tracing.began(request, client: entry.client)
    }

    /// The request was answered, and has not become a connection.
    ///
    /// - Parameters:
    ///   - bytes: of the answer's content.
    ///   - reason: what it says of why, if it is one of ours.
    func answered(_ status: Int, bytes: Int, _ reason: String?, _ entry: inout BookEntry) {
        let time = age(since: entry.beganAt)
        if let request = entry.request, !request.asksForWebSocket {
            tally.answered(status)
        } else {
            count(.refused(status), after: time)
            logRefusal(status, reason, entry)
        }
        entry.trace?.answered(status)
        writeAnswer(status, bytes, after: time, entry)
        entry.isCounted = true
        (entry.request, entry.trace) = (nil, nil)
    }

    /// It is over without an answer.
    ///
    /// - Parameter isDisplaced: whether it was dropped to make room.
    func lost(_ error: WebSocketError, isDisplaced: Bool = false, _ entry: inout BookEntry) {
        entry.trace?.lost(error)
        entry.trace = nil
        let isUpgrade = entry.request?.asksForWebSocket ?? !entry.isCounted
        guard isUpgrade else { return }
        let result = isDisplaced ? .displaced : HandshakeResult(error)
        count(result, after: age(since: entry.beganAt))
        let level: Logger.Level = result == .gone ? .debug : result == .proxyRefused ? .notice : .info
        reports.log.write(
            level, "handshake failed", metadata: metadata(entry, ["reason": "\(AccessRecord.short(error.message))"]))
        // Who failed at TLS was refused, as much as one who was answered 400.
        guard result == .tlsFailed, let accessLog = reports.accessLog else { return }
        var record = AccessRecord(nil, from: entry.client, after: age(since: entry.beganAt))
        record.failure = error.message
        accessLog.record(record)
    }

    private func count(_ result: HandshakeResult, after time: Duration) {
        tally.handshakeEnded(result, after: time)
        reports.measuring?.handshakeEnded(result, after: time)
    }

    private func logRefusal(_ status: Int, _ reason: String?, _ entry: BookEntry) {
        reports.log.write(
            .info, "handshake refused",
            metadata: metadata(
                entry, ["status": "\(status)", "reason": "\(AccessRecord.short(reason ?? "said by the program"))"]))
    }

    private func writeAnswer(_ status: Int, _ bytes: Int, after time: Duration, _ entry: BookEntry) {
        guard let accessLog = reports.accessLog else { return }
        var record = AccessRecord(entry.request, from: entry.client, after: time)
        record.status = status
        record.bytesSent = UInt64(bytes)
        accessLog.record(record)
    }

    private func metadata(_ entry: BookEntry, _ more: Logger.Metadata) -> Logger.Metadata {
        var metadata = more
        metadata["client"] = "\(entry.client?.description ?? "unknown")"
        if let target = entry.request?.target {
            metadata["path"] = "\(AccessRecord.short(AccessRecord.path(of: target)))"
        }
        return metadata
    }

    // MARK: Connections

    /// The request has become a connection, whose handler `begin` begins.
    func opened(_ connection: WebSocket, _ entry: inout BookEntry, begin: () -> Void) {
        count(.accepted, after: age(since: entry.beganAt))
        entry.isCounted = true
        reports.log.write(.debug, "connection began", metadata: metadata(entry, ["connection": "\(connection.pid)"]))
        entry.request = nil
        guard let trace = entry.trace else { return begin() }
        entry.trace = nil
        trace.answered(101)
        traces[ObjectIdentifier(connection)] = trace
        trace.begin(begin)
    }

    /// A connection is over.
    func ended(_ connection: WebSocket) {
        let (code, time) = (connection.closeCode ?? .abnormal, age(since: connection.core.startedAt))
        let counters = connection.onOwnThread { $0.counters }
        tally.connectionEnded(code, counters, after: time)
        reports.measuring?.connectionEnded(after: time)
        reports.log.write(
            .debug, "connection ended",
            metadata: farewell(connection, code, after: time))
        if !traces.isEmpty { traces.removeValue(forKey: ObjectIdentifier(connection))?.ended(code, counters) }
        reports.accessLog?.record(AccessRecord(connection, counters, code, after: time))
    }

    private func farewell(_ connection: WebSocket, _ code: WebSocket.CloseCode, after time: Duration) -> Logger.Metadata
    {
        var metadata: Logger.Metadata = [
            "connection": "\(connection.pid)", "client": "\(connection.clientAddress?.description ?? "unknown")",
            "code": "\(code.rawValue)", "duration": "\(time)",
        ]
        if let reason = connection.closeReason, !reason.isEmpty { metadata["reason"] = "\(AccessRecord.short(reason))" }
        return metadata
    }

    private func age(since start: UInt64) -> Duration {
        let now = scheduler.time.nanoseconds
        return .nanoseconds(Int64(clamping: now > start ? now - start : 0))
    }
}

extension HandshakeResult {
    /// What an error before any answer comes to.
    fileprivate init(_ error: WebSocketError) {
        switch error.code {
        case .timeout: self = .timedOut
        case .tls: self = .tlsFailed
        case .proxy: self = .proxyRefused
        default: self = .gone
        }
    }
}

/// What has happened on one scheduler of a server: counted when a handshake or a connection ends, never for a message.
struct ServerTally: Sendable, Hashable {
    private(set) var handshakes: [HandshakeResult: UInt64] = [:]
    private(set) var answers: [Int: UInt64] = [:]
    private(set) var closes: [WebSocket.CloseCode: UInt64] = [:]
    /// Of connections that have ended.
    private(set) var traffic = WebSocket.Counters()
    private(set) var handshakeDurations = DurationHistogram.ofHandshakes
    private(set) var connectionDurations = DurationHistogram.ofConnections

    mutating func handshakeEnded(_ result: HandshakeResult, after time: Duration) {
        handshakes[result, default: 0] += 1
        handshakeDurations.record(time)
    }

    /// A request that was answered and asked for no upgrade.
    mutating func answered(_ status: Int) { answers[status, default: 0] += 1 }

    mutating func connectionEnded(_ code: WebSocket.CloseCode, _ counters: WebSocket.Counters, after time: Duration) {
        closes[code, default: 0] += 1
        traffic.add(counters)
        connectionDurations.record(time)
    }

    /// Adds what connections have carried that are open.
    mutating func addTraffic(_ counters: WebSocket.Counters) { traffic.add(counters) }

    mutating func add(_ other: ServerTally) {
        handshakes.merge(other.handshakes, uniquingKeysWith: +)
        answers.merge(other.answers, uniquingKeysWith: +)
        closes.merge(other.closes, uniquingKeysWith: +)
        traffic.add(other.traffic)
        handshakeDurations.add(other.handshakeDurations)
        connectionDurations.add(other.connectionDurations)
    }
}

extension WebSocket.Counters {
    mutating func add(_ other: WebSocket.Counters) {
        framesReceived &+= other.framesReceived
        framesSent &+= other.framesSent
        bytesReceived &+= other.bytesReceived
        bytesSent &+= other.bytesSent
    }
}

/// What waits in the connections that are open.
public struct QueueDepths: Sendable, Hashable {
    /// Messages that have arrived and were not taken yet, in all connections together.
    public private(set) var inboundMessages = 0
    /// The most of them in one connection.
    public private(set) var mostInboundMessages = 0
    /// Bytes that wait to be written, in all connections together.
    public private(set) var bufferedBytes = 0
    /// The most of them in one connection.
    public private(set) var mostBufferedBytes = 0

    mutating func add(inbound: Int, buffered: Int) {
        inboundMessages += inbound
        mostInboundMessages = max(mostInboundMessages, inbound)
        bufferedBytes += buffered
        mostBufferedBytes = max(mostBufferedBytes, buffered)
    }

    mutating func add(_ other: QueueDepths) {
        inboundMessages += other.inboundMessages
        mostInboundMessages = max(mostInboundMessages, other.mostInboundMessages)
        bufferedBytes += other.bufferedBytes
        mostBufferedBytes = max(mostBufferedBytes, other.mostBufferedBytes)
    }
}

extension ConnectionSupervisor {
    /// How many connections are looked at in one go, so that others have their turn.
    private static let slice = 256

    /// What has ended on this scheduler, and what those carry that are open.
    func survey() async -> (ServerTally, QueueDepths) {
        let (ended, open) = await census()
        var (tally, queues) = (ended, QueueDepths())
        for start in stride(from: 0, to: open.count, by: Self.slice) {
            let part = open[start..<min(start + Self.slice, open.count)]
            let (traffic, waiting) = await scheduler.ask { _ in ConnectionSupervisor.sum(of: part) }
            tally.addTraffic(traffic)
            queues.add(waiting)
        }
        return (tally, queues)
    }

    /// What was counted by now, and those that were not: each connection is in one of both, so that no sum goes back.
    ///
    /// At the end of a turn everybody has heard of who has ended.
    private func census() async -> (ServerTally, [WebSocket]) {
        await withCheckedContinuation { continuation in
            scheduler.runHereLater { [self] in
                continuation.resume(returning: onOwnThread { ($0.books.tally, $0.connections) })
            }
        }
    }

    /// On the connections' scheduler.
    private static func sum(of connections: ArraySlice<WebSocket>) -> (WebSocket.Counters, QueueDepths) {
        var (traffic, queues) = (WebSocket.Counters(), QueueDepths())
        for connection in connections {
            let (counters, inbound, buffered) = connection.onOwnThread {
                ($0.counters, $0.waitingMessages, $0.bufferedBytes)
            }
            traffic.add(counters)
            queues.add(inbound: inbound, buffered: buffered)
        }
        return (traffic, queues)
    }
}

/// How often something took how long, in buckets.
public struct DurationHistogram: Sendable, Hashable {
    /// The buckets' upper ends, each included, in ascending order. What took longer is counted in one more bucket.
    public let bounds: [Duration]
    /// How many there are in each bucket alone; one more than `bounds`.
    public private(set) var counts: [UInt64]
    /// All of them added up.
    public private(set) var sum = Duration.zero

    init(bounds: [Duration]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// How many there were.
    public var count: UInt64 { counts.reduce(0, &+) }

    mutating func record(_ duration: Duration) {
        counts[bounds.firstIndex { duration <= $0 } ?? bounds.count] &+= 1
        sum += duration
    }

    /// - Parameter other: with the same bounds.
    mutating func add(_ other: DurationHistogram) {
        for (index, count) in other.counts.enumerated() where index < counts.count { counts[index] &+= count }
        sum += other.sum
    }

    /// From a good network's handshake to one that ends at the deadline: 1 ms to 10 s.
    static let ofHandshakes = DurationHistogram(
        bounds: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000].map { .milliseconds($0) })
    /// From a page that was left at once to one that stays open: 1 s to a day.
    static let ofConnections = DurationHistogram(
        bounds: [1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200, 86_400].map { .seconds($0) })
}
