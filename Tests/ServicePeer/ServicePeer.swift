import Actors
import HansomLifecycle
import Logging
import ServiceLifecycle
import UnixSignals
import WSServer

/// A program that serves, for tests of what only a process of the system can show: signals, and handing over a socket.
///
///     service-peer descriptor 12    serves a socket that it inherits
///     service-peer reuse 8080       shares a port with others (SO_REUSEPORT)
///     service-peer port 0           has a port for itself
@main struct ServicePeer {
    struct Misuse: Error {}

    static func main() async throws {
        let words = CommandLine.arguments.dropFirst()
        guard words.count == 2, let kind = words.first, let number = words.last.flatMap({ Int($0) }) else {
            throw Misuse()
        }
        var options = ServerOptions()
        options.reusesPort = kind == "reuse"
        options.drain.handshakeGrace = .seconds(5)
        let service = WebSocketServerService(drain: .seconds(10)) { [options] in
            let endpoint: Endpoint = kind == "descriptor" ? .descriptor(Int32(number)) : .tcp(port: number)
            let server = try await WebSocketServer.listen(on: [endpoint], options: options) { ws in
                for try await message in ws { try await ws.send(message) }
            }
            // Whoever started it reads this line by line, and waits for it.
            say("serving \(server.address)\n")
            return server
        }
        let group = ServiceGroup(
            services: [service], gracefulShutdownSignals: [.sigterm],
            logger: Logger(label: "peer") { _ in SwiftLogNoOpLogHandler() })
        try await group.run()
    }
}
