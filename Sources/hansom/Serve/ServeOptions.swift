internal import Actors
internal import ArgumentParser
internal import HTTPTypes
internal import WSServer

/// Where a server listens and what it grants.
struct ServeOptions: ParsableArguments {
    @Option(help: "Listen on this name or address; * is every one. (default: 127.0.0.1)")
    var host: String?

    @Option(help: "Listen on this port; 0 lets the system choose. (default: 8080)")
    var port: Int?

    @Option(name: .customLong("unix"), help: "Listen on a Unix-domain socket at this path instead.")
    var unixPath: String?

    @Option(help: "Run so many schedulers. (default: one for each core)")
    var schedulers: Int?

    @Option(name: .customLong("tls-cert"), help: "Speak TLS with the certificate chain in this PEM file.")
    var certificate: String?

    @Option(name: .customLong("tls-key"), help: "The certificate's private key, a PEM file.")
    var key: String?

    @Option(
        name: .customLong("max-total-bytes"),
        help: "Hold so many bytes of what has come in, over all connections. (default: 268435456)")
    var totalBytes: Int?

    @Option(
        name: .customLong("max-connections"),
        help: "Accept so many connections; more wait. (default: as many as there may be descriptors, at most 100000)")
    var connections: Int?

    @Option(
        name: .customLong("max-handshakes"),
        help: "Have so many handshakes at once; for more, those go that have said least. (default: 1024)")
    var handshakes: Int?

    @Option(
        name: .customLong("max-connections-per-peer"),
        help: "Accept so many connections of one address; more are closed as they come. (default: any number)")
    var connectionsPerPeer: Int?

    @Option(
        name: .customLong("handshake-timeout"),
        help: ArgumentHelp("Give a handshake so many seconds. (default: 10)", valueName: "seconds"))
    var handshakeTimeout: Seconds?

    @Option(
        name: .customLong("allow-host"),
        help: ArgumentHelp(
            "Answer only requests for this host, such as example.com, localhost:8080 or *.example.com; may be repeated. (default: any)",
            valueName: "host"))
    var allowedHosts: [String] = []

    @OptionGroup var limits: LimitArguments

    @Flag(help: "Compress messages for clients that offer it (permessage-deflate).")
    var deflate = false

    @Option(
        name: [.customShort("s"), .customLong("subprotocol")],
        help: ArgumentHelp(
            "Speak this subprotocol with clients that offer it. Repeatable, most wanted first.", valueName: "name"))
    var subprotocols: [String] = []

    @OptionGroup(title: "Observing") var observing: ObservingArguments

    func validate() throws {
        if unixPath != nil && (host != nil || port != nil) {
            throw ValidationError("--unix and --host or --port contradict each other")
        }
        if (certificate == nil) != (key == nil) {
            throw ValidationError("TLS needs both --tls-cert and --tls-key")
        }
        // A subprotocol is a token (RFC 6455 section 4.1), as a field's name is.
        if let name = subprotocols.first(where: { HTTPField.Name($0) == nil }) {
            throw ValidationError(
                "--subprotocol '\(name)'; allowed are letters, digits and !#$%&'*+-.^_`|~ (RFC 9110 section 5.6.2)")
        }
        try OptionRange.check("--port", port, 0...65535)
        try OptionRange.check("--schedulers", schedulers, 1...1024)
        try OptionRange.check("--max-total-bytes", totalBytes, 1...Int.max)
        try OptionRange.check("--max-connections", connections, 1...Int(Int32.max))
        try OptionRange.check("--max-handshakes", handshakes, 1...Int(Int32.max))
        try OptionRange.check("--max-connections-per-peer", connectionsPerPeer, 1...Int(Int32.max))
    }

    // MARK: Settings

    /// What the options alone say.
    func settings() throws -> ServeSettings {
        var settings = ServeSettings()
        try apply(to: &settings)
        return settings
    }

    /// Puts what is said here in the place of what was said elsewhere.
    func apply(to settings: inout ServeSettings) throws {
        try applyPlace(to: &settings)
        if let schedulers { settings.schedulers = schedulers }
        if let totalBytes { settings.options.totalBytes = totalBytes }
        limits.apply(to: &settings.options.limits, &settings.options.headLimits)
        if let connections { settings.options.maxConnections = connections }
        if let handshakes { settings.options.maxHandshakes = handshakes }
        if let connectionsPerPeer { settings.options.maxConnectionsPerPeer = connectionsPerPeer }
        if let handshakeTimeout { settings.options.handshakeTimeout = handshakeTimeout.duration }
        if !allowedHosts.isEmpty { settings.options.allowedHosts = allowedHosts }
        if deflate { settings.options.compression = CompressionOptions() }
        if settings.options.limits.inflationRatio != nil && settings.options.compression == nil {
            throw ValidationError(
                "a ratio of inflation bounds compressed messages, and none is taken without --deflate")
        }
        if !subprotocols.isEmpty { settings.options.subprotocols = .preferring(subprotocols) }
        observing.apply(to: &settings)
    }

    private func applyPlace(to settings: inout ServeSettings) throws {
        guard unixPath != nil || host != nil || port != nil || certificate != nil else { return }
        guard settings.places.count == 1 else {
            throw ValidationError(
                "--host, --port, --unix and --tls-cert are for one place, and the file has \(settings.places.count)")
        }
        var place = settings.places[0]
        if let unixPath {
            place.kind = .unix(path: unixPath)
        } else if host != nil || port != nil {
            var (oldHost, oldPort) = (ServePlace.defaultHost, ServePlace.defaultPort)
            if case .tcp(let host, let port) = place.kind { (oldHost, oldPort) = (host, port) }
            place.kind = .tcp(host: host ?? oldHost, port: port ?? oldPort)
        }
        if let certificate, let key {
            place.tls = place.tls ?? TLSServerOptions(identity: .files(certificateChain: certificate, privateKey: key))
            place.tls?.identity = .files(certificateChain: certificate, privateKey: key)
        }
        settings.places = [place]
    }
}

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
        for case .unix(let path) in places.map(\.kind) {
            try ServeCheck.look(for: .folderOf, path, "Unix-domain socket")
        }
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
