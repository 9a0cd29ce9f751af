@testable import hansom

/// What a terminal would show: as much of one as the command makes use of, and nothing that it must not use.
struct Screen {
    private(set) var rows: [[Character]] = [[]]
    private(set) var row = 0
    private(set) var column = 0
    /// Sequences that no part of the command should ever send.
    private(set) var strange: [String] = []

    /// The rows as text, without what is empty at their ends.
    var lines: [String] { rows.map { Screen.trimmed(String($0.filter { $0 != Screen.continued })) } }

    /// The row that the cursor stands in.
    var line: String { lines[row] }

    /// Stands in the second column of a wide character.
    private static let continued: Character = "\u{0}"

    init() {}

    init(showing text: String) { show(text) }

    mutating func show(_ text: String) {
        var rest = Substring(text)
        while let character = rest.popFirst() {
            switch character {
            case "\r": column = 0
            case "\n", "\r\n":
                if character == "\r\n" { column = 0 }
                moveDown()
            case "\u{1B}": act(on: Screen.sequence(&rest))
            default: put(character)
            }
        }
    }

    private static func sequence(_ rest: inout Substring) -> String {
        guard rest.first == "[" else { return "ESC" }
        var sequence = String(rest.removeFirst())
        while let next = rest.popFirst() {
            sequence.append(next)
            if next.isLetter { break }
        }
        return sequence
    }

    private mutating func act(on sequence: String) {
        switch sequence {
        case "[K": rows[row].removeSubrange(min(column, rows[row].count)...)
        case "[H": (row, column) = (0, 0)
        case "[J":
            rows[row].removeSubrange(min(column, rows[row].count)...)
            rows.removeSubrange((row + 1)...)
        case "[2J": rows = rows.map { _ in [] }
        case _ where sequence.hasSuffix("m"): break
        case _ where sequence.hasSuffix("C"): column += Int(sequence.dropFirst().dropLast()) ?? 1
        default: strange.append(sequence)
        }
    }

    private mutating func moveDown() {
        row += 1
        if row == rows.count { rows.append([]) }
    }

    private mutating func put(_ character: Character) {
        let cells = [character] + [Character](repeating: Screen.continued, count: DisplayWidth.of(character) - 1)
        while rows[row].count < column + cells.count { rows[row].append(" ") }
        rows[row].replaceSubrange(column..<column + cells.count, with: cells)
        column += cells.count
    }

    private static func trimmed(_ text: String) -> String {
        var text = text
        while text.last == " " { text.removeLast() }
        return text
    }
}
