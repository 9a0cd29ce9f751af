internal import Actors
internal import Glibc
internal import WSServer
internal import WSTopics

/// What a file says of a server: where it listens, what it grants, and what stands at which path.
struct ConfigurationFile: Sendable {
    private(set) var settings = ServeSettings()
    private(set) var routes: [(path: String, setting: RouteSetting)] = []
    /// What paths in the file are relative to: the folder where it is.
    private let folder: String

    /// Bytes of a file: a configuration has fewer.
    private static let longest = 1 << 20

    private static let names = [
        "listen", "schedulers", "workers", "limits", "timeouts", "deflate", "origins", "allowedHosts", "subprotocols",
        "proxyProtocol",
        "trustedProxies", "accessLog", "metrics", "inspect", "routes",
    ]

    /// Reads the file at a path.
    ///
    /// - Throws: `CommandFailure`, which names the file, the setting and what is allowed.
    init(path: String) async throws(CommandFailure) {
        let bytes: [UInt8]
        do {
            bytes = try await blockingInAnyCase { () throws(SystemError) in
                try FileContent.read(path, atMost: ConfigurationFile.longest)
            }
        } catch {
            throw CommandFailure("\(path): \(error)")
        }
        do throws(CommandFailure) {
            try self.init(try ConfigurationParser.parse(bytes), folder: FilePath.folder(of: path))
        } catch {
            throw CommandFailure("\(path): \(error.message)")
        }
    }

    /// - Parameters:
    ///   - value: all of the file.
    ///   - folder: where it is; empty, or with a slash at its end.
    init(_ value: ConfigurationValue, folder: String = "") throws(CommandFailure) {
        self.folder = folder
        let file = try ConfigurationSection(value, allowing: ConfigurationFile.names)
        try readPlaces(file)
        try readScale(file)
        try readTrust(file)
        try readObserving(file)
        if let section = try file.section("limits", allowing: LimitSettings.names) {
            try LimitSettings.read(section, into: &settings.options)
        }
        if let section = try file.section("timeouts", allowing: TimeoutSettings.names) {
            try TimeoutSettings.read(section, into: &settings.options)
        }
        for (path, value) in try file.entries("routes") {
            routes.append((path, try RouteSetting(value, at: path, in: folder)))
        }
        guard !routes.isEmpty else {
            throw CommandFailure("routes are missing, such as {\"/\": \"echo\"}: there is nothing to serve")
        }
    }

    // MARK: Parts

    private mutating func readPlaces(_ file: ConfigurationSection) throws(CommandFailure) {
        guard let sections = try file.sections("listen", allowing: ["host", "port", "unix", "tls"]) else { return }
        settings.places = []
        for section in sections {
            var place: ServePlace
            if let path = try section.text("unix") {
                guard !section.has("host"), !section.has("port") else {
                    throw section.flaw("unix", "a place has either this or host and port")
                }
                place = ServePlace(kind: .unix(path: path))
            } else {
                let host = try section.text("host") ?? ServePlace.defaultHost
                let port = try section.integer("port", 0...65535) ?? ServePlace.defaultPort
                place = ServePlace(kind: .tcp(host: host, port: port))
            }
            if let tls = try section.section("tls", allowing: TLSSettings.names) {
                place.tls = try TLSSettings.read(tls, in: folder)
            }
            settings.places.append(place)
        }
    }

    private mutating func readScale(_ file: ConfigurationSection) throws(CommandFailure) {
        settings.schedulers = try file.integer("schedulers", 1...1024)
        settings.workers = try file.integer("workers", 1...1024)
        if try file.flag("deflate") == true { settings.options.compression = CompressionOptions() }
        if let names = try file.texts("subprotocols") { settings.options.subprotocols = .preferring(names) }
    }

    private mutating func readTrust(_ file: ConfigurationSection) throws(CommandFailure) {
        if let origins = try? file.text("origins") {
            switch origins {
            case "any": settings.options.origins = .any
            case "same": settings.options.origins = .sameOrigin
            default: throw file.flaw("origins", "allowed are \"same\", \"any\" and a list of origins")
            }
        } else if let origins = try file.texts("origins") {
            settings.options.origins = .list(origins)
        }
        settings.options.allowedHosts = try file.texts("allowedHosts")
        settings.options.proxyProtocol = try ConfigurationFile.ranges("proxyProtocol", file)
        settings.options.trustedProxies = try ConfigurationFile.ranges("trustedProxies", file)
    }

    private static func ranges(_ name: String, _ file: ConfigurationSection) throws(CommandFailure) -> [IPRange] {
        var ranges: [IPRange] = []
        for text in try file.texts(name) ?? [] {
            do {
                ranges.append(try IPRange(text))
            } catch {
                throw CommandFailure("\(name): \(error)")
            }
        }
        return ranges
    }

    private mutating func readObserving(_ file: ConfigurationSection) throws(CommandFailure) {
        settings.inspect = try file.text("inspect").map { FilePath.absolute($0, in: folder) }
        if let word = try file.text("metrics") {
            guard let place = ServePlace(word: word) else { throw file.flaw("metrics", ObservingArguments.placeForms) }
            settings.metrics = place
        }
        if let section = try file.section("accessLog", allowing: ["file", "format"]) {
            let format = try section.text("format") ?? AccessLogFile.Format.combined.rawValue
            guard let format = AccessLogFile.Format(rawValue: format) else {
                throw section.flaw("format", "allowed are \"combined\" and \"json\"")
            }
            let path = try section.needed("file")
            settings.accessLog = .init(path: path == "-" ? path : FilePath.absolute(path, in: folder), format: format)
        }
    }

    // MARK: Serving

    /// What the command line says goes before what the file says.
    mutating func override(_ change: (inout ServeSettings) throws -> Void) rethrows { try change(&settings) }

    /// Says what is wrong with the file's parts together.
    func check() throws(CommandFailure) {
        try settings.checkWorkers()
        try settings.checkFolders()
        for case (let path, .file(let file, _)) in routes {
            try ServeCheck.look(for: .file, file, "routes[\"\(path)\"].file")
        }
        guard settings.workers != nil else { return }
        for (path, setting) in routes {
            switch setting {
            case .chat:
                throw CommandFailure("routes[\"\(path)\"]: a chat is in one process; it cannot be served by workers")
            case .metrics:
                throw CommandFailure(
                    "routes[\"\(path)\"]: these would be one worker's numbers; give them a port of their own: \"metrics\": \"9100\""
                )
            default: break
            }
        }
    }

    /// What is served.
    func makeService() -> WebSocketService {
        var routes = Routes()
        var options = Topics.Options()
        // Who chats must not miss anything unnoticed.
        options.slowReaders = .dropConnection
        let topics = Topics(options: options)
        for (path, setting) in self.routes { setting.add(to: &routes, at: path, topics) }
        return .routes(routes)
    }
}

/// Paths of files that other files name.
enum FilePath {
    /// The folder of a file.
    static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }

    /// A path that is relative to a folder.
    static func absolute(_ path: String, in folder: String) -> String { path.hasPrefix("/") ? path : folder + path }
}
