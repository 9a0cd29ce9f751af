internal import Actors

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
