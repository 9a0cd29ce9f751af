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
