internal import ArgumentParser
internal import Glibc
internal import WSConnection

/// Where the command begins and ends. What goes wrong becomes one line on standard error and an exit code that is not 0.
@main
enum Main {
    /// Not `async`: the main thread is to wait for signals, and an asynchronous `main` gives it to Dispatch, which lets it
    /// die by them.
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
