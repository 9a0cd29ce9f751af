import Actors
import HansomTesting
import HansomTransport
import Synchronization
import Testing

@testable import WSConnection
@testable import WSProtocol

/// A synchronous handler that is shown messages where they lie: whatever came how, it sees what one that gets them sees.
@Suite(.timeLimit(.minutes(5))) struct MessageViewTests {
    private let seen = Probe<WebSocket.Message>()

    /// A connection that keeps a copy of what it is shown, and answers with the view.
    private func echo(
        _ options: ConnectionOptions = ConnectionOptions(), isServer: Bool = true,
        compression: CompressionAgreement? = nil
    ) -> ByHand {
        let seen = seen
        return ByHand(
            isServer: isServer, options, compression: compression, capacity: 1 << 20,
            viewHandler: { ws, message in
                seen.record(WebSocket.Message(copying: message))
                ws.trySend(message)
            })
    }

    /// Sends the pieces one by one, and expects that the messages are seen and sent back.
    private func expect(
        _ expected: [WebSocket.Message], of pieces: [[UInt8]], isServer: Bool = true,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let before = seen.count
        let hand = echo(isServer: isServer)
        for piece in pieces {
            hand.send(piece)
            hand.driven.settle()
        }
        #expect(Array(seen.values[before...]) == expected, sourceLocation: sourceLocation)
        let answers = hand.frames().filter { $0.opcode < 8 }
        #expect(
            answers.map { $0.opcode == 1 ? .text($0.words) : WebSocket.Message.binary($0.payload) } == expected,
            sourceLocation: sourceLocation)
        #expect(!hand.ws.isClosed, sourceLocation: sourceLocation)
        hand.end()
    }

    private static let large = (0..<300).map { UInt8($0 & 0xFF) }
    private static let expected: [WebSocket.Message] = [
        "h\u{E9}llo \u{1F600}", "", .binary([]), .binary(large), "in three parts", .binary([1, 2, 3]), "e\u{301}nd",
    ]

    private static func frames(masked: Bool) -> [UInt8] {
        let pieces = [
            Wire.text("h\u{E9}llo \u{1F600}", masked: masked), Wire.text("", masked: masked),
            Wire.binary([], masked: masked), Wire.binary(large, masked: masked),
            Wire.text("in ", isFinal: false, masked: masked), Wire.ping("?", masked: masked),
            Wire.more("three ", isFinal: false, masked: masked), Wire.more("parts", isFinal: true, masked: masked),
            Wire.binary([1, 2, 3], masked: masked), Wire.text("e\u{301}nd", masked: masked),
        ]
        return Array(pieces.joined())
    }

    @Test(arguments: [true, false])
    func `wherever what arrives is cut, the same messages are seen and sent back (W19, W21, W22)`(isServer: Bool) {
        let bytes = Self.frames(masked: isServer)
        expect(Self.expected, of: [bytes], isServer: isServer)
        expect(Self.expected, of: bytes.map { [$0] }, isServer: isServer)
        for cut in bytes.indices {
            expect(Self.expected, of: [Array(bytes[..<cut]), Array(bytes[cut...])], isServer: isServer)
        }
    }

    @Test(arguments: [125, 126, 8_191, 8_192, 65_000, 65_535, 65_536, 300_000, 1 << 20], [true, false])
    func `a message of any length is seen and sent back (W15, W21)`(count: Int, isServer: Bool) {
        let hand = echo(isServer: isServer)
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let text = String(repeating: "\u{E9}", count: count / 2) + (count.isMultiple(of: 2) ? "" : "x")
        var answers: [Wire.Frame] = []
        for frame in [Wire.binary(bytes, masked: isServer), Wire.text(text, masked: isServer)] {
            var rest = frame[...]
            while !rest.isEmpty {
                rest.removeFirst(hand.send(Array(rest.prefix(50_000))))
                hand.driven.settle()
            }
            for _ in 0..<1000 where answers.isEmpty || frame[0] & 0xF == 1 && answers.count < 2 {
                answers += hand.frames()
                hand.driven.settle()
            }
        }
        #expect(seen.values == [.binary(bytes), .text(text)])
        #expect(answers.map(\.payload) == [bytes, Array(text.utf8)])
        hand.end()
    }

    @Test func `compressed messages are seen inflated, and compressed again to be sent back (W17, W21)`() throws {
        let agreement = try #require(
            CompressionAgreement.accepting([ExtensionOffer(name: "permessage-deflate")], CompressionOptions()))
        var client = ProtocolMachine(role: .client(maskKeys: { 0x1234_5678 }), compression: agreement)
        let messages: [WebSocket.Message] = [
            .text(String(repeating: "abc", count: 2_000)), "small", .binary([UInt8](repeating: 7, count: 5_000)),
        ]
        for message in messages {
            switch message {
            case .text(let text): try client.send(text: text)
            case .binary(let bytes): try client.send(binary: bytes)
            }
        }
        let hand = echo(compression: agreement)
        hand.send(client.output.drain())
        hand.driven.settle()
        #expect(seen.values == messages)
        let bytes = hand.takeAll()
        #expect(bytes.count < 300)
        #expect(
            client.receive(bytes)
                == messages.map {
                    switch $0 {
                    case .text(let text): .text(text)
                    case .binary(let bytes): .binary(bytes)
                    }
                })
        hand.end()
    }

    @Test func `text that is not UTF-8 is not seen, wherever it is wrong and however it is cut (W10, W19, W21)`() {
        let good = Array("0123456789 \u{E9}\u{E9} \u{1F600} 0123456789 0123456789".utf8)
        for place in good.indices {
            var bad = good
            bad[place] = 0xFF
            let frames = Wire.text("before") + Wire.frame(1, bad) + Wire.text("after")
            for cut in [nil, frames.count / 2, frames.count - 12] {
                let before = seen.count
                let hand = echo()
                if let cut { hand.send(Array(frames[..<cut])) }
                hand.driven.settle()
                hand.send(Array(frames[(cut ?? 0)...]))
                hand.driven.settle()
                #expect(Array(seen.values[before...]) == ["before"])
                let answers = hand.frames()
                #expect(answers.first == .text("before"))
                #expect(answers.last?.closeCode == 1007 && answers.count == 2)
                hand.end()
            }
        }
        // One that ends inside a character.
        let hand = echo()
        hand.send(Wire.frame(1, [0x61, 0xE2, 0x82]))
        hand.driven.settle()
        #expect(hand.frames().last?.closeCode == 1007)
        hand.end()
    }

    @Test func `limits hold as for any other receiver (W15, W21)`() {
        var limits = WebSocket.Limits()
        (limits.messageSize, limits.fragments) = (100, 2)
        let fitting = [UInt8](repeating: 1, count: 100)
        let over: [[UInt8]] = [
            Wire.binary(fitting + [1]), Wire.header(2, 101),
            Wire.binary(fitting, isFinal: false) + Wire.frame(0, [1]),
            Wire.text("a", isFinal: false) + Wire.more("b", isFinal: false) + Wire.more("c", isFinal: true),
        ]
        for frames in over {
            let before = seen.count
            let hand = echo(ConnectionOptions(limits: limits))
            hand.send(Wire.binary(fitting), frames)
            hand.driven.settle()
            #expect(Array(seen.values[before...]) == [.binary(fitting)])
            #expect(hand.frames().last?.closeCode == 1009)
            hand.end()
        }
    }

    // MARK: What the handler does meanwhile

    private struct Oops: Error {}

    @Test(arguments: ["whole", "fragmented"])
    func `whatever the handler does with its connection, the view stays as it was (W21)`(form: String) {
        let subject = String(repeating: "view \u{E9} ", count: 40)
        let acts: [(String, @Sendable (isolated WebSocket) throws -> Void)] = [
            (
                "sends",
                { ws in for number in 0..<20 { ws.trySend("\(number)" + String(repeating: "x", count: 3_000)) } }
            ),
            ("closes", { try $0.beginClose(reason: "enough") }),
            ("drops", { $0.drop() }),
            ("throws", { _ in throw Oops() }),
            ("is suspended", { $0.setSuspended(true) }),
            ("subscribes", { try $0.subscribe(Nobody(), active: .on) }),
            ("subscribes for one", { try $0.subscribe(Nobody(), active: .once) }),
        ]
        for (name, act) in acts {
            let seen = Probe<[String]>()
            let hand = ByHand(
                viewHandler: { ws, message in
                    guard case .text(let utf8) = message else { return }
                    let before = String(copying: utf8)
                    defer { seen.record([before, String(copying: utf8)]) }
                    if before == subject { try act(ws) }
                })
            let frames =
                form == "whole"
                ? Wire.text(subject) : Wire.text(subject, isFinal: false) + Wire.more("", isFinal: true)
            hand.send(frames, Wire.text("next"), Wire.text("last"))
            hand.driven.settle()
            let goesOn = ["sends", "subscribes", "subscribes for one"].contains(name)
            #expect(
                seen.values == [[subject, subject]] + (goesOn ? [["next", "next"], ["last", "last"]] : []), "\(name)")
            switch name {
            case "closes": #expect(hand.frames().last == .close(1000, "enough"))
            case "throws": #expect(hand.frames().last?.closeCode == 1011)
            case "is suspended":
                hand.run { $0.setSuspended(false) }
                hand.driven.settle()
                #expect(seen.count == 3)
            default: break
            }
            hand.end()
        }
    }

    private final class Nobody: EventSink {
        func offer(_ event: WebSocket.Event) -> EventReception { .taken }
        func end() {}
    }

    @Test(arguments: ["message", "view"])
    func `what is read for others while a handler runs does not touch what is still to be decoded (W21)`(
        kind: String
    ) throws {
        let driven = HandDriven()
        let seen = seen
        let act: @Sendable (isolated WebSocket) -> Void = { ws in
            // As a handshake does that a task begins at once, on this thread.
            let buffer = unsafe TransportResources.of(ws.core.scheduler).readBuffer
            for index in buffer.indices { unsafe buffer[index] = 0xFF }
        }
        let hand =
            kind == "view"
            ? ByHand(
                on: driven,
                viewHandler: { ws, message in
                    act(ws)
                    seen.record(.init(copying: message))
                })
            : ByHand(
                on: driven,
                handler: { ws, message in
                    act(ws)
                    seen.record(message)
                })
        hand.send(Wire.text("one"), Wire.text("two"), Wire.text("three"))
        driven.settle()
        #expect(seen.values == ["one", "two", "three"])
        hand.end()
    }

    @Test func `a view that is sent to a connection without room, or that has ended, is not taken (W16, W21)`() {
        var limits = WebSocket.Limits()
        (limits.outboundHighWater, limits.outboundLowWater) = (1_000, 500)
        let outcomes = Probe<WebSocket.SendOutcome>()
        let hand = ByHand(
            ConnectionOptions(limits: limits), capacity: 10_000,
            viewHandler: { ws, message in
                for _ in 0..<3 { outcomes.record(ws.trySend(message)) }
                try ws.beginClose()
                outcomes.record(ws.trySend(message))
            })
        hand.send(Wire.binary([UInt8](repeating: 3, count: 600)))
        hand.driven.settle()
        #expect(outcomes.values == [.sent, .sent, .full, .closed])
        #expect(hand.frames().map(\.payload.count) == [600, 600, 2])
        hand.end()
    }
}
