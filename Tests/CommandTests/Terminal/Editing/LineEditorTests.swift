import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct LineEditorTests {
    /// An editor after keys, `|` in its line marks the cursor.
    private func line(_ text: String, _ keys: Key...) -> String {
        var editor = LineEditor()
        for scalar in text.unicodeScalars { _ = editor.handle(.character(scalar)) }
        for key in keys { _ = editor.handle(key) }
        return String(editor.characters[..<editor.cursor]) + "|" + String(editor.characters[editor.cursor...])
    }

    @Test func `inserts and erases where the cursor stands`() {
        #expect(line("ac", .left, .character("b")) == "ab|c")
        #expect(line("abc", .left, .backspace) == "a|c")
        #expect(line("abc", .home, .delete) == "|bc")
        #expect(line("abc", .home, .right, .endOfInput) == "a|c")
        #expect(line("abc", .left, .eraseToEnd) == "ab|")
        #expect(line("abc", .left, .eraseToStart) == "|c")
        #expect(line("abc", .home, .end) == "abc|")
    }

    @Test func `moves and erases by words`() {
        #expect(line("one, two", .wordLeft) == "one, |two")
        #expect(line("one, two", .wordLeft, .wordLeft) == "|one, two")
        #expect(line("one, two", .home, .wordRight) == "one|, two")
        #expect(line("one, two", .eraseWord) == "one, |")
        #expect(line("one, two  ", .eraseWord) == "one, |")
        #expect(line("one, two", .eraseWord, .eraseWord) == "|")
    }

    @Test(arguments: ["ä", "e\u{301}", "👩‍👩‍👧", "🇩🇪", "世"])
    func `what is seen as one character is one`(character: String) {
        #expect(line("a" + character + "b", .left, .left) == "a|\(character)b")
        #expect(line("a" + character, .backspace) == "a|")
    }

    @Test func `refuses what cannot be done`() {
        var editor = LineEditor()
        for key in [Key.left, .right, .backspace, .delete, .up, .down, .eraseWord, .eraseToEnd, .unknown] {
            #expect(editor.handle(key) == .refused)
        }
        for _ in 0..<LineEditor.longestLine { _ = editor.handle(.character("x")) }
        #expect(editor.handle(.character("x")) == .refused)
        #expect(editor.characters.count == LineEditor.longestLine)
        #expect(editor.handle(.backspace) == .edited)
        #expect(editor.handle(.character("y")) == .edited)
    }

    @Test func `a character of very many accents does not grow without end`() {
        var editor = LineEditor()
        _ = editor.handle(.character("a"))
        for _ in 0..<1000 { _ = editor.handle(.character("\u{301}")) }
        #expect(editor.characters.allSatisfy { $0.unicodeScalars.count <= 32 })
    }

    @Test func `submits, ends and clears`() {
        var editor = LineEditor()
        #expect(editor.handle(.character("a")) == .edited)
        #expect(editor.handle(.clearScreen) == .clear)
        #expect(editor.handle(.enter) == .submitted("a"))
        #expect(editor.handle(.enter) == .submitted(""))
        #expect(editor.handle(.endOfInput) == .ended)
    }

    @Test func `goes back through what was entered and forth to what was being typed`() {
        var editor = LineEditor()
        for text in ["one", "two", "two", ""] {
            for scalar in text.unicodeScalars { _ = editor.handle(.character(scalar)) }
            _ = editor.handle(.enter)
        }
        _ = editor.handle(.character("x"))
        #expect(editor.handle(.up) == .edited && editor.text == "two" && editor.cursor == 3)
        #expect(editor.handle(.up) == .edited && editor.text == "one")
        #expect(editor.handle(.up) == .refused && editor.text == "one")
        #expect(editor.handle(.down) == .edited && editor.text == "two")
        #expect(editor.handle(.down) == .edited && editor.text == "x")
        #expect(editor.handle(.down) == .refused && editor.text == "x")
        #expect(editor.handle(.up) == .edited)
        #expect(editor.handle(.enter) == .submitted("two"))
        #expect(editor.handle(.up) == .edited && editor.text == "two")
        #expect(editor.handle(.up) == .edited && editor.text == "one")
    }

    @Test func `forgets the oldest lines`() {
        var history = LineHistory()
        for number in 0..<LineHistory.limit + 5 { history.add("\(number)") }
        var oldest = ""
        while let line = history.older(than: "") { oldest = line }
        #expect(oldest == "5")
    }
}
