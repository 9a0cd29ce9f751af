internal import Actors

/// Where everybody writes down what it sees.
final class Record: @unchecked Sendable {
    // Safety: touched with `lock` held.
    private let lock = Lock()
    private var seen: [String: [String]] = [:]
    private var total = 0

    /// How much has been seen by now.
    var count: Int { lock.withLock { total } }

    /// By observer.
    var lines: [String] {
        lock.withLock { seen.sorted { $0.key < $1.key }.flatMap { who, lines in lines.map { "\(who): \($0)" } } }
    }

    func saw(_ observer: String, _ words: [String]) {
        lock.withLock {
            seen[observer, default: []].append(words.joined(separator: " "))
            total += 1
        }
    }

    func has(_ observer: String, _ words: [String]) -> Bool {
        let wanted = words.joined(separator: " ")
        return lock.withLock { seen[observer, default: []].contains { $0.contains(wanted) } }
    }
}
