// A WebSocket server as part of an application: it stands in a tree beside a process that counts for it. SIGTERM ends
// everything in good order.
//
//     swift run --package-path Examples Supervised [PORT]

import Actors
import HansomLifecycle
import Logging
import ServiceLifecycle
import UnixSignals
import WSServer

/// Counts messages for everyone.
struct Tally: Server {
    enum Call: Sendable { case count(Reply<Int>) }

    var count = 0

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        switch call {
        case .count(let reply):
            count += 1
            reply(count)
        }
        return .receive
    }
}

@main
struct Supervised {
    static func main() async throws {
        let port = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 8080
        // If the tally fails the server is stopped and both are started again; if the server fails, only it is.
        let tree = Supervisor(.restForOne, id: "application", maxRestarts: 5, period: .seconds(10)) {
            Child("tally") { try await Tally().started(name: "tally") }
            Child("server", shutdown: .infinity) {
                try await WebSocketServer.listen(port: port) { ws in
                    let tally = ServerAddress<Tally>(named: "tally")
                    for try await _ in ws {
                        let number = try await tally.call { .count($0) }
                        try await ws.send(.text("message \(number)"))
                    }
                }
            }
        }
        let group = ServiceGroup(
            services: [SupervisorService(tree)], gracefulShutdownSignals: [.sigterm, .sigint],
            logger: Logger(label: "application"))
        try await group.run()
    }
}
