internal import Logging
internal import WSServer

/// What the server's library has to say, for a person at standard error: a line for each event, harmless for a terminal.
///
/// Whoever is served waits for nobody who reads it: lines are handed to a thread that writes them.
struct ServerLog: LogHandler {
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level
    private let sink: AccessLogFile

    /// - Parameters:
    ///   - isVerbose: whether every handshake and connection is told of, and not only what somebody should look at.
    ///   - sink: where lines go.
    init(isVerbose: Bool, to sink: AccessLogFile) {
        logLevel = isVerbose ? .debug : .notice
        self.sink = sink
    }

    static func logger(isVerbose: Bool, to sink: AccessLogFile) -> Logger {
        Logger(label: "hansom") { _ in ServerLog(isVerbose: isVerbose, to: sink) }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = metadata.merging(event.metadata ?? [:]) { $1 }
        sink.add(ServerLog.line("\(event.message)", all, at: Timestamp.now))
    }

    /// `2026-05-04T03:02:01.000Z connection ended: client 127.0.0.1:5000, code 1000`
    static func line(_ message: String, _ metadata: Logger.Metadata, at time: Timestamp) -> String {
        let facts = metadata.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        return "\(time) \(Printable(message))\(facts.isEmpty ? "" : ": ")\(Printable(facts))"
    }
}
