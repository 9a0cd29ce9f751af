import Foundation
import SocketTesting
import Testing
import WSClient
import WSServer

/// `permessage-deflate` with foreign libraries, both ways round.
@Suite(.timeLimit(.minutes(2))) struct DeflateTests {
    static let libraries = ["websockets", "aiohttp"]

    /// Options of ours, each met by every library.
    static let options: [CompressionOptions] = [
        .init(), .init(sendWindowBits: 15, receiveWindowBits: 15, threshold: 0),
        .init(
            sendWindowBits: 9, receiveWindowBits: 9, sendContextTakeover: false, receiveContextTakeover: false,
            threshold: 0),
    ]

    @Test(arguments: libraries, options)
    func `serves foreign clients that compress (W17)`(library: String, compression: CompressionOptions) async throws {
        var options = ServerOptions()
        options.subprotocols = .preferring(["superchat", "chat"])
        options.compression = compression
        let server = try await WebSocketServer.listen(port: 0, options: options) { ws in
            guard ws.extensions.first?.hasPrefix("permessage-deflate") == true else {
                return try await ws.close(code: .internalError, reason: "no compression: \(ws.extensions)")
            }
            try await ForeignClientTests.echo(ws)
        }
        let url = "ws://127.0.0.1:\(server.address.port ?? 0)/"
        let program = try Program.peer(
            "\(library)_client", [url, "--expect-subprotocol", "superchat", "--seconds", "30", "--deflate"])
        let (text, status) = await program.output()
        let results = text.split(separator: "\n").compactMap { line in
            try? JSONDecoder().decode(ForeignClientTests.Result.self, from: Data(line.utf8))
        }
        #expect(status == 0, "\(text)")
        #expect(results.count == 18, "\(text)")
        for result in results { #expect(result.ok, "\(library) \(result.scenario): \(result.detail)") }
        #expect(await eventually { server.connectionCount == 0 })
        await server.shutdown(within: .seconds(5))
    }

    @Test(arguments: libraries, options)
    func `talks compressed to foreign servers (W7) (W17) (W18)`(
        library: String, compression: CompressionOptions
    ) async throws {
        try await EchoServer.run(library, arguments: ["--deflate"]) { port in
            var options = ConnectOptions()
            options.compression = compression
            let ws = try await WebSocket.connect(to: "ws://127.0.0.1:\(port)/", options: options)
            #expect(ws.extensions.first?.hasPrefix("permessage-deflate") == true)
            try await exchange(ws)
            try await ws.close(code: .init(rawValue: 4000), reason: "done")
            #expect(ws.state == .closed)
        }
    }

    private func exchange(_ ws: WebSocket) async throws {
        var messages: [WebSocket.Message] = [
            .text("Hello, Grüße, 世界, 🚕"), .binary(Array(0...255)), .text(""), .binary([]),
        ]
        for size in [1, 125, 126, 127, 65535, 65536, 1 << 20] {
            messages.append(.text(String(repeating: "x", count: size)))
            messages.append(.binary((0..<size).map { UInt8(truncatingIfNeeded: $0 &* $0 &* 7) }))
        }
        for compress in [nil, true, false] {
            for message in messages {
                let sent = try await ws.send(message, options: .init(frameSize: 50_000, compress: compress))
                #expect(sent == message.byteCount)
                let echo = try await ws.recv(timeout: .seconds(30))
                #expect(echo == message, "\(message.byteCount) bytes")
            }
        }
        let counters = await ws.counters
        #expect(counters.bytesSent < 5 << 20)
        try await ws.send(fragments: ["one, ", "", "zwei: ä", String(repeating: ".", count: 300)])
        let joined = try await ws.recv(timeout: .seconds(30))
        #expect(joined == .text("one, zwei: ä" + String(repeating: ".", count: 300)))
    }

    @Test(arguments: libraries)
    func `is not compressed when only one side wants it (W17)`(library: String) async throws {
        try await EchoServer.run(library) { port in
            var options = ConnectOptions()
            options.compression = CompressionOptions(threshold: 0)
            let ws = try await WebSocket.connect(to: "ws://127.0.0.1:\(port)/", options: options)
            #expect(ws.extensions == [])
            try await ws.send(.text("plain"), options: .init(compress: true))
            let echo = try await ws.recv(timeout: .seconds(30))
            #expect(echo == .text("plain"))
            try await ws.close()
        }
    }
}
