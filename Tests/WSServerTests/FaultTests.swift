import Actors
import HansomTesting
import SocketTesting
import Synchronization
import Testing
import WSClient
import WSServer

/// What goes wrong under load costs those whom it strikes and nobody else, and in the end the numbers agree.
@Suite(.timeLimit(.minutes(2))) struct FaultTests {
    private struct Thrown: Error {}

    /// What the clients have seen, all together.
    private final class Seen: Sendable {
        let echoes = Atomic<Int>(0)
        let failures = Atomic<Int>(0)
        let closes = Atomic<Int>(0)
    }

    private static let clients = 16
    private static let rounds = 25

    @Test
    func `handlers that throw at random, and acceptors that are killed meanwhile, cost nobody else a message (S2)`()
        async throws
    {
        let thrown = Atomic<Int>(0)
        let handler: WebSocket.Handler = { ws in
            for try await message in ws {
                if message == .text("throw") {
                    thrown.add(1, ordering: .relaxed)
                    throw Thrown()
                }
                try await ws.send(message)
            }
        }
        try await ServerHarness.with(count: 2, time: SystemTime.shared, handler: handler) { harness in
            let seen = Seen()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<FaultTests.clients {
                    group.addTask { try await FaultTests.talk(to: harness, seed: UInt64(client), seen) }
                }
                group.addTask { try await FaultTests.killAcceptors(of: harness.server, times: 4) }
                try await group.waitForAll()
            }
            #expect(seen.failures.load(ordering: .relaxed) == thrown.load(ordering: .relaxed))
            let connections = FaultTests.clients * FaultTests.rounds
            #expect(seen.failures.load(ordering: .relaxed) + seen.closes.load(ordering: .relaxed) == connections)
            #expect(await eventually { harness.server.connectionCount == 0 })
            let statistics = await harness.server.statistics()
            #expect(statistics.connectionsAccepted == UInt64(connections))
            #expect(statistics.closes[.internalError] == UInt64(thrown.load(ordering: .relaxed)))
            #expect(statistics.closes[.normal] == UInt64(seen.closes.load(ordering: .relaxed)))
            #expect(await harness.isIdleAgain())
        }
    }

    /// One client after the other: some messages, each of which comes back, then a good end or a bad one.
    private static func talk(to harness: ServerHarness, seed: UInt64, _ seen: Seen) async throws {
        var random = SplitMix(seed: seed)
        for round in 0..<rounds {
            let client = try await harness.client()
            for number in 0..<Int.random(in: 1...20, using: &random) {
                let message = WebSocket.Message.text("\(seed)/\(round)/\(number)")
                try await client.send(message)
                #expect(try await client.recv() == message)
                seen.echoes.add(1, ordering: .relaxed)
            }
            guard Bool.random(using: &random) else {
                try await client.close()
                seen.closes.add(1, ordering: .relaxed)
                continue
            }
            try await client.send(.text("throw"))
            await #expect(throws: WebSocketError.self) { try await client.recv() }
            #expect(client.closeCode == .internalError)
            seen.failures.add(1, ordering: .relaxed)
        }
    }

    /// Each time another one is there before the next is killed.
    private static func killAcceptors(of server: WebSocketServer, times: Int) async throws {
        for _ in 0..<times {
            for child in await server.children() where child.id.hasPrefix("acceptor") {
                guard let pid = child.pid else { continue }
                pid.exit(.kill)
                _ = try await pid.down()
                #expect(
                    await eventually {
                        await server.children().first { $0.id == child.id }?.pid.map { $0 != pid } ?? false
                    })
            }
        }
    }
}
