import Actors
import HansomTesting
import Testing

@testable import WSConnection
@testable import WSProtocol

/// What one connection takes of its scheduler in a turn, however its peer cuts what it sends.
@Suite(.timeLimit(.minutes(5))) struct TurnShareTests {
    /// Who receives.
    enum Receiver: String, CaseIterable, Sendable {
        case handler, view, recv, sink

        var isSynchronous: Bool { self == .handler || self == .view }
    }

    /// Counts what it gets.
    private final class Counter: EventSink, @unchecked Sendable {
        // Safety: the test and the scheduler that it turns are one thread.
        var messages: [WebSocket.Message] = [] { didSet { onMessage() } }
        var onMessage: () -> Void = {}
        var ends: [WebSocket.CloseCode] = []

        func offer(_ event: WebSocket.Event) -> EventReception {
            switch event {
            case .frame(_, let frame): if let message = frame.message { messages.append(message) }
            case .closed(_, let close): ends.append(close.code)
            case .failed(_, let error): ends.append(error.close?.code ?? .abnormal)
            }
            return .taken
        }

        func end() {}
    }

    private func connect(
        _ receiver: Receiver, _ options: ConnectionOptions = ConnectionOptions(), on driven: HandDriven = HandDriven(),
        compression: CompressionAgreement? = nil, capacity: Int = 64 << 10
    ) throws -> (ByHand, Counter) {
        let counter = Counter()
        let handler: WebSocket.MessageHandler = { _, message in counter.messages.append(message) }
        let viewHandler: WebSocket.MessageViewHandler = { counter.messages.append(.init(copying: $1)) }
        let hand = ByHand(
            on: driven, options, compression: compression, capacity: capacity,
            handler: receiver == .handler ? handler : nil, viewHandler: receiver == .view ? viewHandler : nil)
        switch receiver {
        case .handler, .view: break
        case .recv:
            hand.run { ws in
                ws.start { ws in
                    do {
                        while true { counter.messages.append(try await ws.recv()) }
                    } catch let error as WebSocketError {
                        counter.ends.append(error.close?.code ?? .abnormal)
                    }
                }
            }
        case .sink: try hand.run { ws in Result { try ws.subscribe(counter, active: .on) } }.get()
        }
        driven.settle()
        return (hand, counter)
    }

    private static func numbered(_ count: Int) -> [[UInt8]] {
        (0..<count).map { Wire.binary([UInt8($0 >> 8), UInt8($0 & 0xFF)]) }
    }

    private func expectInOrder(_ counter: Counter, _ count: Int) {
        let numbers = counter.messages.map {
            if case .binary(let bytes) = $0 { Int(bytes[0]) << 8 | Int(bytes[1]) } else { -1 }
        }
        #expect(numbers == Array(0..<count))
    }

    /// Turns until nothing is left to do.
    ///
    /// - Returns: how many messages each turn brought.
    private func turns(_ hand: ByHand, _ counter: Counter) -> [Int] {
        var counts: [Int] = []
        for _ in 0..<10_000 {
            let before = counter.messages.count
            guard hand.driven.turn() else { return counts }
            counts.append(counter.messages.count - before)
        }
        Issue.record("it comes to no rest")
        return counts
    }

    @Test(arguments: Receiver.allCases)
    func `a flood of tiny messages is taken 256 a turn, all of it and in order (W16, W28, T38)`(receiver: Receiver)
        throws
    {
        let (hand, counter) = try connect(receiver)
        let flood = TurnShareTests.numbered(8000)
        #expect(hand.send(Array(flood.joined())) == 8000 * 8)
        let counts = turns(hand, counter)
        #expect(counts.allSatisfy { $0 <= 256 })
        #expect(counts.filter { $0 > 200 }.count >= 8000 / 256)
        expectInOrder(counter, 8000)
        hand.end()
    }

    @Test func `fifty that flood hold nobody up for longer than their shares (T38)`() throws {
        let driven = HandDriven()
        let floods = try (0..<50).map { _ in try connect(.handler, on: driven) }
        let (quiet, heard) = try connect(.handler, on: driven)
        for (hand, _) in floods { hand.send(Array(TurnShareTests.numbered(8000).joined())) }
        driven.turn()
        for round in 1...20 {
            quiet.send(Wire.text("\(round)"))
            let before = floods.reduce(0) { $0 + $1.1.messages.count }
            var turns = 0
            while heard.messages.count < round && turns < 3 {
                driven.turn()
                turns += 1
            }
            #expect(heard.messages.count == round)
            #expect(floods.reduce(0) { $0 + $1.1.messages.count } - before <= turns * 50 * 256)
        }
        for (hand, _) in floods { hand.end() }
        quiet.end()
    }

    @Test(arguments: [Receiver.handler, .view, .recv])
    func `messages that take long hold nobody up for longer than a few of them (T38, P26, P30)`(
        receiver: Receiver
    ) throws {
        let driven = HandDriven()
        let (slow, taken) = try connect(receiver, on: driven)
        let (quiet, heard) = try connect(receiver, on: driven)
        let time = driven.time
        taken.onMessage = { time.advance(by: .milliseconds(1)) }
        slow.send(Array(TurnShareTests.numbered(1000).joined()))
        driven.turn()
        for round in 1...20 {
            quiet.send(Wire.text("\(round)"))
            let before = time.nanoseconds
            for _ in 0..<4 where heard.messages.count < round { driven.turn() }
            #expect(heard.messages.count == round)
            #expect(time.nanoseconds - before <= 40_000_000)
        }
        #expect(taken.messages.count < 1000, "it was still at work")
        driven.settle()
        expectInOrder(taken, 1000)
        taken.onMessage = {}
        slow.end()
        quiet.end()
    }

    @Test(arguments: Receiver.allCases)
    func `what ends a connection is told behind all that came before it (W3, W4, W28)`(receiver: Receiver) throws {
        for end in ["close", "violation", "end", "drop", "silence"] {
            let timing = Timing(pingInterval: .seconds(5), pingTimeout: .seconds(5))
            let (hand, counter) = try connect(receiver, ConnectionOptions(timing: timing))
            hand.send(Array(TurnShareTests.numbered(2000).joined()))
            switch end {
            case "close": hand.send(Wire.close(4001))
            case "violation": hand.send(Wire.frame(3, []))
            case "end": hand.finish()
            default: break
            }
            hand.driven.turn()
            if end == "drop" {
                hand.run { $0.drop() }
            } else if end == "silence" {
                for _ in 0..<2 { hand.driven.time.advance(by: .seconds(5)) }
            }
            hand.driven.settle()
            if end == "silence" { for _ in 0..<3 { hand.driven.advance(by: .seconds(5)) } }
            if end == "drop" {
                // Who drops a connection has thrown away what was not decoded.
                #expect(counter.messages.count <= 2000)
            } else {
                expectInOrder(counter, 2000)
            }
            if !receiver.isSynchronous { #expect(counter.ends.count == 1) }
            let code: UInt16 = end == "close" ? 4001 : end == "violation" ? 1002 : 1006
            #expect(hand.ws.closeCode?.rawValue == code)
            hand.end()
        }
    }

    @Test(arguments: Receiver.allCases)
    func `a connection lost while more waits for its turn gives that first, then the end (W4, W11, W28)`(
        receiver: Receiver
    ) throws {
        let (hand, counter) = try connect(
            receiver, ConnectionOptions(timing: Timing(writeTimeout: .seconds(5))), capacity: 20_000)
        hand.run { _ = $0.trySend(.binary([UInt8](repeating: 0, count: 60_000))) }
        hand.driven.settle()
        hand.driven.time.advance(by: .seconds(5))
        hand.send(Array(TurnShareTests.numbered(2000).joined()))
        // The pipe tells of the bytes in this turn, in which the alarm has not rung yet for the time that has passed.
        hand.run { $0.read() }
        hand.driven.settle()
        #expect(hand.ws.closeReason == "write timeout")
        expectInOrder(counter, 2000)
        if !receiver.isSynchronous { #expect(counter.ends == [.abnormal]) }
        hand.end()
    }

    // MARK: Deadlines

    @Test func `waiting for a turn is no silence of the peer's, and puts off no message's end (W13, W14, W28)`() throws
    {
        let timing = Timing(
            pingInterval: .seconds(2), pingTimeout: .seconds(2), idleTimeout: .seconds(3), messageTimeout: .seconds(5))
        let pings = Array(repeatElement(Wire.ping(""), count: 300).joined())
        for isBusy in [false, true] {
            let (hand, counter) = try connect(.handler, ConnectionOptions(timing: timing))
            hand.send(Wire.text("never ends", isFinal: false))
            hand.driven.settle()
            for second in 1...5 {
                if isBusy {
                    // Over the time before the thread has looked at them.
                    hand.send(pings)
                    hand.driven.time.advance(by: .seconds(1))
                } else {
                    hand.driven.time.advance(by: .seconds(1))
                    hand.send(pings)
                }
                hand.driven.settle()
                hand.take()
                hand.driven.settle()
                #expect(hand.ws.state == (second < 5 ? .open : .closing))
            }
            #expect(hand.ws.closeReason == "message timeout")
            #expect(counter.messages.isEmpty)
            hand.end()
        }
    }

    @Test func `a connection suspended while more waits for its turn takes that when it is resumed (P21, W28)`() throws
    {
        let (hand, counter) = try connect(.handler, ConnectionOptions(timing: Timing(idleTimeout: .seconds(5))))
        hand.send(Array(TurnShareTests.numbered(2000).joined()))
        hand.driven.turn()
        hand.driven.turn()
        let before = counter.messages.count
        #expect(before > 0 && before < 2000)
        hand.run { $0.setSuspended(true) }
        for _ in 0..<20 { hand.driven.advance(by: .seconds(1)) }
        #expect(counter.messages.count == before)
        #expect(hand.ws.state == .open)
        hand.run { $0.setSuspended(false) }
        hand.driven.settle()
        expectInOrder(counter, 2000)
        hand.driven.advance(by: .seconds(5))
        #expect(hand.ws.closeReason == "idle timeout")
        hand.end()
    }

    // MARK: Compression

    private func agreement() throws -> CompressionAgreement {
        try #require(CompressionAgreement.accepting([ExtensionOffer(name: "permessage-deflate")], CompressionOptions()))
    }

    /// Messages as a client sends them that compresses.
    private func compressed(_ messages: [[UInt8]], _ agreement: CompressionAgreement) throws -> [UInt8] {
        var machine = ProtocolMachine(role: .client(maskKeys: { 0x1234_5678 }), compression: agreement)
        for message in messages { try machine.send(binary: message, compress: true) }
        return machine.output.drain()
    }

    @Test(arguments: Receiver.allCases)
    func `of what was compressed so much is inflated in a turn, not more (T39, W28)`(receiver: Receiver) throws {
        let agreement = try agreement()
        let (hand, counter) = try connect(receiver, compression: agreement)
        let zeros = [UInt8](repeating: 0, count: 1 << 20)
        let bytes = try compressed(Array(repeating: zeros, count: 20), agreement)
        #expect(bytes.count < 64 << 10)
        hand.send(bytes)
        let counts = turns(hand, counter)
        #expect(counter.messages == Array(repeating: .binary(zeros), count: 20))
        #expect(counts.allSatisfy { $0 <= 1 })
        #expect(counts.count >= 20 * (1 << 20) / (80 << 10))
        hand.end()
    }

    @Test func `small compressed messages have the same share as others (W28)`() throws {
        let agreement = try agreement()
        let (hand, counter) = try connect(.handler, compression: agreement)
        let message = [UInt8](repeating: 7, count: 600)
        hand.send(try compressed(Array(repeating: message, count: 500), agreement))
        let counts = turns(hand, counter)
        #expect(counter.messages.count == 500)
        #expect(counts.max() ?? 0 > 80)
        #expect(counts.allSatisfy { $0 <= 140 })
        hand.end()
    }

    @Test func `what is compressed counts at its full length until it is written (W15, W17, T39)`() throws {
        for isRead in [true, false] {
            let (hand, _) = try connect(.handler, compression: try agreement(), capacity: isRead ? 64 << 10 : 10)
            let zeros = [UInt8](repeating: 0, count: 100 << 10)
            #expect(hand.run { $0.trySend(.binary(zeros)) } == .sent)
            #expect(hand.run { $0.bufferedBytes } < 1000)
            #expect(hand.run { $0.trySend(.binary(zeros)) } == .full)
            #expect(hand.run { $0.trySend(.text("small")) } == .full)
            hand.driven.settle()
            #expect(hand.run { $0.trySend(.binary(zeros)) } == (isRead ? .sent : .full))
            while hand.take() > 0 { hand.driven.settle() }
            if !isRead { #expect(hand.run { $0.trySend(.binary(zeros)) } == .sent) }
            hand.end()
        }
    }

    @Test func `who waits to send compresses when the peer has taken what was before (W16, W17, T39)`() throws {
        let (hand, _) = try connect(.handler, compression: try agreement(), capacity: 10)
        let zeros = WebSocket.Message.binary([UInt8](repeating: 0, count: 100 << 10))
        let told = Probe<UInt64>()
        hand.run { ws in
            _ = ws.trySend(zeros)
            for id in 1...3 as ClosedRange<UInt64> {
                ws.sendWhenRoom(EncodedMessage(zeros), id: id) { _ in told.record(id) }
            }
        }
        hand.driven.settle()
        #expect(told.values == [])
        var sent: [UInt64] = []
        for _ in 0..<1000 {
            hand.take()
            hand.driven.settle()
            sent.append(UInt64(told.count))
        }
        #expect(told.values == [1, 2, 3])
        // One after the other, each when the one before was out.
        #expect(Set(sent) == [0, 1, 2, 3] || Set(sent) == [1, 2, 3])
        #expect(hand.frames().count == 4)
        hand.end()
    }

    @Test func `a limit says how far a message may be inflated; the reason names it (W15, W17, T39)`() throws {
        var limits = WebSocket.Limits()
        limits.inflationRatio = 100
        let agreement = try agreement()
        let (hand, counter) = try connect(.sink, ConnectionOptions(limits: limits), compression: agreement)
        hand.send(
            try compressed([[UInt8](repeating: 0, count: 60_000), [UInt8](repeating: 0, count: 1 << 20)], agreement))
        hand.driven.settle()
        #expect(counter.messages.count == 1)
        #expect(counter.ends == [.messageTooBig])
        #expect(hand.ws.closeReason?.contains("inflationRatio 100") == true)
        #expect(hand.frames().last?.closeCode == 1009)
        hand.end()
    }
}
