internal import WSClient

/// What is printed of a conversation: events in, lines out.
struct Report: Sendable {
    enum Form: Equatable, Sendable {
        /// Messages as they are; with `marks`, `<` in front of each.
        case plain(marks: Bool)
        /// Messages as they are, for a program; behind each text a separator.
        case raw(separator: UInt8)
        /// A line of JSON for each event.
        case json
    }

    let form: Form
    let isVerbose: Bool
    /// Colours of standard output, and of standard error.
    let output: Palette
    let errors: Palette

    /// The lines to print, harmless for a terminal.
    ///
    /// - Parameter time: when it happened; asked for only if it is printed.
    func lines(for event: ConversationEvent, at time: @autoclosure () -> Timestamp) -> [Console.Line] {
        let told = isVerbose ? VerboseLines.of(event).map(note) : []
        switch form {
        case .json:
            let line = JSONEvent.line(for: event, at: time).map { Console.Line(text: $0.description, stream: .output) }
            return told + (line.map { [$0] } ?? [])
        case .plain(let marks): return told + plain(event) { [show($0, marks: marks)] }
        case .raw(let separator): return told + plain(event) { [Report.raw($0, separator)] }
        }
    }

    /// A remark that is about no event.
    func remark(_ text: String) -> Console.Line {
        Console.Line(text: errors.paint("\(Printable(text))", .note), stream: .error)
    }

    private func plain(
        _ event: ConversationEvent, _ show: (WebSocket.Message) -> [Console.Line]
    ) -> [Console.Line] {
        switch event {
        case .received(let frame): return frame.message.map(show) ?? []
        case .connected(let facts) where facts.isAgain: return [remark("connected again")]
        case .closed(let close) where close.isOrderly: return [remark("closed with \(close)")]
        case .down(let error, let delay):
            let text = "\(error.message); next attempt in \(Report.milliseconds(delay)) ms"
            return [Console.Line(text: errors.paint("\(Printable(text))", .failure), stream: .error)]
        case .request, .answer, .connected, .sent, .closing, .closed, .failed: return []
        }
    }

    private func note(_ line: VerboseLines.Line) -> Console.Line {
        let text = "\(line.mark) \(Printable(line.text))"
        return Console.Line(text: errors.paint(text, line.role), stream: .error)
    }

    static func milliseconds(_ duration: Duration) -> Int {
        let (seconds, attoseconds) = duration.components
        return Int(clamping: seconds) * 1000 + Int(attoseconds / 1_000_000_000_000_000)
    }

    private func show(_ message: WebSocket.Message, marks: Bool) -> Console.Line {
        let mark = marks ? output.paint("< ", .received) : ""
        let shown =
            switch message {
            case .text(let text): Printable(text).description
            case .binary(let bytes): HexDump(bytes).description
            }
        return Console.Line(text: mark + shown, stream: .output)
    }

    private static func raw(_ message: WebSocket.Message, _ separator: UInt8) -> Console.Line {
        let bytes =
            switch message {
            case .text(let text): Array(text.utf8) + [separator]
            case .binary(let bytes): bytes
            }
        return Console.Line(text: "", stream: .output, raw: bytes)
    }

    // MARK: Refusals

    /// How much of a refusal's body stands behind the error.
    private static let longestExcerpt = 200

    /// What an error says and, of a server that refused, what it said itself: one line.
    static func message(of error: WebSocketError, withBody: Bool) -> String {
        guard withBody, let body = error.response?.body, let text = String(validating: body, as: UTF8.self) else {
            return error.message
        }
        let words = text.split { $0.isWhitespace }.joined(separator: " ")
        if words.isEmpty { return error.message }
        let excerpt = words.prefix(longestExcerpt)
        return "\(error.message): \(excerpt)\(excerpt.count < words.count ? "..." : "")"
    }
}
