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
        help: "NULs stand between messages, in the input and with --raw in the output, so that a message may have lines.")
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
        name: .customLong("max-message-size"),
        help: ArgumentHelp("Take messages of so many bytes; a longer one ends the connection with 1009. (default: 1048576)", valueName: "bytes"))
    var messageSize: Int?

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
        if let messageSize, !(1...Int(Int32.max)).contains(messageSize) {
            throw ValidationError("--max-message-size \(messageSize); 1 to \(Int32.max) are allowed")
        }
        if files.count(where: { $0 == "-" }) > 1 { throw ValidationError("--file - can be given once: there is one standard input") }
        do {
            for text in execute { _ = try form.message(text) }
        } catch {
            throw ValidationError("--execute: \(error.message)")
        }
    }

    func apply(to options: inout ConnectOptions) {
        if let timeout { options.connectTimeout = timeout.duration }
        if let closeTimeout { options.closeTimeout = closeTimeout.duration }
        if let messageSize { options.limits.messageSize = messageSize }
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
        try await blocking { () throws(CommandFailure) in
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
