import Testing
import WSConnection
import WSProtocol

/// Messages encoded once, sent on connections of both sorts.
@Suite(.timeLimit(.minutes(1))) struct EncodedSendTests {
    @Test(arguments: [true, false]) func `arrive on servers and clients as others do, whatever their size (W16)`(
        isServer: Bool
    ) async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(isServer: isServer)
            for size in [0, 125, 126, 8_191, 8_192, 60_000] {
                let bytes = [UInt8](repeating: 7, count: size)
                let sending = bench.task {
                    let count = try await ws.send(EncodedMessage(.binary(bytes)))
                    return (count, await ws.trySend(EncodedMessage(.text("after"))))
                }
                #expect(try await peer.frame()?.payload == bytes)
                #expect(try await peer.frame() == .text("after"))
                let (count, outcome) = try await sending.value
                #expect(count == size)
                #expect(outcome == .sent)
            }
        }
    }

    @Test func `wait for room in their turn, and are refused when there is none or the end has come (W16, W21)`()
        async throws
    {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(capacity: 4_096)
            let large = String(repeating: "l", count: 100_000)
            #expect(try await ws.send(EncodedMessage(.text(large))) == 100_000)
            await bench.settle()
            #expect(await ws.trySend(EncodedMessage(.text("no room"))) == .full)
            let first = bench.task { try await ws.send(EncodedMessage(.text("first"))) }
            await bench.settle()
            let second = bench.task { try await ws.send(.text("second")) }
            let third = bench.task { try await ws.send(EncodedMessage(.text("third"))) }
            await bench.settle()
            third.cancel()
            #expect(await failure { try await third.value }?.code == .cancelled)
            for expected in [large, "first", "second"] { #expect(try await peer.frame() == .text(expected)) }
            #expect(try await first.value == 5)
            #expect(try await second.value == 6)
            try await ws.beginClose()
            #expect(await ws.trySend(EncodedMessage(.text("closed"))) == .closed)
            #expect(await failure { try await ws.send(EncodedMessage(.text("closed"))) }?.code == .closed)
        }
    }
}
