internal import Actors
internal import WSServer

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
                await blocking { try? StandardStream.error.write(line: line) }
            }
        }
    }

    private var line: String {
        let bound = descriptors.map { "\($0) descriptors allow" } ?? "are allowed"
        let advice = descriptors == nil ? "" : "; raise the limit (ulimit -n), or share the port among more --workers"
        return "hansom: \(prefix)\(maxConnections) connections, as many as \(bound): whoever comes now waits\(advice)"
    }
}
