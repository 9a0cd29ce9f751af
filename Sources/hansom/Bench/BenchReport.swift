/// What a load found out.
struct BenchReport: CustomStringConvertible {
    let latencies: LatencyHistogram
    /// Nanoseconds.
    let elapsed: UInt64
    let connections: Int
    let size: Int
    let depth: Int

    var description: String {
        let rate = Int(Double(latencies.count) * 1e9 / Double(max(elapsed, 1)))
        let percentiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)].map { name, share in
            "\(name) \(BenchReport.show(latencies.percentile(share)))"
        }
        return """
            \(rate) messages/s: \(latencies.count) in \(elapsed / 1_000_000) ms, \(connections) connections, \
            \(size) bytes, \(depth) in flight
            latency \(percentiles.joined(separator: ", ")), max \(BenchReport.show(latencies.longest))
            """
    }

    private static func show(_ nanoseconds: UInt64) -> String {
        let microseconds = nanoseconds / 1000
        return microseconds < 10_000 ? "\(microseconds) us" : "\(microseconds / 1000) ms"
    }
}
