internal import Actors
public import CoreMetrics
public import Tracing
internal import WSServer

/// Feeds a metrics back end: durations as they come, all else read off the server in intervals.
final class ServerMetrics: ServerMeasuring {
    private let factory: any MetricsFactory
    private let interval: Duration
    private let handshakeDuration: Timer
    private let connectionDuration: Timer

    init(_ factory: any MetricsFactory, every interval: Duration) {
        self.factory = factory
        self.interval = interval
        handshakeDuration = Timer(label: "hansom_handshake_duration", factory: factory)
        connectionDuration = Timer(label: "hansom_connection_duration", factory: factory)
    }

    func handshakeEnded(_ result: HandshakeResult, after time: Duration) {
        handshakeDuration.recordNanoseconds(Int64(clamping: time.clampedNanoseconds))
    }

    func connectionEnded(after time: Duration) {
        connectionDuration.recordNanoseconds(Int64(clamping: time.clampedNanoseconds))
    }

    /// A process reports until the server's end, and once more then.
    func serverStarted(_ server: WebSocketServer) {
        let (factory, interval) = (factory, interval)
        Process<Down>.spawn(label: "metrics of \(server.pid)") { me in
            me.monitor(server.pid) { $0 }
            var report = MetricsReport(factory)
            while true {
                let down = await me.receive(timeout: interval)
                report.report(await server.statistics())
                if down != nil { return }
            }
        }
    }
}

/// What a back end was told last, so that its counters are told what has come since.
struct MetricsReport {
    private let factory: any MetricsFactory
    /// The counters by name and labels, with how much each was told.
    private var counters: [String: (counter: Counter, told: UInt64)] = [:]
    private var meters: [String: Meter] = [:]

    init(_ factory: any MetricsFactory) { self.factory = factory }

    mutating func report(_ statistics: ServerStatistics) {
        set("connections", statistics.connections)
        set("handshakes_under_way", statistics.handshakesUnderWay)
        set("inbound_messages", statistics.queues.inboundMessages)
        set("inbound_messages_max", statistics.queues.mostInboundMessages)
        set("buffered_bytes", statistics.queues.bufferedBytes)
        set("buffered_bytes_max", statistics.queues.mostBufferedBytes)
        count("connections_accepted", statistics.connectionsAccepted)
        count("frames_received", statistics.traffic.framesReceived)
        count("frames_sent", statistics.traffic.framesSent)
        count("received_bytes", statistics.traffic.bytesReceived)
        count("sent_bytes", statistics.traffic.bytesSent)
        for (result, number) in statistics.handshakes {
            let status = result.status.map { [("status", "\($0)")] } ?? []
            count("handshakes", number, [("result", result.name)] + status)
        }
        for (status, number) in statistics.answers { count("http_answers", number, [("status", "\(status)")]) }
        for (code, number) in statistics.closesByClass { count("closes", number, [("code", code)]) }
    }

    private mutating func set(_ name: String, _ value: Int) {
        let meter = meters[name] ?? Meter(label: "hansom_\(name)", factory: factory)
        meters[name] = meter
        meter.set(value)
    }

    private mutating func count(_ name: String, _ total: UInt64, _ labels: [(String, String)] = []) {
        let key = labels.reduce(name) { "\($0) \($1.1)" }
        let known = counters[key] ?? (Counter(label: "hansom_\(name)", dimensions: labels, factory: factory), 0)
        if total > known.told { known.counter.increment(by: Int64(clamping: total - known.told)) }
        counters[key] = (known.counter, max(total, known.told))
    }
}

extension ServerOptions {
    /// Feeds swift-metrics with the numbers of each server that is started with these options, as long as it runs.
    ///
    /// What is counted is read off the server every so often, so that nothing is done for it while messages flow; only
    /// how long handshakes and connections took is recorded as they end. Names begin with `hansom_`, as in
    /// `ServerStatistics`.
    ///
    /// - Parameters:
    ///   - interval: how often; default 10 s.
    ///   - factory: the back end; default: the one that the program has bootstrapped.
    public mutating func reportMetrics(
        every interval: Duration = .seconds(10), to factory: any MetricsFactory = MetricsSystem.factory
    ) {
        measuring = ServerMetrics(factory, every: interval)
    }

    /// Traces each request for a WebSocket and the connection that it becomes, with swift-distributed-tracing.
    ///
    /// The trace that a request belongs to is taken from its headers (`traceparent`, say) by the tracer's own
    /// propagation. Each request is a span from its head to its answer, each connection one until its end, as its
    /// child. An asynchronous handler runs in the connection's context: spans that it starts are the connection's
    /// children. A synchronous one does not: to bind a context for each message would cost each message. Calls of server
    /// processes take the context along (`CallContext`).
    ///
    /// - Parameter tracer: default: the one that the program has bootstrapped.
    public mutating func traceConnections(with tracer: any Tracer = InstrumentationSystem.tracer) {
        CallContext.carry(ServiceContext.$current)
        tracing = ConnectionTracing(tracer)
    }
}
