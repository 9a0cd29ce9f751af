import Actors
import HansomTesting
import SocketTesting
import Testing
import WSClient
import WSServer

/// `permessage-deflate` between our own two ends, over real sockets.
@Suite(.serialized, .timeLimit(.minutes(1))) struct CompressionTests {
    private static func options(_ compression: CompressionOptions?) -> (ServerOptions, ConnectOptions) {
        var server = ServerOptions()
        server.compression = compression
        var client = ConnectOptions(connectTimeout: nil)
        client.compression = compression
        return (server, client)
    }

    @Test func `is off unless both sides want it, and the agreement can be asked (W17) (W18)`() async throws {
        let (on, connectOn) = Self.options(.init())
        let (off, connectOff) = Self.options(nil)
        let answer = "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"
        for (server, client, expected) in [
            (on, connectOn, [answer]), (on, connectOff, []), (off, connectOn, []), (off, connectOff, []),
        ] {
            let handler: WebSocket.Handler = { ws in
                try await ws.send(.text(ws.extensions.joined()))
                for try await message in ws { try await ws.send(message) }
            }
            try await ServerHarness.with(server, handler: handler) { harness in
                let ws = try await harness.client(client)
                #expect(ws.extensions == expected)
                let told = try await ws.recv()
                #expect(told == .text(expected.joined()))
                let text = String(repeating: "the same words again, ", count: 1000)
                try await ws.send(.text(text))
                let echo = try await ws.recv()
                #expect(echo == .text(text))
                let counters = await ws.counters
                #expect((counters.bytesSent < 1000) == !expected.isEmpty)
                #expect((counters.bytesReceived < 1000) == !expected.isEmpty)
                try await ws.close()
            }
        }
    }

    @Test func `a message is compressed, split and streamed as it is told (W7) (W17)`() async throws {
        let (server, client) = Self.options(.init(sendContextTakeover: false))
        try await ServerHarness.with(server) { harness in
            let ws = try await harness.client(client)
            let text = String(repeating: "grün, ", count: 2000)
            for compress in [nil, true, false] {
                for frameSize in [nil, 100] {
                    let before = await ws.counters.bytesSent
                    try await ws.send(.text(text), options: .init(frameSize: frameSize, compress: compress))
                    let echo = try await ws.recv()
                    #expect(echo == .text(text))
                    let sent = await ws.counters.bytesSent - before
                    #expect((sent < 1000) == (compress != false))
                }
            }
            let fragments = try await ws.send(fragments: [text, "", text])
            #expect(fragments == 2 * text.utf8.count)
            let joined = try await ws.recv()
            #expect(joined == .text(text + text))
            try await ws.close()
        }
    }

    @Test func `a bomb is cut off at the limit, and the next connection is fine (T1) (T14)`() async throws {
        var (server, client) = Self.options(.init())
        server.limits.messageSize = 100_000
        client.limits.messageSize = 1 << 30
        try await ServerHarness.with(server) { harness in
            let ws = try await harness.client(client)
            try await ws.send(.binary([UInt8](repeating: 0, count: 64 << 20)))
            await #expect(throws: WebSocketError.self) { _ = try await ws.recv() }
            #expect(ws.closeCode == .messageTooBig)
            let next = try await harness.client(client)
            try await next.send(.binary([UInt8](repeating: 0, count: 100_000)))
            let echo = try await next.recv()
            #expect(echo == .binary([UInt8](repeating: 0, count: 100_000)))
            try await next.close()
        }
    }

    @Test func `a compressed message is streamed in pieces while the reader is slow (W7) (T1)`() async throws {
        var (server, client) = Self.options(.init())
        server.limits.messageSize = 64 << 20
        server.limits.inboundBytes = 128 << 10
        client.limits.messageSize = 64 << 20
        let handler: WebSocket.Handler = { ws in
            let stream = try ws.recvStream()
            var (total, largest) = (0, 0)
            for try await piece in stream {
                total += piece.byteCount
                largest = max(largest, piece.byteCount)
                await Task.yield()
            }
            try await ws.send(.text("\(total) \(largest <= 128 << 10)"))
            let after = try await ws.recv()
            try await ws.send(after)
        }
        try await ServerHarness.with(server, handler: handler) { harness in
            let ws = try await harness.client(client)
            try await ws.send(.binary([UInt8](repeating: 0, count: 32 << 20)))
            try await ws.send(.text("after"))
            let told = try await ws.recv()
            #expect(told == .text("\(32 << 20) true"))
            let after = try await ws.recv()
            #expect(after == .text("after"))
            try await ws.close()
        }
    }

    @Test func `options that cannot be are refused by both sides (W17)`() async throws {
        let (server, client) = Self.options(.init(sendWindowBits: 16))
        let listening = await #expect(throws: WebSocketError.self) {
            _ = try await WebSocketServer.listen(port: 0, options: server, handler: ServerHarness.echo)
        }
        #expect(listening?.code == .invalidConfiguration)
        let connecting = await #expect(throws: WebSocketError.self) {
            _ = try await WebSocket.connect(to: "ws://127.0.0.1:1/", options: client)
        }
        #expect(connecting?.code == .invalidConfiguration)
        #expect(connecting?.message.contains("sendWindowBits 16") == true)
    }
}
