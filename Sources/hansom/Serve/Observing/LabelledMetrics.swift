/// The numbers of several processes as one text for Prometheus, each with a label that says whose it is.
///
/// They are not added up here: a worker that is started again counts from 0, which Prometheus takes for what it is in a series of
/// its own, and for a loss in a sum. It adds up by itself: `sum without (worker) (rate(hansom_frames_sent_total[1m]))`.
struct LabelledMetrics {
    private struct Family {
        var header: [String] = []
        var samples: [String] = []
    }

    private var order: [String] = []
    private var families: [String: Family] = [:]

    /// Adds the text of one process, in which each metric has its `HELP` and `TYPE` before its samples.
    mutating func add(_ text: String, label: String, value: String) {
        var name = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# ") {
                name = String(line.split(separator: " ", maxSplits: 3).dropFirst(2).first ?? "")
                addHeader(String(line), of: name)
            } else {
                families[name, default: Family()].samples.append(
                    LabelledMetrics.labelled(line, "\(label)=\"\(value)\""))
            }
        }
    }

    private mutating func addHeader(_ line: String, of name: String) {
        if families[name] == nil { order.append(name) }
        let header = families[name]?.header ?? []
        if !header.contains(line) { families[name, default: Family()].header.append(line) }
    }

    /// `name{a="b"} 1` or `name 1`: labels stand behind the name, which has neither brace nor space.
    private static func labelled(_ sample: Substring, _ label: String) -> String {
        guard let end = sample.firstIndex(where: { $0 == "{" || $0 == " " }) else { return String(sample) }
        let rest = sample[end...]
        return rest.hasPrefix("{")
            ? "\(sample[..<end]){\(label),\(rest.dropFirst())" : "\(sample[..<end]){\(label)}\(rest)"
    }

    var text: String {
        order.map { name in
            let family = families[name] ?? Family()
            return (family.header + family.samples).map { "\($0)\n" }.joined()
        }.joined()
    }
}
