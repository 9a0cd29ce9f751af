internal import Actors
internal import HansomTransport
internal import Logging
internal import WSConnection
internal import WSProtocol

/// Keeps the books of one scheduler of a server: what came of handshakes, requests and connections is counted, logged and
/// traced, each when it is over. No message comes by here.
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
    func visit(from peer: SocketAddress?) -> Visit { Visit(beganAt: scheduler.time.nanoseconds, client: peer) }

    /// A request's head came.
    func came(_ request: RequestHead, _ visit: inout Visit) {
        if visit.isCounted { visit.beganAt = scheduler.time.nanoseconds }
        visit.request = request
        guard let tracing = reports.tracing, request.asksForWebSocket else { return }
        visit.trace = tracing.began(request, client: visit.client)
    }

    /// The request was answered, and has not become a connection.
    ///
    /// - Parameters:
    ///   - bytes: of the answer's content.
    ///   - reason: what it says of why, if it is one of ours.
    func answered(_ status: Int, bytes: Int, _ reason: String?, _ visit: inout Visit) {
        let time = age(since: visit.beganAt)
        if let request = visit.request, !request.asksForWebSocket {
            tally.answered(status)
        } else {
            count(.refused(status), after: time)
            logRefusal(status, reason, visit)
        }
        visit.trace?.answered(status)
        writeAnswer(status, bytes, after: time, visit)
        visit.isCounted = true
        (visit.request, visit.trace) = (nil, nil)
    }

    /// It is over without an answer.
    ///
    /// - Parameter isDisplaced: whether it was dropped to make room.
    func lost(_ error: WebSocketError, isDisplaced: Bool = false, _ visit: inout Visit) {
        visit.trace?.lost(error)
        visit.trace = nil
        let isUpgrade = visit.request?.asksForWebSocket ?? !visit.isCounted
        guard isUpgrade else { return }
        let result = isDisplaced ? .displaced : HandshakeResult(error)
        count(result, after: age(since: visit.beganAt))
        let level: Logger.Level = result == .gone ? .debug : result == .proxyRefused ? .notice : .info
        reports.log.write(
            level, "handshake failed", metadata: metadata(visit, ["reason": "\(AccessRecord.short(error.message))"]))
        // Who failed at TLS was refused, as much as one who was answered 400.
        guard result == .tlsFailed, let accessLog = reports.accessLog else { return }
        var record = AccessRecord(nil, from: visit.client, after: age(since: visit.beganAt))
        record.failure = error.message
        accessLog.record(record)
    }

    private func count(_ result: HandshakeResult, after time: Duration) {
        tally.handshakeEnded(result, after: time)
        reports.measuring?.handshakeEnded(result, after: time)
    }

    private func logRefusal(_ status: Int, _ reason: String?, _ visit: Visit) {
        reports.log.write(
            .info, "handshake refused",
            metadata: metadata(
                visit, ["status": "\(status)", "reason": "\(AccessRecord.short(reason ?? "said by the program"))"]))
    }

    private func writeAnswer(_ status: Int, _ bytes: Int, after time: Duration, _ visit: Visit) {
        guard let accessLog = reports.accessLog else { return }
        var record = AccessRecord(visit.request, from: visit.client, after: time)
        record.status = status
        record.bytesSent = UInt64(bytes)
        accessLog.record(record)
    }

    private func metadata(_ visit: Visit, _ more: Logger.Metadata) -> Logger.Metadata {
        var metadata = more
        metadata["client"] = "\(visit.client?.description ?? "unknown")"
        if let target = visit.request?.target {
            metadata["path"] = "\(AccessRecord.short(AccessRecord.path(of: target)))"
        }
        return metadata
    }

    // MARK: Connections

    /// The request has become a connection, whose handler `begin` begins.
    func opened(_ connection: WebSocket, _ visit: inout Visit, begin: () -> Void) {
        count(.accepted, after: age(since: visit.beganAt))
        visit.isCounted = true
        reports.log.write(.debug, "connection began", metadata: metadata(visit, ["connection": "\(connection.pid)"]))
        visit.request = nil
        guard let trace = visit.trace else { return begin() }
        visit.trace = nil
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

    private func farewell(_ connection: WebSocket, _ code: WebSocket.CloseCode, after time: Duration) -> Logger.Metadata {
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
