/// How often something took how long, in buckets.
public struct DurationHistogram: Sendable, Hashable {
    /// The buckets' upper ends, each included, in ascending order. What took longer is counted in one more bucket.
    public let bounds: [Duration]
    /// How many there are in each bucket alone; one more than `bounds`.
    public private(set) var counts: [UInt64]
    /// All of them added up.
    public private(set) var sum = Duration.zero

    init(bounds: [Duration]) {
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
    }

    /// How many there were.
    public var count: UInt64 { counts.reduce(0, &+) }

    mutating func record(_ duration: Duration) {
        counts[bounds.firstIndex { duration <= $0 } ?? bounds.count] &+= 1
        sum += duration
    }

    /// - Parameter other: with the same bounds.
    mutating func add(_ other: DurationHistogram) {
        for (index, count) in other.counts.enumerated() where index < counts.count { counts[index] &+= count }
        sum += other.sum
    }

    /// From a good network's handshake to one that ends at the deadline: 1 ms to 10 s.
    static let ofHandshakes = DurationHistogram(
        bounds: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000].map { .milliseconds($0) })
    /// From a page that was left at once to one that stays open: 1 s to a day.
    static let ofConnections = DurationHistogram(
        bounds: [1, 5, 15, 60, 300, 900, 3_600, 14_400, 43_200, 86_400].map { .seconds($0) })
}
