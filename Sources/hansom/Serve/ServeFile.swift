internal import ArgumentParser

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
