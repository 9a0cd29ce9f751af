internal import Actors
internal import ArgumentParser
internal import WSClient

/// What `hansom connect` says, and how long it stays.
struct TalkArguments: ParsableArguments {
    @Option(
        name: [.customShort("x"), .long],
        help: ArgumentHelp(
            "Send this message and read no input. Repeatable; they are sent in order.", valueName: "message"))
    var execute: [String] = []

    @Option(
        name: .customLong("file"),
        help: ArgumentHelp(
            """
            Send all of this file as one message, whatever is in it, and read no input; - is standard input. Repeatable; \
            they come after those of --execute.
            """, valueName: "path"))
    var files: [String] = []

    @Flag(name: .shortAndLong, help: "Send binary messages: lines are taken as bytes, whatever they are.")
    var binary = false

    @Flag(
        name: [.customShort("e"), .long],
        help: "In messages that are typed, piped or given, \\n \\r \\t \\0 \\\\ \\xHH and \\u{H...} are escapes.")
    var escapes = false

    @Flag(
        name: [.customShort("0"), .customLong("null")],
        help:
            "NULs stand between messages, in the input and with --raw in the output, so that a message may have lines.")
    var isSeparatedByNUL = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            """
            Stay exactly so many seconds after the last message, then close. (default: until the server has answered a \
            ping, for which it has 1 second, and half a second has passed in silence, or as long as --timeout says)
            """, valueName: "seconds"))
    var wait: Seconds?

    @Option(
        help: ArgumentHelp(
            """
            Wait so many seconds for the connection (default: 8), and after the last message for so many seconds of \
            silence (default: 0.5).
            """, valueName: "seconds"))
    var timeout: Seconds?

    @Option(
        help: ArgumentHelp(
            "Give the server so many seconds to answer a close. (default: 10)", valueName: "seconds"))
    var closeTimeout: Seconds?

    @Option(
        help: ArgumentHelp(
            "End in any case after so many seconds, connecting and closing included; the exit code is then 124.",
            valueName: "seconds"))
    var maxTime: Seconds?

    @Option(
        help: ArgumentHelp(
            "Ping the server every so many seconds, or 'never'; one that is silent for 20 s after that is given up. "
                + "(default: 20)",
            valueName: "seconds"),
        transform: TalkArguments.interval)
    var pingInterval: Interval?

    @Flag(
        help: """
            Connect again whenever the connection is over or cannot be made, unless the same would happen again (401, \
            an unknown authority). Each wait is a random time of up to 0.5 s, then twice as much each time, up to 30 s.
            """)
    var reconnect = false

    /// How often something is done.
    enum Interval: Equatable, Sendable {
        case never
        case every(Duration)
    }

    /// The longest file that is one message.
    private static let longestFile = 1 << 30

    func validate() throws {
        if files.count(where: { $0 == "-" }) > 1 {
            throw ValidationError("--file - can be given once: there is one standard input")
        }
        do {
            for text in execute { _ = try form.message(text) }
        } catch {
            throw ValidationError("--execute: \(error.message)")
        }
    }

    func apply(to options: inout ConnectOptions) {
        if let timeout { options.connectTimeout = timeout.duration }
        if let closeTimeout { options.closeTimeout = closeTimeout.duration }
        switch pingInterval {
        case nil: break
        case .never: options.pingInterval = nil
        case .every(let interval): options.pingInterval = interval
        }
    }

    /// When the conversation is over after the last message.
    var parting: Parting {
        if let wait { return .after(wait.duration) }
        return .silence(timeout?.duration ?? .milliseconds(500))
    }

    var form: MessageForm {
        MessageForm(isBinary: binary, hasEscapes: escapes, isSeparatedByNUL: isSeparatedByNUL)
    }

    /// What to send instead of the input, if anything; files are read now.
    func script() async throws(CommandFailure) -> [WebSocket.Message]? {
        if execute.isEmpty && files.isEmpty { return nil }
        var messages: [WebSocket.Message] = []
        for text in execute { messages.append(try form.message(text)) }
        for path in files {
            let bytes = try await TalkArguments.content(of: path)
            messages.append(try form.message(bytes: bytes, of: path == "-" ? "standard input" : path))
        }
        return messages
    }

    private static func content(of path: String) async throws(CommandFailure) -> [UInt8] {
        try await blockingInAnyCase { () throws(CommandFailure) in
            do throws(SystemError) {
                return try FileContent.read(path == "-" ? "/dev/stdin" : path, atMost: longestFile)
            } catch {
                throw CommandFailure("--file \(path): \(error)")
            }
        }
    }

    private static func interval(_ text: String) throws -> Interval {
        if text == "never" { return .never }
        guard let seconds = Seconds(argument: text) else {
            throw ValidationError("'\(text)' is neither a number of seconds nor 'never'")
        }
        return .every(seconds.duration)
    }
}

/// How messages are written where they are typed, piped or given on the command line.
struct MessageForm: Equatable, Sendable {
    /// They go out as binary messages.
    var isBinary = false
    /// A backslash begins an escape in them.
    var hasEscapes = false
    /// NULs stand between them, and not line ends.
    var isSeparatedByNUL = false

    var separator: UInt8 { isSeparatedByNUL ? 0 : UInt8(ascii: "\n") }

    /// The message that a text stands for.
    func message(_ text: String) throws(CommandFailure) -> WebSocket.Message {
        guard hasEscapes else { return isBinary ? .binary(Array(text.utf8)) : .text(text) }
        return try message(bytes: MessageForm.unescaped(Array(text.utf8)), of: "the message")
    }

    /// The message that a line of any bytes stands for.
    func message(line: [UInt8]) throws(CommandFailure) -> WebSocket.Message {
        hasEscapes ? try message(bytes: MessageForm.unescaped(line), of: "the message") : .binary(line)
    }

    /// A message of these bytes as they are.
    ///
    /// - Parameter what: how an error calls them.
    func message(bytes: [UInt8], of what: String) throws(CommandFailure) -> WebSocket.Message {
        if isBinary { return .binary(bytes) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure(
                "\(what) is not UTF-8, as text must be (RFC 6455 section 5.6); --binary sends any bytes")
        }
        return .text(text)
    }

    // MARK: Escapes

    private static let simple: [UInt8: UInt8] = [
        UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09, UInt8(ascii: "0"): 0,
        UInt8(ascii: "\\"): UInt8(ascii: "\\"),
    ]

    /// `\n \r \t \0 \\`, `\xHH` for a byte, `\u{H...}` for a character: what is printed escaped can be typed so.
    private static func unescaped(_ text: [UInt8]) throws(CommandFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            let kind = rest.popFirst()
            if let kind, let plain = simple[kind] {
                bytes.append(plain)
            } else if kind == UInt8(ascii: "x"), let value = number(rest.prefix(2)), rest.count >= 2 {
                bytes.append(UInt8(truncatingIfNeeded: value))
                rest = rest.dropFirst(2)
            } else if kind == UInt8(ascii: "u"), rest.first == UInt8(ascii: "{"),
                let end = rest.firstIndex(of: UInt8(ascii: "}")), let value = number(rest[..<end].dropFirst()),
                let scalar = Unicode.Scalar(value)
            {
                bytes += Array(String(Character(scalar)).utf8)
                rest = rest[(end + 1)...]
            } else {
                throw CommandFailure(
                    "an escape that is none; there are \\n \\r \\t \\0 \\\\ \\xHH and \\u{H...}, in hexadecimal")
            }
        }
        return bytes
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt32? {
        // Without a sign, which `UInt32` would take.
        guard (1...6).contains(digits.count), digits.first != UInt8(ascii: "+") else { return nil }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}

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
        let entries = try await blockingInAnyCase { () throws(CommandFailure) in
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
