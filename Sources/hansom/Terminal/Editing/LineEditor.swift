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
