/// How our trace of a scenario stands to the original's.
public enum Comparison: Sendable, Hashable {
    /// They are the same.
    case equal
    /// They differ in the way that the list of exceptions says.
    case listedException
    /// Something is wrong: what, in lines.
    case differs([String])

    /// - Parameter exception: what the list says that ours is, with the lines that say why.
    public init(ours: Trace, original: Trace, exception: Trace?) {
        let differences = Comparison.lines(ours, against: original)
        guard let exception else {
            self = differences.isEmpty ? .equal : .differs(differences)
            return
        }
        let expected = Trace(title: exception.title, lines: exception.lines.filter { !$0.hasPrefix("because ") })
        if differences.isEmpty {
            self = .differs(["is listed as an exception, and is none: the traces are equal"])
        } else if ours != expected {
            self = .differs(["is not as the list of exceptions says"] + Comparison.lines(ours, against: expected))
        } else if expected.lines.count == exception.lines.count {
            self = .differs(["is listed as an exception without a line that begins with \"because\""])
        } else {
            self = .listedException
        }
    }

    /// What is only in the original (`-`) and only in ours (`+`), in order.
    private static func lines(_ ours: Trace, against original: Trace) -> [String] {
        ours.lines.difference(from: original.lines).map {
            switch $0 {
            case .remove(_, let line, _): "- \(line)"
            case .insert(_, let line, _): "+ \(line)"
            }
        }
    }
}
