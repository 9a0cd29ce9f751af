internal import Actors
internal import ArgumentParser
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

/// Standard input, line by line. Only one task reads it.
struct StandardInput {
    private var splitter: LineSplitter
    private var isOver = false

    /// - Parameter separator: what ends a line.
    init(separator: UInt8 = UInt8(ascii: "\n")) { splitter = LineSplitter(separator: separator) }

    static var isTerminal: Bool { isatty(STDIN_FILENO) == 1 }

    /// Waits for more lines of text, on a thread that may block; `nil` after the last.
    mutating func nextLines() async throws(CommandFailure) -> [String]? {
        guard let piece = try await nextPiece() else { return nil }
        if !isOver { return try splitter.lines(in: piece) }
        return try splitter.lastLine().map { [$0] }
    }

    /// Waits for more lines of any bytes, on a thread that may block; `nil` after the last.
    mutating func nextByteLines() async throws(CommandFailure) -> [[UInt8]]? {
        guard let piece = try await nextPiece() else { return nil }
        if !isOver { return try splitter.byteLines(in: piece) }
        return try splitter.lastByteLine().map { [$0] }
    }

    /// An empty one at the end, then `nil`.
    private mutating func nextPiece() async throws(CommandFailure) -> [UInt8]? {
        if isOver { return nil }
        let piece = try await blockingInAnyCase { () throws(CommandFailure) in try StandardInput.read() }
        isOver = piece.isEmpty
        return piece
    }

    /// Waits for what there is to read; empty at the end. Blocks: not for a scheduler.
    static func read() throws(CommandFailure) -> [UInt8] {
        while true {
            var result = 0
            let bytes = unsafe [UInt8](unsafeUninitializedCapacity: 64 << 10) { buffer, count in
                result = unsafe Glibc.read(STDIN_FILENO, buffer.baseAddress, buffer.count)
                count = max(result, 0)
            }
            if result >= 0 { return bytes }
            if errno == EAGAIN {
                waitUntilReadable()
            } else if errno != EINTR {
                throw CommandFailure("standard input: \(SystemError(call: "read", errno: errno))")
            }
        }
    }

    private static func waitUntilReadable() {
        var wanted = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        unsafe poll(&wanted, 1, -1)
    }
}

/// Standard output and standard error, unbuffered: a line is out when `write` returns.
enum StandardStream: Int32 {
    case output = 1
    case error = 2

    /// Writes a line, all of it. Blocks while the reader does not take it: not for a scheduler.
    func write(line: String) throws(CommandFailure) { try write("\(line)\n") }

    /// Writes text, all of it, and nothing behind it.
    func write(_ text: String) throws(CommandFailure) { try write(Array(text.utf8)) }

    var isTerminal: Bool { isatty(rawValue) == 1 }

    /// Writes bytes, all of them.
    func write(_ bytes: [UInt8]) throws(CommandFailure) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(rawValue, $0.baseAddress, $0.count) }
            if count >= 0 {
                rest = rest.dropFirst(count)
            } else if errno == EAGAIN {
                waitUntilWritable()
            } else if errno != EINTR {
                throw CommandFailure("standard \(self): \(SystemError(call: "write", errno: errno))")
            }
        }
    }

    /// Whoever shares the terminal or pipe may have made it non-blocking.
    private func waitUntilWritable() {
        var wanted = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
        unsafe poll(&wanted, 1, -1)
    }
}

/// When to use colours.
enum ColorChoice: String, ExpressibleByArgument, CaseIterable {
    case auto, always, never

    /// Whether a stream gets them.
    ///
    /// - Parameters:
    ///   - noColor: the environment variable `NO_COLOR`; if it is set and not empty, nobody who did not ask for colours
    ///     gets them (https://no-color.org).
    ///   - term: the environment variable `TERM`.
    func colours(isTerminal: Bool, noColor: String?, term: String?) -> Bool {
        switch self {
        case .always: true
        case .never: false
        case .auto: isTerminal && (noColor ?? "").isEmpty && term != "dumb"
        }
    }
}

/// Colours for a terminal, or none.
struct Palette: Sendable {
    /// What a colour stands for.
    enum Role: Sendable {
        case sent, received, note, failure

        /// Parameters of ECMA-48's SGR.
        var code: String {
            switch self {
            case .sent: "32"
            case .received: "36"
            case .note: "2"
            case .failure: "31"
            }
        }
    }

    let isOn: Bool

    /// - Parameter text: harmless already; see `Printable`.
    func paint(_ text: String, _ role: Role) -> String { isOn ? "\u{1B}[\(role.code)m\(text)\u{1B}[0m" : text }
}

/// The program's environment variables.
enum Environment {
    static func value(of name: String) -> String? {
        // Safety: the string is copied at once; nothing in this program changes the environment.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
