internal import ArgumentParser
internal import WSClient

/// What `hansom connect` says, and how long it stays.
struct TalkArguments: ParsableArguments {
    @Option(
        name: [.customShort("x"), .long],
        help: ArgumentHelp(
            "Send this message and read no input. Repeatable; they are sent in order.", valueName: "message"))
    var execute: [String] = []

    @Flag(name: .shortAndLong, help: "Send binary messages: lines are taken as bytes, whatever they are.")
    var binary = false

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            """
            Stay exactly so many seconds after the last message, then close. (default: until half a second passes in \
            silence, or as long as --timeout says)
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
            "End in any case after so many seconds, connecting included; the exit code is then 124.",
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

    func apply(to options: inout ConnectOptions) {
        if let timeout { options.connectTimeout = timeout.duration }
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

    /// What to send instead of the input, if anything.
    var script: [WebSocket.Message]? {
        execute.isEmpty ? nil : execute.map { TalkArguments.message($0, isBinary: binary) }
    }

    static func message(_ text: String, isBinary: Bool) -> WebSocket.Message {
        isBinary ? .binary(Array(text.utf8)) : .text(text)
    }

    private static func interval(_ text: String) throws -> Interval {
        if text == "never" { return .never }
        guard let seconds = Seconds(argument: text) else {
            throw ValidationError("'\(text)' is neither a number of seconds nor 'never'")
        }
        return .every(seconds.duration)
    }
}
