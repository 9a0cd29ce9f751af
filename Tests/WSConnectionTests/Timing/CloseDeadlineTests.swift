import HansomTesting
import Testing

@testable import WSConnection

/// The one deadline of a connection that closes, in each phase of closing: at its moment, not before.
@Suite(.timeLimit(.minutes(5))) struct CloseDeadlineTests {
    /// What a peer fails to do.
    enum Peer: String, CaseIterable, Sendable {
        case answersNothing, readsNothing, readsNoAnswer, staysAfterViolation, staysAfterBothCloses, staysAfterIdle
        case talksOn

        /// Whether it is a server that does not end what it should end first.
        var isServer: Bool { self == .staysAfterBothCloses }
    }

    // All shorter than the close timeout: once it closes, they are over.
    private static let timing = Timing(
        pingInterval: .seconds(2), pingTimeout: .seconds(1), idleTimeout: .seconds(3), writeTimeout: .seconds(2),
        messageTimeout: .seconds(1))

    /// Brings a connection to where only the deadline is left.
    private func begin(_ kind: Peer, _ ws: WebSocket, _ peer: RawPeer, _ bench: Bench) async throws {
        let full = [UInt8](repeating: 0, count: 500)
        switch kind {
        case .answersNothing, .talksOn: try await ws.beginClose()
        case .readsNothing:
            try await ws.send(.binary(full))
            try await ws.beginClose()
        case .readsNoAnswer:
            try await ws.send(.binary(full))
            await bench.settle()
            try await peer.send(Wire.close(1000))
        case .staysAfterViolation: try await peer.send(Wire.frame(3, []))
        case .staysAfterBothCloses: try await peer.send(Wire.close(1000, masked: false))
        case .staysAfterIdle:
            await bench.settle()
            await ws.setIdleTimeout(.zero)
        }
        await bench.settle()
    }

    @Test(arguments: Peer.allCases)
    func `a peer that does not do its part is cut at the close deadline, not before (W8)`(kind: Peer) async throws {
        try await Bench.run { bench in
            let options = ConnectionOptions(closeTimeout: .seconds(10), timing: CloseDeadlineTests.timing)
            let (ws, peer) = await RawPeer.connect(
                on: bench.group, isServer: !kind.isServer, options, capacity: 100)
            try await begin(kind, ws, peer, bench)
            #expect(ws.state == .closing)
            for _ in 0..<9 {
                await bench.pass(.seconds(1))
                if kind == .talksOn { try await peer.send(together: Wire.text("and on"), Wire.ping("and on")) }
            }
            await bench.pass(.seconds(1) - .nanoseconds(1))
            #expect(ws.state == .closing)
            await bench.pass(.nanoseconds(1))
            #expect(ws.state == .closed)
            await peer.close()
        }
    }

    @Test(arguments: [true, false])
    func `a suspended connection that closes hears its peer's close (W8, P21)`(isServer: Bool) {
        for hasData in [true, false] {
            let hand = ByHand(isServer: isServer)
            hand.run { $0.setSuspended(true) }
            if hasData {
                hand.send(Wire.text("while it is suspended", masked: isServer))
                hand.driven.settle()
            }
            hand.run { $0.beginClose(.goingAway) }
            hand.send(Wire.close(1001, masked: isServer))
            hand.driven.settle()
            #expect(hand.ws.closeCode == .goingAway)
            if !isServer { hand.finish() }
            hand.driven.settle()
            #expect(hand.ws.state == .closed)
            hand.end()
        }
    }

    @Test func `what waits for the end goes on at the deadline, all of it (W8, W11)`() async throws {
        try await Bench.run { bench in
            let (ws, peer) = await bench.connect(CloseDeadlineTests.timing)
            let closings = (0..<3).map { _ in bench.task { try await ws.close(code: .goingAway) } }
            let receiving = bench.task { await failure { try await ws.recv() } }
            await bench.pass(.seconds(10))
            for closing in closings { try await closing.value }
            let error = await receiving.value
            #expect(error?.code == .connectionLost)
            #expect(error?.phase == .close)
            await peer.close()
        }
    }
}
