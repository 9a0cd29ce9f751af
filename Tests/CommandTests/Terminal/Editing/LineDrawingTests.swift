import Testing

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct LineDrawingTests {
    private func editor(_ text: String, left: Int = 0) -> LineEditor {
        var editor = LineEditor()
        for scalar in text.unicodeScalars { _ = editor.handle(.character(scalar)) }
        for _ in 0..<left { _ = editor.handle(.left) }
        return editor
    }

    private func screen(_ text: String, left: Int = 0, columns: Int) -> Screen {
        let drawing = LineDrawing(Palette(isOn: false), columns: columns)
        return Screen(showing: drawing.draw(editor(text, left: left)))
    }

    @Test(arguments: [("", 0, 2), ("abc", 0, 5), ("abc", 1, 4), ("世界", 1, 4), ("e\u{301}x", 1, 3), ("a👩‍👩‍👧", 0, 5)])
    func `shows the line and where the cursor stands`(text: String, left: Int, column: Int) {
        let screen = screen(text, left: left, columns: 40)
        #expect(screen.lines == [text.isEmpty ? ">" : "> \(text)"])
        #expect(screen.column == column)
        #expect(screen.strange.isEmpty)
    }

    @Test func `replaces what the row showed`() {
        var screen = Screen(showing: "something else that is long")
        screen.show(LineDrawing(Palette(isOn: false), columns: 40).draw(editor("ab")))
        #expect(screen.lines == ["> ab"])
        screen.show(LineDrawing.erase + "message\n")
        #expect(screen.lines == ["message", ""])
    }

    @Test(arguments: [4, 5, 9, 20, 31])
    func `never leaves its row, and always shows the cursor's place`(columns: Int) {
        for text in [String(repeating: "0123456789", count: 4), String(repeating: "世界", count: 12)] {
            for left in 0...text.count {
                let screen = screen(text, left: left, columns: columns)
                #expect(screen.rows.count == 1)
                #expect(screen.rows[0].count < columns)
                #expect((2..<columns).contains(screen.column))
                guard left > 0, columns > 5 else { continue }
                let next = Array(text)[text.count - left]
                #expect(screen.rows[0].indices.contains(screen.column) && screen.rows[0][screen.column] == next)
            }
        }
    }

    @Test func `makes harmless what was pasted`() {
        let screen = screen("a\u{202E}\tb", columns: 40)
        #expect(screen.lines == ["> a\\u{202E}\\tb"])
        let drawing = LineDrawing(Palette(isOn: false), columns: 40)
        #expect(Screen(showing: drawing.finished("x\ty")).lines == ["> x\\ty", ""])
    }

    @Test(
        arguments: [
            ("a", 1), ("ä", 1), ("e\u{301}", 1), ("世", 2), ("한", 2), ("👍", 2), ("❤\u{FE0F}", 2), ("🇩🇪", 2), ("👩‍👩‍👧", 2),
            ("ﬁ", 1),
            ("、", 2), ("Ａ", 2), ("א", 1),
        ] as [(Character, Int)])
    func `knows how wide characters are`(character: Character, width: Int) {
        #expect(DisplayWidth.of(character) == width)
    }
}
