import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct LabelledMetricsTests {
    @Test func `gives each process's numbers a label, and each metric one header`() {
        var metrics = LabelledMetrics()
        for (worker, count) in [("1", 3), ("2", 4)] {
            metrics.add(
                """
                # HELP a_total All "a" { of them.
                # TYPE a_total counter
                a_total \(count)
                # HELP b How long.
                # TYPE b histogram
                b_bucket{le="0.5"} 1
                b_bucket{le="+Inf"} 2
                b_sum 0.75
                b_count 2

                """, label: "worker", value: worker)
        }
        #expect(
            metrics.text == """
                # HELP a_total All "a" { of them.
                # TYPE a_total counter
                a_total{worker="1"} 3
                a_total{worker="2"} 4
                # HELP b How long.
                # TYPE b histogram
                b_bucket{worker="1",le="0.5"} 1
                b_bucket{worker="1",le="+Inf"} 2
                b_sum{worker="1"} 0.75
                b_count{worker="1"} 2
                b_bucket{worker="2",le="0.5"} 1
                b_bucket{worker="2",le="+Inf"} 2
                b_sum{worker="2"} 0.75
                b_count{worker="2"} 2

                """)
    }

    @Test func `is empty when nobody answers`() { #expect(LabelledMetrics().text == "") }
}
