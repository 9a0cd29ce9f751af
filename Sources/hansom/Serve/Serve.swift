internal import ArgumentParser

/// `hansom serve`
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a server until SIGTERM or SIGINT.",
        discussion: """
            Prints one line, "listening on ws://ADDRESS:PORT", once it accepts. The first SIGTERM or SIGINT ends it in \
            good order: every peer is told 1001. A second one ends it at once.
            """,
        subcommands: [ServeEcho.self, ServeChat.self])
}
