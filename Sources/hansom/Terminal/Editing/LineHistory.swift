/// The lines that were entered, for going back to. It is never written to a file: messages may hold secrets.
struct LineHistory {
    /// How many lines are kept.
    static let limit = 1000

    private var lines: [String] = []
    /// The line that is looked at; `nil`: the one being typed.
    private var place: Int?
    /// What was being typed when the way back began.
    private var draft = ""

    /// Keeps a line, unless it is empty or the same as the last, and ends the looking back.
    mutating func add(_ line: String) {
        place = nil
        draft = ""
        guard !line.isEmpty, line != lines.last else { return }
        if lines.count == LineHistory.limit { lines.removeFirst() }
        lines.append(line)
    }

    /// The line before, if there is one.
    ///
    /// - Parameter current: what stands there now; it comes back at the end of the way forth.
    mutating func older(than current: String) -> String? {
        let next = (place ?? lines.count) - 1
        guard next >= 0 else { return nil }
        if place == nil { draft = current }
        place = next
        return lines[next]
    }

    /// The line after, or at last what was being typed.
    mutating func newer() -> String? {
        guard let current = place else { return nil }
        guard current + 1 < lines.count else {
            place = nil
            return draft
        }
        place = current + 1
        return lines[current + 1]
    }
}
