package import CoreMetrics

/// What a metrics back end was told: gauges are set, and counters told what has come since the last time.
///
/// Whoever reports has totals; a back end's counter wants the difference.
package struct Instruments {
    private let factory: any MetricsFactory
    /// By name and labels, with how much each was told.
    private var counters: [String: (counter: Counter, told: UInt64)] = [:]
    private var meters: [String: Meter] = [:]

    package init(_ factory: any MetricsFactory) { self.factory = factory }

    /// Sets a gauge; its name begins with `hansom_`.
    package mutating func set(_ name: String, _ value: some BinaryInteger, _ labels: [(String, String)] = []) {
        meter(name, labels).set(value)
    }

    package mutating func set(_ name: String, _ value: Double, _ labels: [(String, String)] = []) {
        meter(name, labels).set(value)
    }

    /// Tells a counter how much there has been in all; its name begins with `hansom_`.
    package mutating func count(_ name: String, _ total: UInt64, _ labels: [(String, String)] = []) {
        let key = Instruments.key(name, labels)
        let known = counters[key] ?? (Counter(label: "hansom_\(name)", dimensions: labels, factory: factory), 0)
        if total > known.told { known.counter.increment(by: Int64(clamping: total - known.told)) }
        counters[key] = (known.counter, max(total, known.told))
    }

    /// Takes a gauge back: what it stood for is not there any more.
    package mutating func forget(_ name: String, _ labels: [(String, String)]) {
        meters.removeValue(forKey: Instruments.key(name, labels))?.destroy()
    }

    private mutating func meter(_ name: String, _ labels: [(String, String)]) -> Meter {
        let key = Instruments.key(name, labels)
        if let known = meters[key] { return known }
        let meter = Meter(label: "hansom_\(name)", dimensions: labels, factory: factory)
        meters[key] = meter
        return meter
    }

    private static func key(_ name: String, _ labels: [(String, String)]) -> String {
        labels.reduce(name) { "\($0)\u{0}\($1.0)\u{0}\($1.1)" }
    }
}
