import HansomTesting
import Testing

@testable import WSConnection

/// A synchronous handler cannot wait for room to answer: its messages wait, and in the end the peer does.
@Suite(.timeLimit(.minutes(1))) struct HandlerRoomTests {
    private let outcomes = Probe<WebSocket.SendOutcome>()

    /// How the handler gets its messages.
    enum Kind: CaseIterable, Sendable { case message, view }

    private func echo(_ kind: Kind, _ timing: Timing = Timing(), capacity: Int) -> ByHand {
        var limits = WebSocket.Limits()
        (limits.messageSize, limits.outboundHighWater, limits.outboundLowWater) = (1000, 1000, 500)
        let outcomes = outcomes
        let options = ConnectionOptions(limits: limits, timing: timing)
        return switch kind {
        case .message: ByHand(options, capacity: capacity, handler: { outcomes.record($0.trySend($1)) })
        case .view: ByHand(options, capacity: capacity, viewHandler: { outcomes.record($0.trySend($1)) })
        }
    }

    @Test(arguments: Kind.allCases)
    func `a message of the largest size, and others behind it in the same read, are answered (W16, W21)`(kind: Kind) {
        let hand = echo(kind, capacity: 64 << 10)
        let large = [UInt8](repeating: 7, count: 1000)
        hand.send(Wire.binary(large), Wire.text("b"), Wire.binary(large), Wire.binary(large), Wire.text("e"))
        hand.driven.settle()
        #expect(outcomes.values == [.sent, .sent, .sent, .sent, .sent])
        let frames = hand.frames()
        #expect(frames.map(\.payload) == [large, Array("b".utf8), large, large, Array("e".utf8)])
        #expect(!hand.ws.isClosed)
        hand.end()
    }

    /// Sends numbered messages of 100 bytes until the pipe takes no more.
    private func fill(_ hand: ByHand, _ rest: inout [UInt8], _ count: inout Int, of all: Int) {
        while true {
            if rest.isEmpty {
                if count == all { return }
                rest = Wire.text("\(count) " + String(repeating: "x", count: 100))
                count += 1
            }
            let taken = hand.send(rest)
            hand.driven.settle()
            if taken == 0 { return }
            rest.removeFirst(taken)
        }
    }

    @Test(arguments: Kind.allCases)
    func `a peer that sends and does not read waits, and nothing is lost when it reads (W16, W21)`(kind: Kind) {
        let hand = echo(kind, capacity: 1024)
        var (rest, count): ([UInt8], Int) = ([], 0)
        fill(hand, &rest, &count, of: 500)
        // What two pipes, one read and the output hold.
        #expect(count < 50)
        let held = outcomes.count
        #expect(held < count)
        hand.driven.settle()
        #expect(outcomes.count == held && !hand.ws.isClosed)
        var frames: [Wire.Frame] = []
        for _ in 0..<5000 where frames.count < 500 {
            frames += hand.frames()
            hand.driven.settle()
            fill(hand, &rest, &count, of: 500)
        }
        #expect(
            frames.map { String(decoding: $0.payload, as: UTF8.self).prefix { $0 != " " } } == (0..<500).map { "\($0)" }
        )
        #expect(outcomes.values.allSatisfy { $0 == .sent })
        hand.end()
    }

    @Test(arguments: ["write timeout", "close", "end of stream"], Kind.allCases)
    func `the end is told while messages wait for room (W13, W21)`(how: String, kind: Kind) throws {
        let hand = echo(kind, Timing(writeTimeout: .seconds(5)), capacity: 1024)
        let events = Probe<WebSocket.State>()
        try hand.run { ws in Result { try ws.subscribe(Ends(events), active: .on) } }.get()
        var (rest, count): ([UInt8], Int) = ([], 0)
        fill(hand, &rest, &count, of: 500)
        switch how {
        case "close": hand.run { $0.beginClose(.goingAway) }
        case "end of stream": hand.finish()
        default: break
        }
        hand.driven.settle()
        for _ in 0..<12 { hand.driven.advance(by: .seconds(5)) }
        #expect(events.count == 1)
        #expect(hand.ws.state == .closed)
        hand.end()
    }

    /// Counts the ends that it is told of.
    private final class Ends: EventSink {
        let events: Probe<WebSocket.State>

        init(_ events: Probe<WebSocket.State>) { self.events = events }

        func offer(_ event: WebSocket.Event) -> EventReception {
            if case .frame = event { return .taken }
            events.record(event.connection.state)
            return .taken
        }

        func end() {}
    }
}
