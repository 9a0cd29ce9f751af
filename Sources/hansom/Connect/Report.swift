internal import WSClient

/// What is printed of a conversation: events in, lines out.
struct Report: Sendable {
    enum Form: Equatable, Sendable {
        /// Messages as they are; with `marks`, `<` in front of each.
        case plain(marks: Bool)
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
        case .plain(let marks): return told + plain(event, marks: marks)
        }
    }

    /// A remark that is about no event.
    func remark(_ text: String) -> Console.Line {
        Console.Line(text: errors.paint("\(Printable(text))", .note), stream: .error)
    }

    private func plain(_ event: ConversationEvent, marks: Bool) -> [Console.Line] {
        switch event {
        case .received(let frame):
            guard let message = frame.message else { return [] }
            let mark = marks ? output.paint("< ", .received) : ""
            return [Console.Line(text: mark + Report.show(message), stream: .output)]
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

    private static func show(_ message: WebSocket.Message) -> String {
        switch message {
        case .text(let text): Printable(text).description
        case .binary(let bytes): HexDump(bytes).description
        }
    }
}
