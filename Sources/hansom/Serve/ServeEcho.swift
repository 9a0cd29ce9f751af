internal import ArgumentParser
internal import WSServer

/// `hansom serve echo`
struct ServeEcho: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "echo", abstract: "Send every message back to its sender.")

    @OptionGroup var place: ServeOptions

    @Flag(
        help: """
            Answer from a synchronous handler. It cannot wait for a peer that sends but does not read: such a \
            connection is closed with 1008 once 1 MiB, or one message of allowed size, waits for it.
            """)
    var sync = false

    func run() async throws {
        var options = place.serverOptions(on: try place.makeSchedulers())
        guard sync else {
            return try await Serving(place: place, options: options).run { ws in
                for try await message in ws { try await ws.send(message) }
            }
        }
        options.limits.outboundHighWater = max(1 << 20, options.limits.messageSize)
        try await Serving(place: place, options: options).run(onMessage: { ws, message in
            if ws.trySend(message) == .full { SlowReader.drop(ws) }
        })
    }
}
