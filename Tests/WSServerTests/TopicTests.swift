import HansomTesting
import SocketTesting
import Testing
import WSClient
import WSServer

@testable import WSTopics

/// Topics among the connections of a server.
@Suite(.timeLimit(.minutes(1))) struct TopicTests {
    @Test func `it is compressed once for each window, contexts taken over or not, and for nobody else (S10, W17)`()
        async throws
    {
        let topics = Topics()
        let handler: WebSocket.Handler = { ws in
            try topics.subscribe(ws, to: "x")
            try await ws.send(.text("in"))
            for try await message in ws { try await ws.send(message) }
        }
        var options = ServerOptions()
        options.compression = CompressionOptions()
        let text = String(repeating: "what is said to all, ", count: 100)
        try await ServerHarness.with(options, count: 2, handler: handler) { harness in
            var clients: [WebSocket] = []
            for index in 0..<12 {
                var connect = ConnectOptions(connectTimeout: nil)
                switch index % 4 {
                case 0: break
                case 1: connect.compression = CompressionOptions()
                case 2: connect.compression = CompressionOptions(receiveContextTakeover: false)
                default: connect.compression = CompressionOptions(receiveWindowBits: 10)
                }
                clients.append(try await harness.client(connect))
            }
            for client in clients { #expect(try await client.recv() == .text("in")) }
            for round in 0..<5 {
                let before = topics.statistics.encodings
                await topics.publish(.text("\(round) " + text), to: "x", waiting: .zero)
                #expect(topics.statistics.encodings - before == 3)  // As it is, with a window of 12, with one of 10.
                for client in clients {
                    #expect(try await client.recv() == .text("\(round) " + text))
                    // Its own messages in between refer to nothing that the peer has elsewhere.
                    try await client.send(.text(text + " \(round)"))
                    #expect(try await client.recv() == .text(text + " \(round)"))
                }
            }
            for (index, client) in clients.enumerated() {
                #expect((await client.counters.bytesReceived < 5_000) == (index % 4 != 0))
            }
            let before = topics.statistics.encodings
            await topics.publish(.text("short"), to: "x", waiting: .zero)
            #expect(topics.statistics.encodings - before == 1)
            for client in clients { #expect(try await client.recv() == .text("short")) }
            for client in clients { try await client.close() }
        }
    }

    @Test func `handlers subscribe and publish, and a closed connection of theirs is gone (S10)`() async throws {
        let topics = Topics()
        let handler: WebSocket.Handler = { ws in
            try topics.subscribe(ws, to: "room")
            try await ws.send(.text("in"))
            for try await message in ws { topics.publish(message, to: "room", except: ws) }
        }
        try await ServerHarness.with(count: 2, handler: handler) { harness in
            var clients: [WebSocket] = []
            for _ in 0..<4 { clients.append(try await harness.client()) }
            for client in clients { #expect(try await client.recv() == .text("in")) }
            try await clients[0].send(.text("hello"))
            for client in clients[1...] { #expect(try await client.recv() == .text("hello")) }
            try await clients[1].close()
            for client in clients[2...] { try await client.close() }
            #expect(await eventually { topics.statistics.members == 1 })
            try await clients[0].close()
            #expect(await eventually { topics.statistics.topics == 0 })
            #expect(await harness.isIdleAgain())
        }
    }
}
