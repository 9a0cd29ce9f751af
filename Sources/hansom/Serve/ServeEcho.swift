internal import ArgumentParser
internal import WSServer

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

    func run() async throws {
        var settings = try place.settings()
        workers.apply(to: &settings)
        try await Serving(settings: settings).run { _ in
            guard sync else {
                return .perConnection { ws in
                    for try await message in ws { try await ws.send(message) }
                }
            }
            // It is called when there is room for an answer, so that none is refused for want of it.
            return .perMessage { ws, message in ws.trySend(message) }
        }
    }
}
