import Foundation
import SocketTesting
import Testing
import WSServer

/// Every client library and every scenario of its program, against our server.
@Suite(.timeLimit(.minutes(2))) struct ForeignClientTests {
    static let libraries = ["websockets", "aiohttp", "picows"]

    /// How a handler reads: with `recv`, or called for each message.
    enum Style: CaseIterable, Sendable { case asynchronous, synchronous }

    /// An echo that does as the peers' servers do: the text `close CODE REASON` closes so.
    static let echo: WebSocket.Handler = { ws in
        for try await message in ws {
            if case .text(let text) = message, let close = closeAsked(by: text) {
                return try await ws.close(code: close.code, reason: close.reason)
            }
            try await ws.send(message)
        }
    }

    static func closeAsked(by text: String) -> WebSocket.Close? {
        let words = text.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0] == "close", let code = UInt16(words[1]) else { return nil }
        return WebSocket.Close(code: .init(rawValue: code), reason: words.count > 2 ? String(words[2]) : "")
    }

    struct Result: Decodable {
        let scenario: String
        let ok: Bool
        let detail: String
    }

    private func run(_ library: String, isSecure: Bool) async throws {
        var options = ServerOptions()
        options.subprotocols = .preferring(["superchat", "chat"])
        var arguments: [String] = ["--expect-subprotocol", "superchat", "--seconds", "30"]
        if isSecure {
            let certificates = try await Certificates.shared
            options.tls = TLSServerOptions(identity: certificates.identity("server"))
            arguments += ["--ca", certificates.path("ca.pem")]
        }
        let server = try await WebSocketServer.listen(port: 0, options: options, handler: Self.echo)
        #expect(server.isSecure == isSecure)
        let program = try Program.peer(
            "\(library)_client", ["\(isSecure ? "wss" : "ws")://127.0.0.1:\(server.address.port ?? 0)/"] + arguments)
        let (text, status) = await program.output()
        let results = text.split(separator: "\n").compactMap { line in
            try? JSONDecoder().decode(Result.self, from: Data(line.utf8))
        }
        #expect(status == 0, "\(text)")
        #expect(results.count == 18, "\(text)")
        for result in results { #expect(result.ok, "\(library) \(result.scenario): \(result.detail)") }
        #expect(await eventually { server.connectionCount == 0 })
        await server.shutdown(within: .seconds(5))
    }

    @Test(arguments: libraries) func `serves foreign clients (T31) (W7) (W8) (W10)`(library: String) async throws {
        try await run(library, isSecure: false)
    }

    @Test(arguments: libraries) func `serves foreign clients over TLS (S8) (W7) (W8) (W10)`(library: String) async throws {
        try await run(library, isSecure: true)
    }
}
