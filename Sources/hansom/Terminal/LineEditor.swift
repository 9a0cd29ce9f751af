/// A line being typed: keys go in, edits come out. What a person sees as one character is one here too, however many
/// scalars it has.
struct LineEditor {
    /// What a key asks of whoever shows the line.
    enum Outcome: Equatable {
        /// The line or the cursor may have changed.
        case edited
        /// It changed nothing, since it cannot be: past an end, no history, line too long.
        case refused
        /// The screen is to be cleared and the line drawn anew.
        case clear
        /// The line is complete; the editor is empty again.
        case submitted(String)
        /// There will be no more lines.
        case ended
    }

    /// How many scalars a line may have, so that pasting cannot make it grow for ever.
    static let longestLine = 64 << 10

    /// Scalars that are joined to one character; the longest emoji have ten.
    private static let longestCharacter = 32

    private(set) var characters: [Character] = []
    /// In front of which character the cursor stands.
    private(set) var cursor = 0
    private var scalarCount = 0
    private var history = LineHistory()

    var text: String { String(characters) }

    mutating func handle(_ key: Key) -> Outcome {
        switch key {
        case .character(let scalar): insert(scalar)
        case .enter: submit()
        case .left: move(to: cursor - 1)
        case .right: move(to: cursor + 1)
        case .wordLeft: move(to: wordStart)
        case .wordRight: move(to: wordEnd)
        case .home: jump(to: 0)
        case .end: jump(to: characters.count)
        case .up: replace(with: history.older(than: text))
        case .down: replace(with: history.newer())
        case .backspace: erase(cursor - 1..<cursor)
        case .delete: erase(cursor..<cursor + 1)
        case .eraseToEnd: erase(cursor..<characters.count)
        case .eraseToStart: erase(0..<cursor)
        case .eraseWord: erase(blankWordStart..<cursor)
        case .clearScreen: .clear
        case .endOfInput: characters.isEmpty ? .ended : erase(cursor..<cursor + 1)
        case .unknown: .refused
        }
    }

    // MARK: Changing the line

    private mutating func insert(_ scalar: Unicode.Scalar) -> Outcome {
        guard scalarCount < LineEditor.longestLine else { return .refused }
        scalarCount += 1
        // An accent, a joiner or the second half of a flag belongs to the character before it.
        if cursor > 0, characters[cursor - 1].unicodeScalars.count < LineEditor.longestCharacter {
            let joined = String(characters[cursor - 1]) + String(Character(scalar))
            if joined.count == 1 {
                characters[cursor - 1] = Character(joined)
                return .edited
            }
        }
        characters.insert(Character(scalar), at: cursor)
        cursor += 1
        return .edited
    }

    private mutating func erase(_ range: Range<Int>) -> Outcome {
        guard range.lowerBound >= 0, range.upperBound <= characters.count, !range.isEmpty else { return .refused }
        scalarCount -= characters[range].reduce(0) { $0 + $1.unicodeScalars.count }
        characters.removeSubrange(range)
        cursor = range.lowerBound
        return .edited
    }

    private mutating func replace(with line: String?) -> Outcome {
        guard let line else { return .refused }
        characters = Array(line)
        scalarCount = line.unicodeScalars.count
        cursor = characters.count
        return .edited
    }

    private mutating func submit() -> Outcome {
        let line = text
        history.add(line)
        (characters, cursor, scalarCount) = ([], 0, 0)
        return .submitted(line)
    }

    // MARK: Moving in it

    private mutating func move(to place: Int) -> Outcome {
        guard place != cursor, (0...characters.count).contains(place) else { return .refused }
        return jump(to: place)
    }

    private mutating func jump(to place: Int) -> Outcome {
        cursor = place
        return .edited
    }

    private var wordStart: Int { start(of: { $0.isLetter || $0.isNumber }) }

    /// ^W goes back to a blank, as terminals do.
    private var blankWordStart: Int { start(of: { !$0.isWhitespace }) }

    private func start(of isWord: (Character) -> Bool) -> Int {
        var place = cursor
        while place > 0, !isWord(characters[place - 1]) { place -= 1 }
        while place > 0, isWord(characters[place - 1]) { place -= 1 }
        return place
    }

    private var wordEnd: Int {
        let isWord = { (character: Character) in character.isLetter || character.isNumber }
        var place = cursor
        while place < characters.count, !isWord(characters[place]) { place += 1 }
        while place < characters.count, isWord(characters[place]) { place += 1 }
        return place
    }
}

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

/// The line being typed, as a terminal is told to show it: in one row, the part around the cursor if it is longer.
struct LineDrawing {
    /// What goes back to the row's beginning and empties it, so that something else can be printed there.
    static let erase = "\r\u{1B}[K"
    /// What empties the screen and goes to its top.
    static let clearScreen = "\u{1B}[H\u{1B}[2J"

    private static let prompt = "> "

    private let palette: Palette
    private let columns: Int

    /// - Parameter columns: the terminal's; at least four are taken to be there.
    init(_ palette: Palette, columns: Int) {
        self.palette = palette
        self.columns = max(columns, LineDrawing.prompt.count + 2)
    }

    /// Draws over whatever the cursor's row shows.
    func draw(_ editor: LineEditor) -> String {
        // The last column stays free: a character there would move some terminals on to the next row.
        let room = columns - LineDrawing.prompt.count - 1
        let (shown, cursorColumn) = LineDrawing.window(of: editor, room: room)
        let right = LineDrawing.prompt.count + cursorColumn
        return "\r" + palette.paint(LineDrawing.prompt, .sent) + shown + "\u{1B}[K\r\u{1B}[\(right)C"
    }

    /// A line that was sent, where the one being typed stood.
    func finished(_ line: String) -> String {
        LineDrawing.erase + palette.paint(LineDrawing.prompt, .sent) + "\(Printable(line))\n"
    }

    /// The part to show, and in which of its columns the cursor stands.
    private static func window(of editor: LineEditor, room: Int) -> (shown: String, cursorColumn: Int) {
        let behind = width(editor.characters[editor.cursor...], upTo: room / 3)
        var (start, left) = (editor.cursor, 0)
        while start > 0 {
            let next = width(of: editor.characters[start - 1])
            guard left + next <= room - behind else { break }
            left += next
            start -= 1
        }
        var (end, total) = (editor.cursor, left)
        while end < editor.characters.count {
            let next = width(of: editor.characters[end])
            guard total + next <= room else { break }
            total += next
            end += 1
        }
        let shown = editor.characters[start..<end].map { Printable(String($0)).description }.joined()
        return (shown, left)
    }

    private static func width(of character: Character) -> Int {
        DisplayWidth.of(Printable(String(character)).description)
    }

    private static func width(_ characters: ArraySlice<Character>, upTo limit: Int) -> Int {
        var total = 0
        for character in characters {
            total += width(of: character)
            if total >= limit { return limit }
        }
        return total
    }
}

/// How many columns a terminal gives to what it shows (Unicode Standard Annex 11).
enum DisplayWidth {
    static func of(_ character: Character) -> Int {
        let scalars = character.unicodeScalars
        // The emoji presentation is wide, whatever it is made of.
        if scalars.contains("\u{FE0F}") { return 2 }
        return scalars.reduce(0) { max($0, of($1)) }
    }

    static func of(_ text: some Collection<Character>) -> Int { text.reduce(0) { $0 + of($1) } }

    private static func of(_ scalar: Unicode.Scalar) -> Int {
        if scalar.value < 0x300 { return 1 }
        switch scalar.properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: return isWide(scalar) ? 2 : 1
        }
    }

    /// East Asian wide and fullwidth, by blocks, and what is an emoji by itself.
    private static func isWide(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF,
            0xFE30...0xFE6F, 0xFF01...0xFF60, 0xFFE0...0xFFE6, 0x1B000...0x1B2FF, 0x1F1E6...0x1F1FF, 0x20000...0x3FFFD:
            true
        default: scalar.properties.isEmojiPresentation
        }
    }
}
