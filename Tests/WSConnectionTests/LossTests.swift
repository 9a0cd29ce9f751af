import HansomTesting
import Testing
import WSConnection

/// Connections that are lost, and not closed.
@Suite(.timeLimit(.minutes(5))) struct LossTests {
    @Test func `a close that is decoded after the connection was lost changes nothing any more (W4, W11, W20)`()
        async throws
    {
        try await Bench.run { bench in
            var limits = WebSocket.Limits()
            limits.inboundMessages = 1
            let (ws, peer) = await bench.connect(Timing(writeTimeout: .seconds(30)), limits: limits, capacity: 100)
            try await peer.send(together: Wire.text("a"), Wire.text("b"), Wire.close(1000))
            try await ws.send(.binary(Array(repeating: 0, count: 100_000)))
            await bench.pass(.seconds(30))
            #expect(ws.closeReason == "write timeout")
            #expect(try await ws.recv() == .text("a"))
            #expect(try await ws.recv() == .text("b"))
            #expect(await failure { try await ws.recv() }?.phase == .write)
            #expect(ws.state == .closed)
            #expect(await bench.alarmCount() == 0)
            await peer.close()
        }
    }

    @Test func `after the connection is lost every call says so and none waits (W8, W11)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            await peer.finish()
            #expect(await failure { try await ws.recv() }?.code == .connectionLost)
            #expect(await failure { try await ws.send(.text("to nobody")) }?.code == .connectionLost)
            #expect(await failure { try await ws.send(fragments: ["to", "nobody"]) }?.code == .connectionLost)
            #expect(await failure { try await ws.ping() }?.code == .connectionLost)
            #expect(await failure { try await ws.sendPing() }?.code == .connectionLost)
            #expect(await failure { try await ws.sendPong() }?.code == .connectionLost)
            #expect(await ws.trySend(.text("to nobody")) == .closed)
            #expect(await ws.bufferedBytes == 0)
            #expect(ws.state == .closed)
            #expect(ws.closeCode == .abnormal)
            try await ws.close()
        }
    }

    @Test func `a peer that is gone when we close is told of as lost, to each that waits (W8, W11)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let receiving = bench.task { await failure { try await ws.recv() } }
            let pinging = bench.task { await failure { try await ws.ping() } }
            await bench.settle()
            // The peer goes and we close before its end has been seen: the close frame cannot be written.
            let close = bench.task {
                await peer.close()
                try await ws.close()
            }
            await bench.settle()
            await bench.pass(.seconds(10))
            try await close.value
            #expect(await receiving.value?.code == .connectionLost)
            #expect(await pinging.value?.code == .connectionLost)
            #expect(ws.closeCode == .abnormal)
            #expect(await failure { try await ws.recv() }?.close?.code == .abnormal)
        }
    }

    @Test func `a close that cannot be written still hears the close that the peer sent before it went (W8)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            let peerGoes = bench.task {
                try await peer.send(Wire.close(3001, "gone"))
                await peer.close()
            }
            let close = bench.task { try await ws.close() }
            try await peerGoes.value
            try await close.value
            #expect(ws.closeCode?.rawValue == 3001)
            #expect(ws.closeReason == "gone")
        }
    }

    @Test func `a peer that shuts its side after its close still gets the answer, however long it takes (W9)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(capacity: 64)
            try await ws.send(.binary([UInt8](repeating: 7, count: 1000)))
            try await peer.send(Wire.close(3002))
            await peer.finish()
            await bench.settle()
            let all = try await peer.receiveAll()
            #expect(all.count == 4 + 1000 + 4)
            #expect(Array(all.suffix(4)) == [0x88, 2, 0x0B, 0xBA] as [UInt8])
            await bench.until("it is not released") { ws.state == .closed }
            await peer.close()
        }
    }

    @Test func `a reset is told of as lost, after the messages before it (W3, W4)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect()
            try await peer.send(together: Wire.text("a"), Wire.text("b"))
            await peer.reset()
            #expect(try await ws.recv() == .text("a"))
            #expect(try await ws.recv() == .text("b"))
            for _ in 0..<3 {
                let error = await failure { try await ws.recv() }
                #expect(error?.code == .connectionLost)
                #expect(error?.close?.code == .abnormal)
            }
        }
    }
}
