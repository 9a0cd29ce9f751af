internal import Actors
internal import ArgumentParser
internal import Glibc
internal import WSServer

/// `hansom serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a server until SIGTERM or SIGINT.",
        usage: """
            hansom serve echo [options]
            hansom serve chat [options]
            hansom serve --config FILE [--check] [options]
            """,
        discussion: """
            Prints "listening on ws://ADDRESS:PORT" first, once it accepts. The first SIGTERM or SIGINT ends it in \
            good order: every peer is told 1001. A second one ends it at once. SIGHUP reads certificates again and \
            opens the access log again. `hansom help serve echo` lists the options, `hansom help serve file` those \
            of a server with a configuration file.
            """,
        subcommands: [ServeEcho.self, ServeChat.self, ServeFile.self], defaultSubcommand: ServeFile.self)
}

/// `hansom serve echo`
struct ServeEcho: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "Send every message back to its sender.")

    @OptionGroup var place: ServeOptions

    @OptionGroup var workers: WorkerArguments

    @Flag(
        help: """
            Answer from a synchronous handler, which is called for no message while 64 KiB of answers wait to be written.
            """)
    var sync = false

    @Flag(
        help: "As --sync, from a handler that sees each message where it lies, and copies it straight into the answer.")
    var view = false

    func run() async throws {
        var settings = try place.settings()
        workers.apply(to: &settings)
        try await Serving(settings: settings).run { _ in
            if view { return .onMessageView { ws, message in ws.trySend(message) } }
            guard sync else {
                return .handler { ws in
                    for try await message in ws { try await ws.send(message) }
                }
            }
            // It is called when there is room for an answer, so that none is refused for want of it.
            return .onMessage { ws, message in ws.trySend(message) }
        }
    }
}

/// `hansom serve chat`
struct ServeChat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "chat", abstract: "Send every text to all others.",
        discussion: """
            Who connects to the path /anna is called anna, if nobody else is; otherwise guest-1, guest-2 and so on. \
            Whoever reads more slowly than the others talk is closed with 1008.
            """)

    @OptionGroup var place: ServeOptions

    func run() async throws {
        try await Serving(settings: try place.settings()).run { options in
            let room = ChatRoom(on: options.schedulers.next())
            return .handler { ws in
                try await room.join(ws)
                for try await message in ws {
                    guard case .text(let text) = message else {
                        return try await ws.close(code: .unsupportedData, reason: "only text is spoken here")
                    }
                    try await room.say(text, by: ws)
                }
            }
        }
    }
}

/// `hansom serve --config FILE`
struct ServeFile: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "file", abstract: "Serve what a file says: hansom serve --config FILE.",
        discussion: """
            The file is JSON, in which comments and trailing commas may stand. It says where to listen, what to grant, and \
            what stands at which path: {"routes": {"/": {"file": "page.html"}, "/echo": "echo", "/chat/:room": "chat"}}. \
            Paths in it are relative to its folder. Other options go before what it says.
            """)

    @Option(help: ArgumentHelp("Serve what this file says.", valueName: "file"))
    var config: String?

    @Flag(help: "Say whether the file can be served, and end.")
    var check = false

    @OptionGroup var place: ServeOptions

    @OptionGroup var workers: WorkerArguments

    func validate() throws {
        if config == nil { throw ValidationError("serve what? echo, chat, or what a file says: --config FILE") }
    }

    func run() async throws {
        guard let config else { return }
        var file = try await ConfigurationFile(path: config)
        try file.override { settings in
            try place.apply(to: &settings)
            workers.apply(to: &settings)
        }
        do {
            try file.check()
        } catch {
            throw CommandFailure("\(config): \(error.message)", exitCode: error.exitCode)
        }
        let service = file.makeService()
        if check {
            try await ServeCheck.run(file.settings, service)
            return try StandardStream.output.write(line: "\(Printable(config)) can be served")
        }
        try await Serving(settings: file.settings).run { _ in service }
    }
}

/// Whether settings can be served, found out without taking a port.
enum ServeCheck {
    /// Reads the certificates and builds the routes, as the server would, and listens where nobody comes.
    static func run(_ settings: ServeSettings, _ service: WebSocketService) async throws {
        var options = settings.options
        options.schedulers = try SchedulerGroup(options: .init(count: 1))
        for place in settings.places {
            let server = try await WebSocketServer.listen(
                on: [.tcp(port: 0, tls: place.tls)], serving: service, options: options)
            await server.forceClose()
        }
    }

    /// What a setting names must be there when the server begins, or nobody notices that it is misspelt.
    enum Thing {
        /// A file that can be read.
        case file
        /// The folder that a file is to be made in.
        case folderOf
    }

    /// Says what is not there. Blocks.
    ///
    /// - Parameter setting: how an error calls what names the path.
    static func look(for thing: Thing, _ path: String, _ setting: String) throws(CommandFailure) {
        switch thing {
        case .file:
            guard let mode = mode(of: path) else { throw missing(path, setting) }
            guard mode & S_IFMT == S_IFREG else {
                throw CommandFailure("\(setting): \(path) is no file; a file that can be read is wanted")
            }
            guard unsafe access(path, R_OK) == 0 else { throw missing(path, setting) }
        case .folderOf:
            let folder = FilePath.folder(of: path)
            guard let mode = mode(of: folder.isEmpty ? "." : folder) else { throw missing(folder, setting) }
            guard mode & S_IFMT == S_IFDIR else { throw CommandFailure("\(setting): \(folder) is no folder") }
        }
    }

    private static func mode(of path: String) -> mode_t? {
        var status = stat()
        // Safety: the call fills one value that lives as long as the call.
        return unsafe stat(path, &status) == 0 ? status.st_mode : nil
    }

    private static func missing(_ path: String, _ setting: String) -> CommandFailure {
        CommandFailure("\(setting): \(path): \(SystemError.text(of: errno))")
    }
}

/// A place where a server of the command listens.
struct ServePlace: Sendable, Equatable {
    enum Kind: Sendable, Equatable {
        case tcp(host: String, port: Int)
        case unix(path: String)
    }

    var kind: Kind
    var tls: TLSServerOptions?

    static let defaultHost = "127.0.0.1"
    static let defaultPort = 8080

    var endpoint: Endpoint {
        switch kind {
        case .tcp(let host, let port): .tcp(host: host, port: port, tls: tls)
        case .unix(let path): .unix(path, tls: tls)
        }
    }
}

extension ServePlace {
    /// Reads a place that is written in one word: `9100`, `127.0.0.1:9100`, `[::1]:9100`, `unix:/run/app.sock`.
    init?(word: String) {
        if word.hasPrefix("unix:") {
            let path = String(word.dropFirst("unix:".count))
            guard !path.isEmpty else { return nil }
            self.init(kind: .unix(path: path))
            return
        }
        let colon = word.lastIndex(of: ":")
        let digits = colon.map { word[word.index(after: $0)...] } ?? word[...]
        guard let port = Int(digits), (0...65535).contains(port) else { return nil }
        var host = colon.map { word[..<$0] } ?? Substring(ServePlace.defaultHost)
        if host.hasPrefix("[") && host.hasSuffix("]") { host = host.dropFirst().dropLast() }
        guard !host.isEmpty else { return nil }
        self.init(kind: .tcp(host: String(host), port: port))
    }
}
