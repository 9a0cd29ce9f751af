internal import Actors
internal import WSClient

/// Where the messages to send come from.
enum MessageSource {
    /// The command line.
    case script([WebSocket.Message])
    /// Lines of standard input.
    case lines(StandardInput, isBinary: Bool)
    /// A person who types at the console.
    case console(Console, isBinary: Bool)
    /// There are no more.
    case over

    /// Waits for the next messages; `nil` after the last.
    mutating func next() async throws(CommandFailure) -> [WebSocket.Message]? {
        switch self {
        case .over: return nil
        case .script(let messages):
            self = .over
            return messages
        case .lines(var input, let isBinary):
            let messages = try await MessageSource.read(&input, isBinary)
            self = messages == nil ? .over : .lines(input, isBinary: isBinary)
            return messages
        case .console(let console, let isBinary): return try await type(at: console, isBinary)
        }
    }

    private static func read(
        _ input: inout StandardInput, _ isBinary: Bool
    ) async throws(CommandFailure) -> [WebSocket.Message]? {
        if isBinary { return try await input.nextByteLines()?.map { .binary($0) } }
        return try await input.nextLines()?.map { .text($0) }
    }

    private mutating func type(
        at console: Console, _ isBinary: Bool
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
        return entries.compactMap { entry in
            guard case .line(let line) = entry else { return nil }
            return TalkArguments.message(line, isBinary: isBinary)
        }
    }
}
