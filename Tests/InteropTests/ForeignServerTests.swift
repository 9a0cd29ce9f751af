import Foundation
import SocketTesting
import Testing
import WSClient

/// Our client against every server library, plain and over TLS.
@Suite(.timeLimit(.minutes(2))) struct ForeignServerTests {
    static let libraries = ["websockets", "aiohttp"]
    static let servers = libraries.flatMap { [($0, false), ($0, true)] }

    /// A foreign server that runs.
    struct Server: Sendable {
        let base: String
        let tls: TLSClientOptions
        let library: String

        func connect(_ path: String = "/", subprotocols: [String] = []) async throws -> WebSocket {
            try await WebSocket.connect(to: base + path, options: .init(subprotocols: subprotocols, tls: tls))
        }
    }

    private func with(_ server: (String, Bool), _ body: (Server) async throws -> Void) async throws {
        let (library, isSecure) = server
        var arguments: [String] = []
        var tls = TLSClientOptions()
        if isSecure {
            let certificates = try await Certificates.shared
            arguments = ["--cert", certificates.path("server.pem"), "--key", certificates.path("server.key")]
            tls = certificates.trust()
        }
        let program = try Program.peer("\(library)_server", arguments)
        let result: Swift.Result<Void, any Error>
        do {
            var port: Substring?
            for await line in program.lines where line.hasPrefix("listening ") {
                port = line.split(separator: " ").last
                break
            }
            let base = "\(isSecure ? "wss" : "ws")://127.0.0.1:\(try #require(port))"
            result = .success(try await body(Server(base: base, tls: tls, library: library)))
        } catch {
            result = .failure(error)
        }
        await program.end()
        try result.get()
    }

    @Test(arguments: servers) func `exchanges messages of every kind and size (W7) (W15) (W16)`(server: (String, Bool))
        async throws
    {
        try await with(server) { server in
            let ws = try await server.connect()
            #expect((ws.tls != nil) == server.base.hasPrefix("wss"))
            var messages: [WebSocket.Message] = [
                .text("Hello, Grüße, 世界, 🚕"), .binary(Array(0...255)), .text(""), .binary([]),
            ]
            for size in [1, 125, 126, 127, 65535, 65536, 1 << 20] {
                messages.append(.text(String(repeating: "x", count: size)))
                messages.append(.binary((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }))
            }
            for message in messages {
                let sent = try await ws.send(message)
                #expect(sent == message.byteCount)
                let echo = try await ws.recv(timeout: .seconds(30))
                #expect(echo == message, "\(message.byteCount) bytes")
            }

            // A message in fragments is one message to them.
            try await ws.send(fragments: ["one, ", "", "zwei: ä", "."])
            #expect(try await ws.recv(timeout: .seconds(30)) == .text("one, zwei: ä."))
            try await ws.send(fragments: [[1, 2], [], [UInt8](repeating: 3, count: 70_000)])
            #expect(try await ws.recv(timeout: .seconds(30)) == .binary([1, 2] + [UInt8](repeating: 3, count: 70_000)))

            // A thousand at once, in order.
            async let sending: Int = ws.send((0..<1000).map { .text("message \($0)") })
            for index in 0..<1000 {
                let echo = try await ws.recv(timeout: .seconds(30))
                #expect(echo == .text("message \(index)"))
            }
            _ = try await sending

            let latency = try await ws.ping([1, 2, 3])
            #expect(latency > .zero)
            try await ws.close(code: .init(rawValue: 4000), reason: "von hier: ä")
            #expect(ws.closeCode?.rawValue == 4000)
            #expect(ws.state == .closed)
        }
    }

    @Test(arguments: servers) func `hears what they do of themselves (W3) (W5) (W7) (W9) (W18)`(server: (String, Bool))
        async throws
    {
        try await with(server) { server in
            func received(_ path: String, subprotocols: [String] = []) async throws -> (WebSocket, WebSocket.Message) {
                let ws = try await server.connect(path, subprotocols: subprotocols)
                return (ws, try await ws.recv(timeout: .seconds(30)))
            }
            let whole = "The first part, the second, and the last: äöü."
            #expect(try await received("/fragments").1 == .text(whole))
            #expect(try await received("/fragments?kind=binary").1 == .binary(Array(whole.utf8)))
            #expect(try await received("/ping").1 == .text("ponged"))
            #expect(try await received("/message?size=1048576").1 == .binary([UInt8](repeating: 0, count: 1 << 20)))
            #expect(
                try await received("/message?size=65536&kind=text").1 == .text(String(repeating: "x", count: 65536)))

            let (piped, first) = try await received("/pipelined?count=1000")
            #expect(first == .text("message 0"))
            for index in 1..<1000 {
                let message = try await piped.recv(timeout: .seconds(30))
                #expect(message == .text("message \(index)"))
            }
            try await piped.close()

            let (named, chosen) = try await received("/subprotocol", subprotocols: ["superchat", "chat"])
            #expect(named.subprotocol == "chat")
            #expect(chosen == .text("chat"))
            let (unnamed, none) = try await received("/subprotocol")
            #expect(unnamed.subprotocol == nil)
            #expect(none == .text("none"))
        }
    }

    @Test(arguments: servers) func `sends the headers that it was given (C2)`(server: (String, Bool)) async throws {
        try await with(server) { server in
            let url = server.base.replacingOccurrences(of: "://", with: "://user:secret@") + "/headers"
            let ws = try await WebSocket.connect(
                to: url, options: .init(headers: [.userAgent: "hansom tests", .cookie: "a=b"], tls: server.tls))
            guard case .text(let json) = try await ws.recv(timeout: .seconds(30)) else { return }
            let pairs = try JSONDecoder().decode([[String]].self, from: Data(json.utf8))
            let headers = Dictionary(pairs.map { ($0[0].lowercased(), $0[1]) }, uniquingKeysWith: { $0 + "|" + $1 })
            #expect(headers["authorization"] == "Basic " + Data("user:secret".utf8).base64EncodedString())
            #expect(headers["user-agent"] == "hansom tests")
            #expect(headers["cookie"] == "a=b")
            #expect(headers["host"] == String(server.base.drop { $0 != "/" }.dropFirst(2)))
            try await ws.close()
        }
    }

    @Test(arguments: servers) func `learns how they end (W8) (W9) (W11) (C3)`(server: (String, Bool)) async throws {
        try await with(server) { server in
            let asked = try await server.connect()
            try await asked.send(.text("close 4001 bye"))
            let closed = await failure { _ = try await asked.recv(timeout: .seconds(30)) }
            #expect(closed?.code == .closed)
            #expect(closed?.close == WebSocket.Close(code: .init(rawValue: 4001), reason: "bye"))

            let atOnce = try await server.connect("/close?code=1001&reason=away")
            for try await _ in atOnce {}
            #expect(atOnce.closeCode == .goingAway)
            #expect(atOnce.closeReason == "away")

            for path in ["/drop", "/hang-up"] {
                let lost = await failure {
                    let ws = try await server.connect(path)
                    _ = try await ws.recv(timeout: .seconds(30))
                }
                #expect(lost?.code == .connectionLost, "\(path): \(String(describing: lost))")
                #expect(lost?.close?.code.rawValue == 1006 || lost?.phase == .handshake, "\(path)")
            }

            let refused = await failure { _ = try await server.connect("/refuse?status=403") }
            #expect(refused?.code == .http)
            #expect(refused?.response?.status == 403)
            #expect(refused?.response.map { String(decoding: $0.body, as: UTF8.self) } == "refused\n")

            // A subprotocol that nobody asked for; aiohttp never chooses one.
            if server.library == "websockets" {
                let forced = await failure {
                    _ = try await server.connect("/subprotocol?force=x", subprotocols: ["chat"])
                }
                #expect(forced?.code == .badHandshake, "\(String(describing: forced))")
            }
        }
    }
}
