internal import ArgumentParser

/// `hansom bench`
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a load on a server and measure it.", subcommands: [BenchEcho.self, BenchIdle.self])
}

/// What a load found out.
struct BenchResult: CustomStringConvertible {
    let latencies: LatencyHistogram
    /// Nanoseconds.
    let elapsed: UInt64
    let connections: Int
    let size: Int
    let depth: Int

    var description: String {
        let rate = Int(Double(latencies.count) * 1e9 / Double(max(elapsed, 1)))
        let percentiles = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)].map { name, share in
            "\(name) \(BenchResult.show(latencies.percentile(share)))"
        }
        return """
            \(rate) messages/s: \(latencies.count) in \(elapsed / 1_000_000) ms, \(connections) connections, \
            \(size) bytes, \(depth) in flight
            latency \(percentiles.joined(separator: ", ")), max \(BenchResult.show(latencies.longest))
            """
    }

    private static func show(_ nanoseconds: UInt64) -> String {
        let microseconds = nanoseconds / 1000
        return microseconds < 10_000 ? "\(microseconds) us" : "\(microseconds / 1000) ms"
    }
}

/// How often each latency occurred, to 1.6 %: 64 steps for each power of two.
struct LatencyHistogram {
    private var counts: [Int] = []
    private(set) var count = 0
    /// The longest, in nanoseconds, exactly.
    private(set) var longest: UInt64 = 0

    private static let steps: UInt64 = 64

    mutating func record(_ nanoseconds: UInt64) {
        let index = LatencyHistogram.index(of: nanoseconds)
        reserve(index + 1)
        counts[index] += 1
        count += 1
        longest = max(longest, nanoseconds)
    }

    mutating func merge(_ other: LatencyHistogram) {
        reserve(other.counts.count)
        for (index, count) in other.counts.enumerated() { counts[index] += count }
        count += other.count
        longest = max(longest, other.longest)
    }

    /// The latency in nanoseconds that this share of all, from 0 to 1, did not exceed; 0 if there are none.
    func percentile(_ share: Double) -> UInt64 {
        let rank = max(1, Int((share * Double(count)).rounded(.up)))
        var seen = 0
        for (index, count) in counts.enumerated() {
            seen += count
            if seen >= rank { return min(LatencyHistogram.upperBound(of: index), longest) }
        }
        return longest
    }

    private mutating func reserve(_ size: Int) {
        if counts.count < size { counts += [Int](repeating: 0, count: size - counts.count) }
    }

    /// Up to 127 each value has its own place; from there on the seven leading bits decide.
    private static func index(of value: UInt64) -> Int {
        guard value >= 2 * steps else { return Int(value) }
        let shift = UInt64(64 - value.leadingZeroBitCount) - 7
        return Int(shift * steps + (value >> shift))
    }

    /// The largest value that has this place.
    private static func upperBound(of index: Int) -> UInt64 {
        let index = UInt64(index)
        guard index >= 2 * steps else { return index }
        let shift = index / steps - 1
        let leading = index - shift * steps
        return (leading << shift) | ((1 << shift) - 1)
    }
}
