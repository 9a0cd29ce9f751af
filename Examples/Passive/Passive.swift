// Passive mode: the program asks for each message when it wants one.
//
//     swift run --package-path Examples Passive ws://127.0.0.1:8080/
//
// Any echo server will do, `hansom serve echo` for one.
import WSClient

@main
struct Passive {
    static func main() async throws {
        let url = CommandLine.arguments.dropFirst().first ?? "ws://127.0.0.1:8080/"
        let options = ConnectOptions(
            connectTimeout: .seconds(5),  // name, TCP, TLS and handshake together
            recvTimeout: .seconds(5),  // for every `recv` that says nothing else
            headers: [.userAgent: "Passive/1.0"])

        // The connection is closed with 1000 when the closure returns, with 1001 when it throws.
        try await WebSocket.withConnection(to: url, options: options) { ws in
            try await ws.send(.text("Hello"))
            try await ws.send(.binary([1, 2, 3]))
            for _ in 1...2 {
                switch try await ws.recv() {
                case .text(let text): print("text: \(text)")
                case .binary(let bytes): print("binary: \(bytes)")
                }
            }

            // A ping is answered by the other end's library, whatever its program is doing.
            print("a ping took \(try await ws.ping())")

            // Nothing more is to come. A timeout loses nothing: the connection is as it was.
            do {
                _ = try await ws.recv(timeout: .milliseconds(100))
            } catch let error as WebSocketError where error.code == .timeout {
                print("silence: \(error.message)")
            }
        }
    }
}
