internal import Actors
internal import WSClient

/// Where the messages to send come from.
enum MessageSource {
    /// The command line.
    case script([WebSocket.Message])
    /// Lines of standard input.
    case lines(StandardInput, MessageForm)
    /// A person who types at the console.
    case console(Console, MessageForm)
    /// There are no more.
    case over

    /// Waits for the next messages; `nil` after the last.
    mutating func next() async throws(CommandFailure) -> [WebSocket.Message]? {
        switch self {
        case .over: return nil
        case .script(let messages):
            self = .over
            return messages
        case .lines(var input, let form):
            let messages = try await MessageSource.read(&input, form)
            self = messages == nil ? .over : .lines(input, form)
            return messages
        case .console(let console, let form): return try await type(at: console, form)
        }
    }

    private static func read(
        _ input: inout StandardInput, _ form: MessageForm
    ) async throws(CommandFailure) -> [WebSocket.Message]? {
        var messages: [WebSocket.Message] = []
        if form.isBinary {
            guard let lines = try await input.nextByteLines() else { return nil }
            for line in lines { messages.append(try form.message(line: line)) }
        } else {
            guard let lines = try await input.nextLines() else { return nil }
            for line in lines { messages.append(try form.message(line)) }
        }
        return messages
    }

    private mutating func type(
        at console: Console, _ form: MessageForm
    ) async throws(CommandFailure) -> [WebSocket.Message]? {
        let entries = try await blocking { () throws(CommandFailure) in
            let bytes = try StandardInput.read()
            // The terminal is gone.
            return bytes.isEmpty ? [.end] : try console.take(bytes)
        }
        if entries.last == .end {
            self = .over
            console.endEditing()
        }
        var messages: [WebSocket.Message] = []
        for case .line(let line) in entries { messages.append(try form.message(line)) }
        return messages
    }
}
