internal import Actors
internal import Logging
internal import WSServer

/// What the server's library has to say, for a person at standard error: a line for each event, harmless for a
/// terminal.
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

/// When to say that a server has as many connections as it may, as a value: once each time it becomes full.
struct FullNotice {
    let maxConnections: Int
    private var isFull = false

    init(maxConnections: Int) { self.maxConnections = maxConnections }

    /// Looks at how many there are.
    ///
    /// - Returns: whether that is news. One that has just had room for a moment is not: a tenth must be free again.
    mutating func isNews(_ connections: Int) -> Bool {
        if connections >= maxConnections {
            defer { isFull = true }
            return !isFull
        }
        if connections < maxConnections - maxConnections / 10 { isFull = false }
        return false
    }
}

/// Says on standard error when a server is full: nobody is refused then, so nobody else would.
struct FullWatch: Sendable {
    let maxConnections: Int
    /// How many descriptors there may be, if that is what bounds the connections.
    let descriptors: Int?
    /// What it begins with, when several processes share a standard error.
    let prefix: String

    private static let interval = Duration.seconds(1)

    /// Looks every second, until the process that is returned is ended.
    func start(_ server: WebSocketServer, on scheduler: Scheduler) -> Process<Void> {
        Process<Void>.spawn(on: scheduler, label: "full?") { me in
            var notice = FullNotice(maxConnections: maxConnections)
            me.sendEvery(FullWatch.interval, ())
            for await _ in me.mailbox where notice.isNews(server.connectionCount) {
                await blockingInAnyCase { try? StandardStream.error.write(line: line) }
            }
        }
    }

    private var line: String {
        let bound = descriptors.map { "\($0) descriptors allow" } ?? "are allowed"
        let advice = descriptors == nil ? "" : "; raise the limit (ulimit -n), or share the port among more --workers"
        return "hansom: \(prefix)\(maxConnections) connections, as many as \(bound): whoever comes now waits\(advice)"
    }
}
