internal import ArgumentParser

/// How `hansom connect` prints.
struct OutputArguments: ParsableArguments {
    @Flag(help: "Print a line of JSON for each event, sent and received, with its time; see the guide.")
    var json = false

    @Flag(
        help: """
            Print messages as they are, for a program that reads them: texts unescaped, each with a line end (with --null \
            a NUL) behind it, and bytes with nothing behind them. Not on a terminal, which would act on them.
            """)
    var raw = false

    @Flag(
        name: .shortAndLong,
        help: "Show on standard error what happens: the handshake, TLS, and each message, ping and pong.")
    var verbose = false

    @Option(
        help: ArgumentHelp(
            "Use colours; auto: on a terminal, unless NO_COLOR is set.", valueName: "when"))
    var color = ColorChoice.auto

    func validate() throws {
        if raw && json { throw ValidationError("--raw and --json contradict each other") }
        if raw && StandardStream.output.isTerminal {
            throw ValidationError("--raw is for a file or a pipe: a terminal would act on what the server sends")
        }
    }

    /// - Parameter stream: where it is to be printed.
    func palette(for stream: StandardStream) -> Palette {
        Palette(
            isOn: color.colours(
                isTerminal: stream.isTerminal, noColor: Environment.value(of: "NO_COLOR"),
                term: Environment.value(of: "TERM")))
    }

    /// - Parameter separator: what ends a text in raw output.
    func report(separator: UInt8) -> Report {
        let marks = StandardStream.output.isTerminal || color == .always
        return Report(
            form: json ? .json : raw ? .raw(separator: separator) : .plain(marks: marks), isVerbose: verbose,
            output: palette(for: .output), errors: palette(for: .error))
    }
}
