internal import CoreMetrics
internal import WSServer

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
