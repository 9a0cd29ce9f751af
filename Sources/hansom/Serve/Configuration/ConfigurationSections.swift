internal import WSServer
internal import WSTopics

/// An object of a configuration file, whose settings are asked for by name. What is wrong is said with the place where
/// it stands: `listen[0].port 70000; 0 to 65535 are allowed`.
struct ConfigurationSection {
    /// Where it stands; empty for the whole file.
    private let path: String
    private let members: [String: ConfigurationValue]

    /// - Parameter names: the settings that it may have. Any other is an error: a misspelt limit would be none.
    init(_ value: ConfigurationValue, at path: String = "", allowing names: [String]) throws(CommandFailure) {
        self.path = path
        guard case .members(let members) = value else {
            throw CommandFailure("\(path.isEmpty ? "the file" : path) is \(value.kind); an object is wanted")
        }
        self.members = members
        for name in members.keys.sorted() where !names.contains(name) {
            let place = path.isEmpty ? name : "\(path).\(name)"
            throw CommandFailure("\(place) is no setting; allowed are \(names.joined(separator: ", "))")
        }
    }

    /// Whether it has the setting.
    func has(_ name: String) -> Bool { members[name] != nil }

    func place(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    /// What to throw about a setting.
    func flaw(_ name: String, _ wanted: String) -> CommandFailure {
        CommandFailure("\(place(name)) is \(members[name]?.kind ?? "missing"); \(wanted)")
    }

    // MARK: Settings

    func text(_ name: String) throws(CommandFailure) -> String? {
        switch members[name] {
        case nil: return nil
        case .text(let text)? where !text.isEmpty: return text
        default: throw flaw(name, "a text is wanted")
        }
    }

    /// A text that must be there.
    func needed(_ name: String) throws(CommandFailure) -> String {
        guard let text = try text(name) else { throw flaw(name, "a text is wanted") }
        return text
    }

    func texts(_ name: String) throws(CommandFailure) -> [String]? {
        guard let value = members[name] else { return nil }
        guard case .list(let values) = value else { throw flaw(name, "a list of texts is wanted") }
        var texts: [String] = []
        for value in values {
            guard case .text(let text) = value else { throw flaw(name, "a list of texts is wanted") }
            texts.append(text)
        }
        return texts
    }

    func flag(_ name: String) throws(CommandFailure) -> Bool? {
        switch members[name] {
        case nil: return nil
        case .flag(let flag)?: return flag
        default: throw flaw(name, "true or false is wanted")
        }
    }

    func integer(_ name: String, _ allowed: ClosedRange<Int>) throws(CommandFailure) -> Int? {
        guard let value = members[name] else { return nil }
        guard case .number(let number) = value, let integer = Int(exactly: number), allowed.contains(integer) else {
            throw flaw(name, "\(allowed.lowerBound) to \(allowed.upperBound) are allowed")
        }
        return integer
    }

    /// A time in seconds.
    func time(_ name: String) throws(CommandFailure) -> Duration? {
        guard let value = members[name] else { return nil }
        guard case .number(let seconds) = value, seconds > 0, seconds <= 1_000_000 else {
            throw flaw(name, "seconds are wanted, more than 0 and at most 1000000")
        }
        return .seconds(seconds)
    }

    /// A time in seconds, or `null` for no limit; the outer `nil` when nothing is said.
    func timeOrNever(_ name: String) throws(CommandFailure) -> Duration?? {
        if case .null? = members[name] { return .some(nil) }
        return try time(name).map { .some($0) }
    }

    // MARK: What has parts

    func section(_ name: String, allowing names: [String]) throws(CommandFailure) -> ConfigurationSection? {
        guard let value = members[name] else { return nil }
        return try ConfigurationSection(value, at: place(name), allowing: names)
    }

    func sections(_ name: String, allowing names: [String]) throws(CommandFailure) -> [ConfigurationSection]? {
        guard let value = members[name] else { return nil }
        guard case .list(let values) = value, !values.isEmpty else { throw flaw(name, "a list of objects is wanted") }
        var sections: [ConfigurationSection] = []
        for (index, value) in values.enumerated() {
            sections.append(try ConfigurationSection(value, at: "\(place(name))[\(index)]", allowing: names))
        }
        return sections
    }

    /// The members of a setting whose names are free, in order.
    func entries(_ name: String) throws(CommandFailure) -> [(name: String, value: ConfigurationValue)] {
        guard let value = members[name] else { return [] }
        guard case .members(let entries) = value else { throw flaw(name, "an object is wanted") }
        return entries.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }
}

/// The setting `limits` of a configuration file.
enum LimitSettings {
    static let names = [
        "messageSize", "frameSize", "fragments", "inboundMessages", "inboundBytes", "outboundBytes", "bodySize",
        "requestsPerConnection", "connections", "connectionsPerPeer", "handshakes", "backlog", "headLine", "headLines",
        "headSize", "inflationRatio", "totalBytes",
    ]

    /// Deflate makes nothing shorter than by the last of these.
    static let inflationRatios = 1...1032

    private static let count = 1...Int(Int32.max)

    static func read(_ section: ConfigurationSection, into options: inout ServerOptions) throws(CommandFailure) {
        try readConnection(section, into: &options.limits)
        if let size = try section.integer("headLine", count) { options.headLimits.maxLineBytes = size }
        if let most = try section.integer("headLines", count) { options.headLimits.maxLines = most }
        if let size = try section.integer("headSize", count) { options.headLimits.maxHeadBytes = size }
        if let size = try section.integer("bodySize", 0...Int(Int32.max)) { options.maxBodySize = size }
        if let most = try section.integer("requestsPerConnection", count) { options.maxRequestsPerConnection = most }
        if let most = try section.integer("totalBytes", 1...Int.max) { options.totalBytes = most }
        if let most = try section.integer("connections", count) { options.maxConnections = most }
        if let most = try section.integer("connectionsPerPeer", count) { options.maxConnectionsPerPeer = most }
        if let most = try section.integer("handshakes", count) { options.maxHandshakes = most }
        if let most = try section.integer("backlog", count) { options.backlog = most }
    }

    private static func readConnection(
        _ section: ConfigurationSection, into limits: inout WebSocket.Limits
    ) throws(CommandFailure) {
        if let size = try section.integer("messageSize", count) { limits.messageSize = size }
        if let size = try section.integer("frameSize", count) { limits.frameSize = size }
        if let most = try section.integer("fragments", count) { limits.fragments = most }
        if let most = try section.integer("inflationRatio", inflationRatios) { limits.inflationRatio = most }
        if let most = try section.integer("inboundMessages", count) { limits.inboundMessages = most }
        if let most = try section.integer("inboundBytes", count) { limits.inboundBytes = most }
        if let most = try section.integer("outboundBytes", count) {
            limits.outboundHighWater = most
            limits.outboundLowWater = min(limits.outboundLowWater, most / 2)
        }
    }
}

/// What a configuration file has stand at a path.
enum RouteSetting: Sendable, Equatable {
    /// Every message goes back to its sender.
    case echo
    /// Every message goes to all others who are connected to the same path.
    case chat
    case health
    case readiness
    /// The numbers of the server.
    case metrics
    case file(path: String, contentType: String?)

    private static let words: [String: RouteSetting] = [
        "echo": .echo, "chat": .chat, "health": .health, "readiness": .readiness, "metrics": .metrics,
    ]

    /// - Parameters:
    ///   - value: a word, or an object with a `file`.
    ///   - path: where on the server.
    ///   - folder: what a file's path is relative to.
    init(_ value: ConfigurationValue, at path: String, in folder: String) throws(CommandFailure) {
        if case .text(let word) = value, let setting = RouteSetting.words[word] {
            self = setting
        } else if case .members = value {
            let section = try ConfigurationSection(value, at: "routes[\"\(path)\"]", allowing: ["file", "contentType"])
            self = .file(
                path: FilePath.absolute(try section.needed("file"), in: folder),
                contentType: try section.text("contentType"))
        } else {
            throw CommandFailure(
                "routes[\"\(path)\"] is \(value.kind); allowed are "
                    + "\"echo\", \"chat\", \"health\", \"readiness\", \"metrics\" and {\"file\": PATH}")
        }
    }

    /// Puts it there.
    func add(to routes: inout Routes, at path: String, _ topics: Topics) {
        switch self {
        case .echo:
            routes.webSocket(path) { ws in
                for try await message in ws { try await ws.send(message) }
            }
        case .chat: routes.webSocket(path) { ws in try await RouteSetting.chat(ws, topics) }
        case .health: routes.health(path)
        case .readiness: routes.readiness(path)
        case .metrics: routes.metrics(path)
        case .file(let file, let contentType): routes.file(path, at: file, contentType: contentType)
        }
    }

    private static func chat(_ ws: isolated WebSocket, _ topics: Topics) async throws {
        let topic = ws.request?.path ?? "/"
        do {
            try topics.subscribe(ws, to: topic)
        } catch {
            return try await ws.close(code: .policyViolation, reason: "no such room")
        }
        for try await message in ws { topics.publish(message, to: topic, except: ws) }
    }
}

/// The setting `tls` of a place in a configuration file.
enum TLSSettings {
    static let names = [
        "certificate", "key", "ocspResponse", "names", "minimumVersion", "cipherSuites", "clientAuthority",
    ]

    /// - Parameter folder: what the files' paths are relative to.
    static func read(_ section: ConfigurationSection, in folder: String) throws(CommandFailure) -> TLSServerOptions {
        var options = TLSServerOptions(identity: try identity(section, in: folder))
        for (name, value) in try section.entries("names") {
            let own = try ConfigurationSection(
                value, at: section.place("names[\"\(name)\"]"), allowing: ["certificate", "key", "ocspResponse"])
            options.identitiesByServerName[name] = try identity(own, in: folder)
        }
        switch try section.text("minimumVersion") {
        case nil, "1.2"?: break
        case "1.3"?: options.minimumVersion = .tls13
        default: throw section.flaw("minimumVersion", "allowed are \"1.2\" and \"1.3\"")
        }
        options.cipherSuites = try section.text("cipherSuites")
        if let authority = try section.text("clientAuthority") {
            options.clientCertificates = .required(.file(FilePath.absolute(authority, in: folder)))
        }
        return options
    }

    private static func identity(_ section: ConfigurationSection, in folder: String) throws(CommandFailure)
        -> TLSIdentity
    {
        var identity = TLSIdentity.files(
            certificateChain: FilePath.absolute(try section.needed("certificate"), in: folder),
            privateKey: FilePath.absolute(try section.needed("key"), in: folder))
        identity.ocspResponse = try section.text("ocspResponse").map { .file(FilePath.absolute($0, in: folder)) }
        return identity
    }
}

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
