internal import ArgumentParser

/// The `hansom` command.
struct HansomCommand: AsyncParsableCommand {
    /// There has been no release yet.
    static let version = "0.1.0-dev"

    static let configuration = CommandConfiguration(
        commandName: "hansom", abstract: "WebSocket servers, a client and a load generator for the terminal.",
        version: "hansom \(version)",
        subcommands: [Serve.self, Connect.self, Top.self, Bench.self, Autobahn.self])

    /// Does what the arguments say; `nil`: those that the program was started with.
    static func run(arguments: [String]?) async throws {
        var command = try parseAsRoot(arguments)
        if var command = command as? any AsyncParsableCommand {
            try await command.run()
        } else {
            try command.run()
        }
    }
}
