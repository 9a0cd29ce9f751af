internal import Actors
internal import ArgumentParser
internal import WSServer

/// A server of its own that says numbers to Prometheus: whoever may scrape need not be who may connect.
enum MetricsServer {
    /// Few scrape.
    private static let maxConnections = 64

    /// - Parameter text: makes the answer.
    static func start(
        at place: ServePlace, on schedulers: SchedulerGroup, _ text: @escaping @Sendable () async throws -> String
    ) async throws -> WebSocketServer {
        var options = ServerOptions()
        options.schedulers = schedulers
        options.maxConnections = maxConnections
        var routes = Routes()
        routes.get("/metrics") { _ in
            ServerResponse(
                headers: [.contentType: ServerStatistics.prometheusContentType, .cacheControl: "no-store"],
                text: try await text())
        }
        return try await WebSocketServer.listen(on: [place.endpoint], options: options, routes: routes)
    }
}

/// The numbers of several processes as one text for Prometheus, each with a label that says whose it is.
///
/// They are not added up here: a worker that is started again counts from 0, which Prometheus takes for what it is in a
/// series of its own, and for a loss in a sum. It adds up by itself: `sum without (worker)
/// (rate(hansom_frames_sent_total[1m]))`.
struct LabelledMetrics {
    private struct Family {
        var header: [String] = []
        var samples: [String] = []
    }

    private var order: [String] = []
    private var families: [String: Family] = [:]

    /// Adds the text of one process, in which each metric has its `HELP` and `TYPE` before its samples.
    mutating func add(_ text: String, label: String, value: String) {
        var name = ""
        for line in text.split(separator: "\n") {
            if line.hasPrefix("# ") {
                name = String(line.split(separator: " ", maxSplits: 3).dropFirst(2).first ?? "")
                addHeader(String(line), of: name)
            } else {
                families[name, default: Family()].samples.append(
                    LabelledMetrics.labelled(line, "\(label)=\"\(value)\""))
            }
        }
    }

    private mutating func addHeader(_ line: String, of name: String) {
        if families[name] == nil { order.append(name) }
        let header = families[name]?.header ?? []
        if !header.contains(line) { families[name, default: Family()].header.append(line) }
    }

    /// `name{a="b"} 1` or `name 1`: labels stand behind the name, which has neither brace nor space.
    private static func labelled(_ sample: Substring, _ label: String) -> String {
        guard let end = sample.firstIndex(where: { $0 == "{" || $0 == " " }) else { return String(sample) }
        let rest = sample[end...]
        return rest.hasPrefix("{")
            ? "\(sample[..<end]){\(label),\(rest.dropFirst())" : "\(sample[..<end]){\(label)}\(rest)"
    }

    var text: String {
        order.map { name in
            let family = families[name] ?? Family()
            return (family.header + family.samples).map { "\($0)\n" }.joined()
        }.joined()
    }
}

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
        help:
            "Say on standard error what becomes of each handshake and connection, and why it ended; at most 100 lines a second."
    )
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
