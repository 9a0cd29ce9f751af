import Testing
import WSConnection

@testable import WSServer

/// What is counted, and how Prometheus reads it.
@Suite(.timeLimit(.minutes(2))) struct StatisticsTests {
    @Test func `counts durations in their buckets (S13)`() {
        var histogram = DurationHistogram(bounds: [.seconds(1), .seconds(5)])
        for time in [0, 1_000, 1_001, 5_000, 5_001, 99_000] { histogram.record(.milliseconds(time)) }
        #expect(histogram.counts == [2, 2, 2] && histogram.count == 6 && histogram.sum == .milliseconds(111_002))
        var other = DurationHistogram(bounds: histogram.bounds)
        other.record(.seconds(2))
        histogram.add(other)
        #expect(histogram.counts == [2, 3, 2] && histogram.sum == .milliseconds(113_002))
        #expect(DurationHistogram.ofHandshakes.bounds == DurationHistogram.ofHandshakes.bounds.sorted())
        #expect(DurationHistogram.ofConnections.bounds == DurationHistogram.ofConnections.bounds.sorted())
    }

    @Test func `adds up what schedulers have counted (S13)`() {
        var (one, two) = (ServerTally(), ServerTally())
        one.handshakeEnded(.accepted, after: .milliseconds(3))
        two.handshakeEnded(.accepted, after: .milliseconds(4))
        two.handshakeEnded(.refused(403), after: .seconds(1))
        two.answered(200)
        var counters = WebSocket.Counters()
        (counters.framesReceived, counters.bytesSent) = (5, 7)
        one.connectionEnded(.normal, counters, after: .seconds(2))
        two.connectionEnded(.normal, counters, after: .seconds(9))
        one.add(two)
        #expect(
            one.handshakes == [.accepted: 2, .refused(403): 1] && one.answers == [200: 1] && one.closes == [.normal: 2])
        #expect(one.traffic.framesReceived == 10 && one.traffic.bytesSent == 14 && one.traffic.framesSent == 0)
        #expect(one.handshakeDurations.count == 3 && one.connectionDurations.sum == .seconds(11))
    }

    @Test(
        arguments: [
            (.zero, "0"), (.seconds(60), "60"), (.milliseconds(2), "0.002"), (.microseconds(2_500), "0.0025"),
            (.nanoseconds(1), "0.000000001"), (.milliseconds(1_500), "1.5"), (.seconds(-1), "0"),
        ] as [(Duration, String)])
    func `writes seconds without an exponent (S13)`(duration: Duration, text: String) {
        #expect(PrometheusText.seconds(duration) == text)
    }

    @Test func `writes metrics as Prometheus reads them (S13)`() {
        var text = PrometheusText()
        text.metric("a", .gauge, "One\\ line\nof \"help\".", 3)
        text.metric(
            "b_total", .counter, "B.",
            [([("x", "q\"b\\n\nl"), ("y", "")], 1), ([("x", "é")], 2)] as [([(String, String)], Int)])
        var histogram = DurationHistogram(bounds: [.milliseconds(5), .seconds(1)])
        histogram.record(.milliseconds(1))
        histogram.record(.milliseconds(2))
        histogram.record(.seconds(9))
        text.histogram("c_seconds", "C.", histogram)
        let expected = #"""
            # HELP hansom_a One\\ line\nof "help".
            # TYPE hansom_a gauge
            hansom_a 3
            # HELP hansom_b_total B.
            # TYPE hansom_b_total counter
            hansom_b_total{x="q\"b\\n\nl",y=""} 1
            hansom_b_total{x="é"} 2
            # HELP hansom_c_seconds C.
            # TYPE hansom_c_seconds histogram
            hansom_c_seconds_bucket{le="0.005"} 2
            hansom_c_seconds_bucket{le="1"} 2
            hansom_c_seconds_bucket{le="+Inf"} 3
            hansom_c_seconds_sum 9.003
            hansom_c_seconds_count 3

            """#
        #expect(text.text == expected)
    }

    @Test func `every metric of a server is described once and has a sample or none (S13)`() {
        var statistics = ServerStatistics()
        statistics.tally.handshakeEnded(.refused(403), after: .zero)
        statistics.tally.handshakeEnded(.accepted, after: .zero)
        statistics.tally.connectionEnded(.init(rawValue: 4_001), .init(), after: .zero)
        statistics.tally.connectionEnded(.init(rawValue: 4_999), .init(), after: .zero)
        let lines = statistics.prometheusText.split(separator: "\n")
        #expect(lines.contains("hansom_closes_total{code=\"4xxx\"} 2"))
        #expect(lines.contains("hansom_handshakes_total{result=\"refused\",status=\"403\"} 1"))
        #expect(lines.contains("hansom_connections_accepted_total 1"))
        let types = lines.filter { $0.hasPrefix("# TYPE ") }.map { $0.split(separator: " ")[2] }
        #expect(Set(types).count == types.count && types.allSatisfy { $0.hasPrefix("hansom_") })
        let known = Set(types)
        for line in lines where !line.hasPrefix("#") {
            let name = line.prefix { $0 != "{" && $0 != " " }
            let stem = ["_bucket", "_sum", "_count"].first { name.hasSuffix($0) && !known.contains(name) }
            #expect(known.contains(name.dropLast(stem?.count ?? 0)), "\(line)")
        }
    }
}
