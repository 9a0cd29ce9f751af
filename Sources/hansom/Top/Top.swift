internal import Actors
internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import WSClient

/// `hansom top`
struct Top: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show the processes of a running program.",
        discussion: """
            The program must have opened a socket for it: `hansom serve echo --inspect PATH` does, and any program that \
            calls WebSocketServer.serveSnapshots(unixPath:). On a terminal the screen is refreshed until q is typed or \
            SIGINT comes; otherwise, and with --once, what is seen first is printed.
            """)

    @Argument(help: "The path of the program's socket.")
    var path: String

    @Option(help: "Refresh every so many seconds.")
    var interval = Seconds(1)

    @Option(help: "List at most so many processes. (default: as many as there are lines)")
    var rows: Int?

    @Flag(help: "Print what is seen once and end. With rates, this takes one interval.")
    var once = false

    @Flag(help: "Print a line of JSON each time instead: the same data.")
    var json = false

    func validate() throws {
        if let rows, rows < 1 { throw ValidationError("--rows \(rows); at least 1 is needed") }
    }

    func run() async throws {
        var options = ConnectOptions()
        // A list of very many processes is long.
        options.limits.messageSize = 1 << 30
        try await WebSocket.withConnection(to: Top.url(of: path), options: options) { ws in
            if json { try await printJSON(ws) } else { try await show(ws) }
        }
    }

    /// The URL of a socket's path, which may be relative and have any character in it.
    static func url(of path: String) -> String {
        let whole = path.hasPrefix("/") ? path : workingDirectory + path
        var url = "ws+unix://"
        for byte in whole.utf8 {
            let character = Character(UnicodeScalar(byte))
            if character.isASCII, character.isLetter || character.isNumber || "-._~/".contains(character) {
                url.append(character)
            } else {
                url += (byte < 16 ? "%0" : "%") + String(byte, radix: 16)
            }
        }
        return url + ":/"
    }

    /// With a slash at its end.
    private static var workingDirectory: String {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(PATH_MAX)) { buffer in
            // Safety: the text is copied from the buffer before it goes.
            guard unsafe getcwd(buffer.baseAddress, buffer.count) != nil, let base = buffer.baseAddress else {
                return ""
            }
            return unsafe String(cString: base) + "/"
        }
    }

    private func printJSON(_ ws: WebSocket) async throws {
        repeat {
            try StandardStream.output.write(line: try await ask(ws))
            if !once { try await Task.sleep(for: interval.duration) }
        } while !once
    }

    // MARK: The screen

    private func show(_ ws: WebSocket) async throws {
        guard StandardStream.output.isTerminal, !once else { return try await showOnce(ws) }
        // A key ends the showing; the thread that waits for one ends with the command.
        let showing = Task { try await refresh(ws) }
        if StandardInput.isTerminal, RawMode.enter(redraw: {}) {
            Task.detached {
                await blockingInAnyCase { Top.waitForQuit() }
                showing.cancel()
            }
        }
        let result = await showing.result
        RawMode.leave()
        try StandardStream.output.write(line: "")
        if !showing.isCancelled { try result.get() }
    }

    /// Returns when a person types q, or no more. Blocks.
    private static func waitForQuit() {
        while let bytes = try? StandardInput.read(), !bytes.isEmpty {
            if bytes.contains(UInt8(ascii: "q")) || bytes.contains(UInt8(ascii: "Q")) { return }
        }
    }

    private func refresh(_ ws: WebSocket) async throws {
        var before: TopSnapshot?
        while true {
            let now = try Top.decode(try await ask(ws))
            let lines = TopScreen(now: now, before: before).lines(rows: rows, within: Top.terminalSize)
            // Home, each line to its end, and what is left below. No line feed behind the last: it would move all up.
            try StandardStream.output.write(
                "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\n") + "\u{1B}[J")
            before = now
            try await Task.sleep(for: interval.duration)
        }
    }

    private func showOnce(_ ws: WebSocket) async throws {
        // The first has nothing to compare with, so it has no rates.
        let before = try Top.decode(try await ask(ws))
        try await Task.sleep(for: interval.duration)
        let now = try Top.decode(try await ask(ws))
        for line in TopScreen(now: now, before: before).lines(rows: rows) {
            try StandardStream.output.write(line: line)
        }
    }

    private func ask(_ ws: WebSocket) async throws -> String {
        try await ws.send(.text("\(rows.map { $0 + 64 } ?? 10_000)"))
        guard case .text(let text) = try await ws.recv(timeout: .seconds(30)) else {
            throw CommandFailure("\(path) does not answer with snapshots")
        }
        return text
    }

    private static func decode(_ text: String) throws -> TopSnapshot {
        do {
            return try JSONDecoder().decode(TopSnapshot.self, from: Data(text.utf8))
        } catch {
            throw CommandFailure("the answer is no snapshot: \(error)")
        }
    }

    /// The last column stays free: behind it some terminals go on to the next line.
    private static var terminalSize: TopScreen.Size {
        var size = winsize()
        // Safety: the call fills one value that lives as long as the call.
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0, size.ws_col > 0 else {
            return TopScreen.Size(height: 24, width: 79)
        }
        return TopScreen.Size(height: Int(size.ws_row), width: Int(size.ws_col) - 1)
    }
}
