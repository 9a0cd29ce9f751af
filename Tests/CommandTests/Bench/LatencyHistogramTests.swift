import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct LatencyHistogramTests {
    @Test func `knows nothing of nothing`() {
        let none = LatencyHistogram()
        #expect(none.count == 0)
        #expect(none.percentile(0.5) == 0)
        #expect(none.longest == 0)
    }

    @Test(arguments: [0, 1, 127, 128, 129, 255, 256, 1000, 123_456, 1 << 40, UInt64.max] as [UInt64])
    func `gives back a single value`(value: UInt64) {
        var histogram = LatencyHistogram()
        histogram.record(value)
        for share in [0, 0.5, 0.999, 1] { #expect(histogram.percentile(share) == value) }
        #expect(histogram.longest == value)
    }

    @Test func `is right to 1.6 percent`() {
        var histogram = LatencyHistogram()
        for value in 1...100_000 as ClosedRange<UInt64> { histogram.record(value * 10) }
        for share in [0.01, 0.5, 0.9, 0.99, 0.999] {
            let exact = share * 1_000_000
            let found = Double(histogram.percentile(share))
            #expect(found >= exact - 10 && found <= exact * 1.016 + 10)
        }
        #expect(histogram.longest == 1_000_000)
    }

    @Test func `merges`() {
        var (low, high) = (LatencyHistogram(), LatencyHistogram())
        for _ in 1...90 { low.record(10) }
        for _ in 1...10 { high.record(5000) }
        low.merge(high)
        #expect(low.count == 100)
        #expect(low.percentile(0.9) == 10)
        #expect(low.percentile(0.91) == 5000)
        #expect(low.longest == 5000)
    }
}
