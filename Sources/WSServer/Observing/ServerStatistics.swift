internal import Actors
public import WSConnection

/// How a server fares: what it holds now, and what has happened since it began.
///
///     let statistics = await server.statistics()
///     print(statistics.connections, statistics.traffic.framesReceived)
///
/// Nothing is counted for it while messages flow: what connections count for themselves is added up when it is asked
/// for, a few hundred at a time between other work. So its parts are not of one instant; but what is counted never goes
/// back.
public struct ServerStatistics: Sendable, Hashable {
    /// How long the server has run.
    public internal(set) var uptime: Duration = .zero
    /// Connections that are open now.
    public internal(set) var connections = 0
    /// Handshakes that are under way now, and peers that were refused and have not gone yet.
    public internal(set) var handshakesUnderWay = 0
    /// Sockets that were dropped as they came, since their peer had `maxConnectionsPerPeer` already.
    public internal(set) var turnedAway: UInt64 = 0
    /// What waits in the connections.
    public internal(set) var queues = QueueDepths()
    /// What has ended, and what the connections that are open have carried.
    var tally = ServerTally()

    init() {}

    /// What came of the sockets that were accepted.
    public var handshakes: [HandshakeResult: UInt64] { tally.handshakes }
    /// How many connections there have been.
    public var connectionsAccepted: UInt64 { tally.handshakes[.accepted] ?? 0 }
    /// Requests that asked for no upgrade, by the status of their answers.
    public var answers: [Int: UInt64] { tally.answers }
    /// Connections that have ended, by their close codes: 1005 for a close without one, 1006 for a loss.
    public var closes: [WebSocket.CloseCode: UInt64] { tally.closes }
    /// Frames and payload bytes of all connections, those that have ended included.
    public var traffic: WebSocket.Counters { tally.traffic }
    /// How long handshakes took, from the accepted socket to their end.
    public var handshakeDurations: DurationHistogram { tally.handshakeDurations }
    /// How long connections lasted that have ended.
    public var connectionDurations: DurationHistogram { tally.connectionDurations }
}

extension ServerStatistics {
    /// The `Content-Type` for `prometheusText`.
    public static var prometheusContentType: String { PrometheusText.contentType }

    /// All of it as Prometheus reads it (text format 0.0.4), names with the prefix `hansom_`.
    ///
    /// Close codes of applications and libraries are counted by thousands there (`3xxx`, `4xxx`): a peer can send any
    /// of them, and each would be a time series of its own.
    public var prometheusText: String {
        var text = PrometheusText()
        text.metric("uptime_seconds", .gauge, "How long the server has run.", uptime)
        text.metric("connections", .gauge, "Connections that are open.", connections)
        text.metric(
            "connections_accepted_total", .counter, "Connections that there have been.", connectionsAccepted)
        text.metric("handshakes_under_way", .gauge, "Handshakes that are not over.", handshakesUnderWay)
        text.metric("turned_away_total", .counter, "Sockets dropped since their peer had its share.", turnedAway)
        writeOutcomes(to: &text)
        writeTraffic(to: &text)
        text.histogram(
            "handshake_duration_seconds", "From the accepted socket to the end of its handshake.", handshakeDurations)
        text.histogram("connection_duration_seconds", "How long connections lasted.", connectionDurations)
        return text.text
    }

    private func writeOutcomes(to text: inout PrometheusText) {
        let results = handshakes.sorted { ($0.key.name, $0.key.status ?? 0) < ($1.key.name, $1.key.status ?? 0) }
        text.metric(
            "handshakes_total", .counter, "Handshakes that are over, by what came of them.",
            results.map { ([("result", $0.key.name), ("status", $0.key.status.map { "\($0)" } ?? "")], $0.value) })
        text.metric(
            "http_answers_total", .counter, "Answers to requests that asked for no upgrade, by status.",
            answers.sorted { $0.key < $1.key }.map { ([("status", "\($0.key)")], $0.value) })
        text.metric(
            "closes_total", .counter, "Connections that have ended, by close code.",
            closesByClass.sorted { $0.key < $1.key }.map { ([("code", $0.key)], $0.value) })
    }

    private func writeTraffic(to text: inout PrometheusText) {
        text.metric("frames_received_total", .counter, "Frames received.", traffic.framesReceived)
        text.metric("frames_sent_total", .counter, "Frames queued for sending.", traffic.framesSent)
        text.metric("received_bytes_total", .counter, "Payload bytes received.", traffic.bytesReceived)
        text.metric("sent_bytes_total", .counter, "Payload bytes queued for sending.", traffic.bytesSent)
        text.metric("inbound_messages", .gauge, "Messages that wait to be taken.", queues.inboundMessages)
        text.metric("inbound_messages_max", .gauge, "The most of them in one connection.", queues.mostInboundMessages)
        text.metric("buffered_bytes", .gauge, "Bytes that wait to be written.", queues.bufferedBytes)
        text.metric("buffered_bytes_max", .gauge, "The most of them in one connection.", queues.mostBufferedBytes)
    }

    /// Registered codes one by one, the others by thousands.
    package var closesByClass: [String: UInt64] {
        var classes: [String: UInt64] = [:]
        for (code, count) in closes {
            let name = code.rawValue < 3_000 ? "\(code.rawValue)" : "\(code.rawValue / 1_000)xxx"
            classes[name, default: 0] += count
        }
        return classes
    }
}

/// Metrics being written in Prometheus's text format, version 0.0.4.
struct PrometheusText: Sendable {
    /// What a metric is to whoever reads it.
    enum Kind: String, Sendable { case counter, gauge, histogram }

    /// The `Content-Type` of the format.
    static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    private(set) var text = ""
    private let prefix: String

    /// - Parameter prefix: what all names begin with.
    init(prefix: String = "hansom_") { self.prefix = prefix }

    /// A metric with one value.
    mutating func metric(_ name: String, _ kind: Kind, _ help: String, _ value: some BinaryInteger) {
        metric(name, kind, help, [([], value)])
    }

    /// A metric with a value for each set of labels.
    mutating func metric(
        _ name: String, _ kind: Kind, _ help: String,
        _ samples: [(labels: [(String, String)], value: some BinaryInteger)]
    ) {
        header(name, kind, help)
        for (labels, value) in samples { sample(name, labels, "\(value)") }
    }

    /// A metric in seconds.
    mutating func metric(_ name: String, _ kind: Kind, _ help: String, _ value: Duration) {
        header(name, kind, help)
        sample(name, [], PrometheusText.seconds(value))
    }

    /// Buckets count everything up to their end, the last one everything.
    mutating func histogram(_ name: String, _ help: String, _ histogram: DurationHistogram) {
        header(name, .histogram, help)
        var total: UInt64 = 0
        let ends = histogram.bounds.map(PrometheusText.seconds) + ["+Inf"]
        for (end, count) in zip(ends, histogram.counts) {
            total &+= count
            sample("\(name)_bucket", [("le", end)], "\(total)")
        }
        sample("\(name)_sum", [], PrometheusText.seconds(histogram.sum))
        sample("\(name)_count", [], "\(total)")
    }

    private mutating func header(_ name: String, _ kind: Kind, _ help: String) {
        text += "# HELP \(prefix)\(name) \(PrometheusText.escaped(help, quotes: false))\n"
        text += "# TYPE \(prefix)\(name) \(kind.rawValue)\n"
    }

    private mutating func sample(_ name: String, _ labels: [(String, String)], _ value: String) {
        let inside = labels.map { "\($0)=\"\(PrometheusText.escaped($1, quotes: true))\"" }.joined(separator: ",")
        text += "\(prefix)\(name)\(inside.isEmpty ? "" : "{\(inside)}") \(value)\n"
    }

    /// Backslash and line feed are escaped everywhere, quotation marks in labels only.
    static func escaped(_ text: String, quotes: Bool) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\n": escaped += "\\n"
            case "\"" where quotes: escaped += "\\\""
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// Exact to the nanosecond, without an exponent or zeros that say nothing: `0.0025`, `60`.
    static func seconds(_ duration: Duration) -> String {
        let (whole, part) = duration.clampedNanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        guard part > 0 else { return "\(whole)" }
        let digits = String(part + 1_000_000_000).dropFirst()
        return "\(whole).\(digits.prefix(digits.count - digits.reversed().prefix { $0 == "0" }.count))"
    }
}
