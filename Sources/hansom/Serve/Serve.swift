internal import ArgumentParser

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
