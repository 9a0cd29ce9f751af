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
            calls WebSocketServer.serveSnapshots(unixPath:). On a terminal the screen is refreshed until SIGINT; \
            otherwise, and with --once, what is seen first is printed.
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
        try await WebSocket.withConnection(to: "ws+unix://\(path):/", options: options) { ws in
            if json { try await printJSON(ws) } else { try await show(ws) }
        }
    }

    private func printJSON(_ ws: WebSocket) async throws {
        repeat {
            try StandardStream.output.write(line: try await ask(ws))
            if !once { try await Task.sleep(for: interval.duration) }
        } while !once
    }

    private func show(_ ws: WebSocket) async throws {
        let isTerminal = isatty(STDOUT_FILENO) == 1
        var before: TopSnapshot?
        while true {
            let now = try Top.decode(try await ask(ws))
            // The first has nothing to compare with, so it has no rates.
            if isTerminal || before != nil {
                try draw(TopScreen(now: now, before: before), clears: isTerminal && !once)
                if before != nil && (once || !isTerminal) { return }
            }
            before = now
            try await Task.sleep(for: interval.duration)
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

    private func draw(_ screen: TopScreen, clears: Bool) throws {
        let height = rows ?? (clears ? max(Top.terminalHeight - screen.now.schedulers.count - 6, 5) : .max)
        let lines = screen.lines(rows: height)
        // Home, each line to its end, and what is left below.
        let text = clears ? "\u{1B}[H" + lines.map { $0 + "\u{1B}[K" }.joined(separator: "\n") + "\u{1B}[J" : lines.joined(separator: "\n")
        try StandardStream.output.write(line: text)
    }

    private static var terminalHeight: Int {
        var size = winsize()
        guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_row > 0 else { return 24 }
        return Int(size.ws_row)
    }
}
