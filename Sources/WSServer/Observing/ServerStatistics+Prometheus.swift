internal import WSConnection

extension ServerStatistics {
    /// The `Content-Type` for `prometheusText`.
    public static var prometheusContentType: String { PrometheusText.contentType }

    /// All of it as Prometheus reads it (text format 0.0.4), names with the prefix `hansom_`.
    ///
    /// Close codes of applications and libraries are counted by thousands there (`3xxx`, `4xxx`): a peer can send any of
    /// them, and each would be a time series of its own.
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
