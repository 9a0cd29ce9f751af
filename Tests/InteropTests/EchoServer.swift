import Foundation
import Testing
import WSServer

/// An echo server of this machine, our own or a foreign one, plain or with TLS.
enum EchoServer {
    static let kinds = ["ours", "websockets", "aiohttp"]
    /// Those that are not written in Python.
    static let others = ["ws", "gorilla", "lws"]

    /// Runs `body` with its port. It answers on IPv4; our own on IPv6 too.
    static func run<R>(
        _ kind: String = "ours", isSecure: Bool = false, arguments: [String] = [],
        _ body: (Int) async throws -> R
    ) async throws -> R {
        kind == "ours" ? try await runOurs(isSecure, body) : try await runForeign(kind, isSecure, arguments, body)
    }

    private static func runOurs<R>(_ isSecure: Bool, _ body: (Int) async throws -> R) async throws -> R {
        var options = ServerOptions()
        if isSecure { options.tls = TLSServerOptions(identity: try await Certificates.shared.identity("server")) }
        let server = try await WebSocketServer.listen(
            host: "::", port: 0, options: options, handler: ForeignClientTests.echo)
        let result: Result<R, any Error>
        do {
            result = .success(try await body(try #require(server.address.port)))
        } catch {
            result = .failure(error)
        }
        await server.forceClose()
        #expect(server.connectionCount == 0)
        return try result.get()
    }

    private static func runForeign<R>(
        _ library: String, _ isSecure: Bool, _ arguments: [String], _ body: (Int) async throws -> R
    ) async throws -> R {
        var arguments = arguments
        if isSecure {
            let certificates = try await Certificates.shared
            arguments += ["--cert", certificates.path("server.pem"), "--key", certificates.path("server.key")]
        }
        let program = try await start(library, arguments)
        let result: Result<R, any Error>
        do {
            var port: Int?
            for await line in program.lines where line.hasPrefix("listening ") {
                port = line.split(separator: " ").last.flatMap { Int($0) }
                break
            }
            result = .success(try await body(try #require(port)))
        } catch {
            result = .failure(error)
        }
        await program.end()
        return try result.get()
    }

    private static func start(_ library: String, _ arguments: [String]) async throws -> Program {
        switch library {
        case "ws":
            let script = Program.root.appendingPathComponent("Tests/Peers/ws_server.js").path
            return try Program("/usr/bin/env", ["node", script] + arguments)
        case "gorilla", "lws": return try Program(try await CompiledPeers.shared.path("\(library)_server"), arguments)
        default: return try Program.peer("\(library)_server", arguments)
        }
    }
}
