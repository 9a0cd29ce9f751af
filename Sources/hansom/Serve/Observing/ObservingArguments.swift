internal import ArgumentParser
internal import WSServer

/// How a server of the command is looked at.
struct ObservingArguments: ParsableArguments {
    static let placeForms = "allowed are PORT, HOST:PORT and unix:PATH"

    @Option(
        help: ArgumentHelp(
            """
            Serve the server's numbers for Prometheus at /metrics of another port or Unix-domain socket: PORT, HOST:PORT \
            or unix:PATH. With workers, each has a label.
            """, valueName: "place"))
    var metrics: String?

    @Option(
        name: .customLong("access-log"),
        help: ArgumentHelp(
            """
            Append a line to this file for each connection that has ended, each handshake refused and each answer; - is \
            standard output. SIGHUP opens the file again.
            """, valueName: "file"))
    var accessLog: String?

    @Option(
        name: .customLong("access-log-format"),
        help: ArgumentHelp("combined, as web servers write, or json. (default: combined)", valueName: "format"))
    var format: AccessLogFile.Format?

    @Flag(
        name: .shortAndLong,
        help: "Say on standard error what becomes of each handshake and connection, and why it ended; at most 100 lines a second.")
    var verbose = false

    @Option(help: "Let `hansom top PATH` look at the server's processes, by a Unix-domain socket there.")
    var inspect: String?

    func validate() throws {
        if let metrics, ServePlace(word: metrics) == nil {
            throw ValidationError("--metrics \(metrics); \(ObservingArguments.placeForms)")
        }
        if format != nil && accessLog == nil { throw ValidationError("--access-log-format needs --access-log") }
    }

    func apply(to settings: inout ServeSettings) {
        if verbose { settings.isVerbose = true }
        if let metrics { settings.metrics = ServePlace(word: metrics) }
        if let inspect { settings.inspect = inspect }
        if let accessLog { settings.accessLog = .init(path: accessLog, format: format ?? .combined) }
    }
}

extension AccessLogFile.Format: ExpressibleByArgument {}
