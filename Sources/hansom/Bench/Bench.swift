internal import ArgumentParser

/// `hansom bench`
struct Bench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Put a load on a server and measure it.", subcommands: [BenchEcho.self, BenchIdle.self])
}
