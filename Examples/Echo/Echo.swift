// A WebSocket server inside a program of your own.
//
//     swift run --package-path Examples Echo 8080
//
// Try it with `hansom connect ws://127.0.0.1:8080/`.
import WSServer

@main
struct Echo {
    static func main() async throws {
        let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 8080

        // Everything has a default that is safe to run with; change what you need.
        var options = ServerOptions()
        options.limits.messageSize = 64 << 10  // longer messages are answered with close code 1009
        options.maxConnections = 10_000  // further clients wait until one leaves

        // `listen` returns as soon as the server accepts. The closure runs once for each connection, as that
        // connection, on its thread: waiting for the next message costs nothing, and one slow client delays nobody
        // else.
        let server = try await WebSocketServer.listen(port: port, options: options) { ws in
            print("\(ws.peerAddress.map { "\($0)" } ?? "somebody") came for \(ws.request?.path ?? "/")")

            // The loop ends when the client closes; it throws when the connection is lost.
            for try await message in ws {
                // A client that does not read makes `send` wait, and so slows down only itself.
                try await ws.send(message)
            }
            // Returning closes with 1000, throwing with 1011.
        }
        print("listening on ws://\(server.address)")

        // Until the program is stopped. `await server.shutdown()`, from anywhere, tells every client 1001 and ends
        // this.
        await server.wait()
    }
}
