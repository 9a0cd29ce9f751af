internal import Actors
internal import WSServer

/// All that a server of the command is told, on the command line or by a file.
struct ServeSettings: Sendable {
    /// Where it listens; at least one.
    var places = [ServePlace(kind: .tcp(host: ServePlace.defaultHost, port: ServePlace.defaultPort))]
    /// What it grants; its schedulers are made only in a process that serves.
    var options = ServerOptions()
    /// How many schedulers; `nil`: one for each core.
    var schedulers: Int?
    /// With how many processes; `nil`: this one.
    var workers: Int?
    /// By which descriptor this process hears from the one that keeps it, if it is a worker.
    var workerChannel: Int32?
    /// Where `hansom top` may look.
    var inspect: String?
    /// Where the numbers are served for Prometheus.
    var metrics: ServePlace?
    var accessLog: AccessLogFile.Settings?
    /// Whether standard error tells of each connection.
    var isVerbose = false

    /// Whether SIGHUP has a meaning.
    var canReload: Bool { accessLog != nil || places.contains { $0.tls != nil } }

    func makeSchedulers() throws -> SchedulerGroup {
        guard let schedulers else { return .shared }
        var options = SchedulerGroup.Options()
        options.count = schedulers
        return try SchedulerGroup(options: options)
    }

    /// Says which folders are not there. Blocks.
    func checkFolders() throws(CommandFailure) {
        for case .unix(let path) in places.map(\.kind) { try ServeCheck.look(for: .folderOf, path, "Unix-domain socket") }
        if let accessLog, accessLog.path != "-" { try ServeCheck.look(for: .folderOf, accessLog.path, "access log") }
        if let inspect { try ServeCheck.look(for: .folderOf, inspect, "inspect") }
        if case .unix(let path)? = metrics?.kind { try ServeCheck.look(for: .folderOf, path, "metrics") }
    }

    /// Says what several processes cannot do.
    func checkWorkers() throws(CommandFailure) {
        guard workers != nil else { return }
        if places.contains(where: { if case .unix = $0.kind { true } else { false } }) {
            throw CommandFailure("workers share a port: they cannot serve a Unix-domain socket", exitCode: 64)
        }
        if inspect != nil {
            throw CommandFailure("inspect looks into one process, not into workers", exitCode: 64)
        }
    }
}
