import Actors
import Glibc
import WSClient

/// How fast a client goes: `client URL [--in PLACE] [--size BYTES] [--seconds S] [--warmup S] [--trust FILE]`.
///
/// Sends a message, waits for its echo, and sends the next. Prints `round_trips N`, `seconds S` and
/// `cpu_seconds S`.
@main
struct Client {
    @concurrent static func main() async {
        do {
            let result = try await run(Options(CommandLine.arguments.dropFirst()))
            print("round_trips \(result.roundTrips)\nseconds \(result.seconds)\ncpu_seconds \(result.cpuSeconds)")
        } catch {
            print("client: \(error)")
            exit(1)
        }
    }

    private static func run(_ options: Options) async throws -> Conversation.Result {
        let talk = Conversation(options)
        switch options.place {
        case .task:
            let ws = try await WebSocket.connect(to: options.url, options: options.connect)
            return try await talk.run(ws)
        case .scope:
            return try await WebSocket.withConnection(to: options.url, options: options.connect) { ws in
                try await talk.run(ws)
            }
        case .connection:
            let ws = try await WebSocket.connect(to: options.url, options: options.connect)
            return try await talk.run(as: ws)
        case .process:
            return try await withCheckedThrowingContinuation { continuation in
                Process<Never>.spawn { me in
                    do {
                        let ws = try await WebSocket.connect(to: options.url, options: options.connect)
                        continuation.resume(returning: try await talk.run(ws))
                    } catch {
                        continuation.resume(throwing: error)
                    }
                }
            }
        }
    }
}
