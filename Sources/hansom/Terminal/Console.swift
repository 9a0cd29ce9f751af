internal import Actors
internal import Glibc

/// What a command prints while a line may be being typed: both share the screen, and neither destroys the other.
///
/// The line is shown on standard error, so that standard output can go elsewhere.
final class Console: @unchecked Sendable {
    /// A line to print, harmless already; or bytes for a reader that wants them as they are.
    struct Line: Equatable, Sendable {
        let text: String
        let stream: StandardStream
        var raw: [UInt8]?
    }

    /// What a person has entered.
    enum Entry: Equatable, Sendable {
        case line(String)
        case end
    }

    // Safety: everything that changes is touched with `lock` held.
    private let lock = Lock()
    private let palette: Palette
    private var editor = LineEditor()
    private var decoder = KeyDecoder()
    private var isEditing = false

    /// - Parameter palette: for the line being typed.
    init(_ palette: Palette) { self.palette = palette }

    /// Whether a person types here, on a terminal that can move its cursor.
    static var canEdit: Bool {
        StandardInput.isTerminal && StandardStream.error.isTerminal && Environment.value(of: "TERM") != "dumb"
    }

    // MARK: Printing

    /// Prints lines, above the one being typed. Blocks while nobody takes them: not for a scheduler.
    func print(_ lines: [Line]) throws(CommandFailure) {
        try lock.withLock { () throws(CommandFailure) in
            if isEditing { try StandardStream.error.write(LineDrawing.erase) }
            for line in lines {
                if let raw = line.raw { try line.stream.write(raw) } else { try line.stream.write(line: line.text) }
            }
            if isEditing { try draw() }
        }
    }

    // MARK: Typing

    /// Takes the terminal, and shows an empty line.
    ///
    /// - Returns: whether the terminal gives keys; otherwise lines are read from it as from anywhere.
    func beginEditing() throws(CommandFailure) -> Bool {
        guard Console.canEdit, RawMode.enter(redraw: { [self] in redraw() }) else { return false }
        try lock.withLock { () throws(CommandFailure) in
            isEditing = true
            try draw()
        }
        return true
    }

    /// Removes the line being typed, and gives the terminal back. Harmless when nobody typed.
    func endEditing() {
        lock.withLock {
            guard isEditing else { return }
            isEditing = false
            try? StandardStream.error.write(LineDrawing.erase)
        }
        RawMode.leave()
    }

    /// Takes what the terminal gave, and shows what comes of it.
    func take(_ bytes: [UInt8]) throws(CommandFailure) -> [Entry] {
        try lock.withLock { () throws(CommandFailure) in
            var entries: [Entry] = []
            for key in decoder.keys(in: bytes) {
                switch editor.handle(key) {
                case .submitted(let line):
                    entries.append(.line(line))
                    if isEditing { try StandardStream.error.write(drawing.finished(line)) }
                case .clear: if isEditing { try StandardStream.error.write(LineDrawing.clearScreen) }
                case .ended: return entries + [.end]
                case .edited, .refused: break
                }
            }
            if isEditing { try draw() }
            return entries
        }
    }

    private func redraw() {
        lock.withLock {
            if isEditing { try? draw() }
        }
    }

    private func draw() throws(CommandFailure) { try StandardStream.error.write(drawing.draw(editor)) }

    /// Asked for each time: the window may have another size by now.
    private var drawing: LineDrawing {
        var size = winsize()
        // Safety: the call fills one value that lives as long as the call.
        let isKnown = unsafe ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0
        return LineDrawing(palette, columns: isKnown ? Int(size.ws_col) : 80)
    }
}
