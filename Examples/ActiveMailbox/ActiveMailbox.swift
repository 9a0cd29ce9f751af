// Active mode: the connection tells the program, one event after the other, in a mailbox.
//
//     swift run --package-path Examples ActiveMailbox ws://127.0.0.1:8080/ [authorities.pem]
//
// Any echo server will do, `hansom serve echo` for one. (Erlang knows this as the `active` option of sockets.)
import WSClient

@main
struct ActiveMailbox {
    static func main() async throws {
        let arguments = CommandLine.arguments
        var options = ConnectOptions()
        if arguments.count > 2 { options.tls.trustRoots = .file(arguments[2]) }
        let ws = try await WebSocket.connect(
            to: arguments.count > 1 ? arguments[1] : "ws://127.0.0.1:8080/", options: options)

        // `.once`: one frame becomes an event, then the connection turns passive and keeps the rest. So nobody can send
        // more than the program has asked for.
        let events = try await ws.subscribe(active: .once)
        for text in ["one", "two", "three"] { try await ws.send(.text(text)) }

        var count = 0
        for await event in events {
            switch event {
            // Every event says which connection it is about, so that one mailbox can serve many.
            case .frame(let ws, .text(let text)):
                count += 1
                print("\(count). text: \(text)")
                if count == 1 {
                    print("   that was the one asked for; the connection is now \(await ws.activeMode)")
                    try await ws.setActive(.on)  // from now on every frame
                }
                if count == 3 { try await ws.close(reason: "all is said") }
            case .frame(_, let frame):
                print("   something else: \(frame)")
            // Exactly one of these two is the last event; then the loop ends.
            case .closed(_, let close):
                print("closed with \(close)")
            case .failed(_, let error):
                throw error
            }
        }
    }
}
