internal import ArgumentParser

/// How `hansom connect` prints.
struct OutputArguments: ParsableArguments {
    @Flag(help: "Print a line of JSON for each event, sent and received, with its time; see the guide.")
    var json = false

    @Flag(
        name: .shortAndLong,
        help: "Show on standard error what happens: the handshake, TLS, and each message, ping and pong.")
    var verbose = false

    @Option(
        help: ArgumentHelp(
            "Use colours; auto: on a terminal, unless NO_COLOR is set.", valueName: "when"))
    var color = ColorChoice.auto

    /// - Parameter stream: where it is to be printed.
    func palette(for stream: StandardStream) -> Palette {
        Palette(
            isOn: color.colours(
                isTerminal: stream.isTerminal, noColor: Environment.value(of: "NO_COLOR"),
                term: Environment.value(of: "TERM")))
    }

    var report: Report {
        Report(
            form: json ? .json : .plain(marks: StandardStream.output.isTerminal || color == .always),
            isVerbose: verbose, output: palette(for: .output), errors: palette(for: .error))
    }
}
