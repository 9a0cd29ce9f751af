internal import ArgumentParser
internal import Glibc
internal import WSConnection

/// Where the command begins and ends. What goes wrong becomes one line on standard error and an exit code that is not
/// 0.
@main
enum Main {
    /// Not `async`: the main thread is to wait for signals, and an asynchronous `main` gives it to Dispatch, which lets
    /// it die by them.
    static func main() {
        Signals.block()
        Task.detached {
            do {
                try await HansomCommand.run(arguments: nil)
                exit(0)
            } catch {
                end(with: error)
            }
        }
        Signals.serve()
    }

    private static func end(with error: any Error) -> Never {
        switch error {
        case let error as WebSocketError: fail(error.message)
        case let error as CommandFailure: fail(error.message, error.exitCode)
        case let code as ExitCode: exit(code.rawValue)
        default:
            let code = HansomCommand.exitCode(for: error)
            guard code.isSuccess else { fail(HansomCommand.message(for: error), code.rawValue) }
            try? StandardStream.output.write(line: HansomCommand.fullMessage(for: error))
            exit(code.rawValue)
        }
    }

    /// What it says may come from the other end, or from a file.
    private static func fail(_ message: String, _ code: Int32 = 1) -> Never {
        let line = message.split(separator: "\n").joined(separator: " ")
        try? StandardStream.error.write(line: "hansom: \(Printable(line))")
        exit(code)
    }
}

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

/// Why a command could not do what it was asked to, for a person.
struct CommandFailure: Error {
    let message: String
    let exitCode: Int32

    init(_ message: String, exitCode: Int32 = 1) {
        self.message = message
        self.exitCode = exitCode
    }
}

/// A time in seconds on the command line: `3`, `0.5`.
struct Seconds: ExpressibleByArgument {
    let duration: Duration

    init(_ seconds: Double) { duration = .seconds(seconds) }

    var defaultValueDescription: String { "\(duration.components.seconds)" }

    init?(argument: String) {
        guard let seconds = Double(argument), seconds > 0, seconds <= 1_000_000 else { return nil }
        duration = .seconds(seconds)
    }
}
