internal import WSServer

/// The setting `timeouts` of a configuration file: seconds, or `null` for no limit where there may be none.
enum TimeoutSettings {
    static let names = [
        "handshake", "close", "keepAlive", "route", "pingInterval", "ping", "idle", "write", "message",
    ]

    static func read(_ section: ConfigurationSection, into options: inout ServerOptions) throws(CommandFailure) {
        if let time = try section.time("handshake") { options.handshakeTimeout = time }
        if let time = try section.time("close") { options.closeTimeout = time }
        if let time = try section.time("keepAlive") { options.keepAliveTimeout = time }
        if let time = try section.time("route") { options.routeTimeout = time }
        if let time = try section.timeOrNever("pingInterval") { options.pingInterval = time }
        if let time = try section.timeOrNever("ping") { options.pingTimeout = time }
        if case .some(.some(_)) = try section.timeOrNever("ping"), options.pingInterval == nil {
            throw section.flaw("ping", "pingInterval is null: there is no ping to wait for")
        }
        if let time = try section.timeOrNever("idle") { options.idleTimeout = time }
        if let time = try section.timeOrNever("write") { options.writeTimeout = time }
        if let time = try section.timeOrNever("message") { options.messageTimeout = time }
    }
}
