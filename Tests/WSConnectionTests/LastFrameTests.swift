import HansomTesting
import Testing

@testable import WSConnection

/// Whoever is told that a connection has ended may end the program at once: by then our last frame is written.
@Suite(.timeLimit(.minutes(1))) struct LastFrameTests {
    /// What ends a connection so that we owe the peer a close frame.
    enum End: String, CaseIterable, Sendable {
        case close, emptyClose, badFrame, badText, tooBig, silence, slowMessage

        var owed: UInt16? {
            switch self {
            case .close: 4001
            case .emptyClose: nil
            case .badFrame: 1002
            case .badText: 1007
            case .tooBig: 1009
            case .silence: 1001
            case .slowMessage: 1008
            }
        }

        func begin(_ hand: ByHand, isServer: Bool) {
            switch self {
            case .close: hand.send(Wire.close(4001, "bye", masked: isServer))
            case .emptyClose: hand.send(Wire.close(nil, masked: isServer))
            case .badFrame: hand.send(Wire.frame(3, [], masked: isServer))
            case .badText: hand.send(Wire.frame(1, [0xFF], masked: isServer))
            case .tooBig: hand.send(Wire.header(2, 2 << 20, masked: isServer))
            case .silence: hand.driven.advance(by: .seconds(6))
            case .slowMessage:
                hand.send(Wire.text("never", isFinal: false, masked: isServer))
                hand.driven.settle()
                hand.driven.advance(by: .seconds(5))
            }
            hand.driven.settle()
        }
    }

    /// Looks at what the peer has when it is told of the end.
    private final class Witness: EventSink, @unchecked Sendable {
        // Safety: the test and the scheduler that it turns are one thread.
        let hand: ByHand
        var seen: [[Wire.Frame]] = []

        init(_ hand: ByHand) { self.hand = hand }

        func offer(_ event: WebSocket.Event) -> EventReception {
            if case .frame = event { return .taken }
            seen.append(hand.frames())
            return .taken
        }

        func end() {}
    }

    private static let timing = Timing(idleTimeout: .seconds(6), messageTimeout: .seconds(5))

    private func witness(_ hand: ByHand) throws -> Witness {
        let witness = Witness(hand)
        try hand.run { ws in Result { try ws.subscribe(witness, active: .on) } }.get()
        return witness
    }

    @Test(arguments: End.allCases, [true, false])
    func `the last frame is with the peer before anybody is told of the end (W8, W9, W10, W27)`(
        end: End, isServer: Bool
    ) throws {
        let hand = ByHand(isServer: isServer, ConnectionOptions(timing: LastFrameTests.timing))
        let witness = try witness(hand)
        end.begin(hand, isServer: isServer)
        #expect(witness.seen.count == 1)
        #expect(witness.seen.first?.count == 1)
        let last = witness.seen.first?.last
        #expect(last?.opcode == 8)
        #expect(last?.closeCode == end.owed)
        hand.end()
    }

    @Test(arguments: End.allCases.filter { $0 != .silence && $0 != .slowMessage })
    func `an answer to what came in front of the end goes out before it, and both before anybody is told (W9, W27)`(
        end: End
    ) throws {
        let hand = ByHand(ConnectionOptions(timing: LastFrameTests.timing)) { ws, message in ws.trySend(message) }
        let witness = try witness(hand)
        hand.send(Wire.text("in front"))
        end.begin(hand, isServer: true)
        let frames = witness.seen.first ?? []
        #expect(frames.count == 2)
        #expect(frames.first == .text("in front"))
        #expect(frames.last?.closeCode == end.owed)
        hand.end()
    }

    @Test func `a peer that does not read now is waited for, until its deadline; sending is over at once (W8, W27)`()
        throws
    {
        for takesIt in [true, false] {
            let hand = ByHand(ConnectionOptions(closeTimeout: .seconds(10)), capacity: 100)
            let witness = try witness(hand)
            hand.run { _ = $0.trySend(.binary([UInt8](repeating: 7, count: 500))) }
            hand.driven.settle()
            hand.send(Wire.close(4001, "bye"))
            hand.driven.settle()
            #expect(witness.seen.isEmpty)
            #expect(hand.ws.isClosed)
            #expect(hand.run { $0.trySend(.text("late")) } == .closed)
            hand.driven.advance(by: .seconds(9))
            #expect(witness.seen.isEmpty)
            if takesIt {
                for _ in 0..<10 {
                    hand.take()
                    hand.driven.settle()
                }
                let frames = witness.seen.first.map { $0 + hand.frames() }
                #expect(frames?.last?.closeCode == 4001)
            } else {
                hand.driven.advance(by: .seconds(1))
                #expect(hand.ws.state == .closed)
            }
            #expect(witness.seen.count == 1)
            #expect(hand.ws.closeCode?.rawValue == 4001)
            #expect(hand.ws.closeReason == "bye")
            hand.end()
        }
    }

    @Test(arguments: [true, false])
    func `a close of ours is written as it begins, behind what was sent before (W8, W27)`(isServer: Bool) throws {
        let hand = ByHand(isServer: isServer)
        hand.run { ws in
            _ = ws.trySend(.text("before"))
            ws.beginClose(.goingAway, "bye")
            _ = ws.trySend(.text("behind"))
        }
        #expect(hand.frames() == [.text("before"), .close(1001, "bye")])
        hand.end()
    }

    @Test func `who waits to send when the peer closes is told when the answer is written (W16, W27)`() throws {
        let hand = ByHand(capacity: 100)
        let told = Probe<[Wire.Frame]>()
        hand.run { ws in
            _ = ws.trySend(.binary([UInt8](repeating: 7, count: 100 << 10)))
            ws.sendWhenRoom(.init(.text("waits")), id: 1) { _ in told.record([]) }
        }
        hand.driven.settle()
        hand.send(Wire.close(1000))
        hand.driven.settle()
        #expect(told.count == 0)
        var frames: [Wire.Frame] = []
        for _ in 0..<2000 where told.count == 0 {
            hand.take()
            hand.driven.settle()
        }
        frames += hand.frames()
        #expect(told.count == 1)
        #expect(frames.count == 2)
        #expect(frames.last?.closeCode == 1000)
        hand.end()
    }
}
