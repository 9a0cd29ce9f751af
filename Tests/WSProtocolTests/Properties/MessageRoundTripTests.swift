import ProtocolTesting
import Testing

@testable import WSProtocol

/// Whatever is sent, in whatever frames, arrives, wherever the stream is cut. A failure names its seed.
@Suite(.timeLimit(.minutes(2))) struct MessageRoundTripTests {
    private static let seeds = 0..<40 as Range<UInt64>

    @Test(arguments: seeds)
    func `random messages arrive as they were sent, from a client and from a server (W1, W7)`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var keys = SeededGenerator(seed: seed ^ 0xABCD)
        let key = UInt32.random(in: 0...UInt32.max, using: &keys)
        let isServer = generator.chance(50)
        var sender = isServer ? makeServer() : ProtocolMachine(role: .client(maskKeys: { key }))
        var receiver = isServer ? makeClient() : makeServer()
        try expectArrival(from: &sender, to: &receiver, &generator)
    }

    @Test(arguments: seeds)
    func `random messages arrive through random agreements on compression (W17)`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var pair = try CompressedPair(client: generator.options(), server: generator.options())
        if generator.chance(50) {
            try expectArrival(from: &pair.client, to: &pair.server, &generator)
        } else {
            try expectArrival(from: &pair.server, to: &pair.client, &generator)
        }
    }

    @Test(arguments: seeds)
    func `what was decoded is encoded as the same bytes, where there is one way to write it`(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var sender = makeClient()
        for _ in 0..<20 { _ = try generator.send(to: &sender) }
        let bytes = sender.output.drain()
        var again = makeClient()
        for frame in WireFrame.parse(bytes) { try again.send(frame) }
        #expect(again.output.drain() == bytes)
    }

    private func expectArrival(
        from sender: inout ProtocolMachine, to receiver: inout ProtocolMachine, _ generator: inout SeededGenerator
    ) throws {
        var sent: [ProtocolEvent] = []
        for _ in 0..<12 { sent += try generator.send(to: &sender) }
        let frames = (sender.counters.framesSent, sender.counters.bytesSent)
        let cut = generator.chance(20) ? 3 : 5000
        let events = generator.pieces(of: sender.output.drain(), most: cut).flatMap { receiver.receive($0) }
        #expect(events == sent)
        #expect((receiver.counters.framesReceived, receiver.counters.bytesReceived) == frames)
        #expect(receiver.isMidInput == false)
        #expect(receiver.bytesBuffered == 0)
    }
}

extension SeededGenerator {
    /// Options that can be, with small windows as often as with large ones.
    fileprivate mutating func options() -> CompressionOptions {
        CompressionOptions(
            sendWindowBits: .random(in: 8...15, using: &self), receiveWindowBits: .random(in: 8...15, using: &self),
            sendContextTakeover: chance(50), receiveContextTakeover: chance(50), threshold: chance(50) ? 0 : 256,
            level: .random(in: 0...9, using: &self), memoryLevel: .random(in: 1...9, using: &self))
    }

    /// Sends one message, or a ping or a pong.
    ///
    /// - Returns: what should arrive.
    fileprivate mutating func send(to sender: inout ProtocolMachine) throws -> [ProtocolEvent] {
        switch Int.random(in: 0..<10, using: &self) {
        case 0:
            let payload = bytes(count(upTo: 125))
            try sender.ping(payload)
            return [.ping(payload)]
        case 1:
            let payload = bytes(count(upTo: 125))
            try sender.pong(payload)
            return [.pong(payload)]
        case 2...4: return try sendFragments(to: &sender)
        case 5...7:
            let text = text(count(upTo: 70_000))
            _ = try chance(30) ? sender.send(EncodedMessage(text: text)) : sender.send(text: text)
            return [.text(text)]
        default:
            let bytes = bytes(count(upTo: 70_000))
            _ = try chance(30) ? sender.send(EncodedMessage(binary: bytes)) : sender.send(binary: bytes)
            return [.binary(bytes)]
        }
    }

    /// A message in random fragments, some of them empty, with a ping between them now and then.
    private mutating func sendFragments(to sender: inout ProtocolMachine) throws -> [ProtocolEvent] {
        let isText = chance(50)
        let text = text(count(upTo: 3000))
        let parts =
            pieces(of: Array(text.unicodeScalars), most: 400).map { part in
                String(String.UnicodeScalarView(part))
            } + [""]
        var events: [ProtocolEvent] = []
        for (index, part) in parts.enumerated() {
            let isFinal = index == parts.count - 1
            if isText {
                try sender.sendFragment(text: part, isFinal: isFinal)
            } else {
                try sender.sendFragment(binary: Array(part.utf8), isFinal: isFinal)
            }
            if !isFinal, chance(20) {
                try sender.ping([UInt8(index & 255)])
                events.append(.ping([UInt8(index & 255)]))
            }
        }
        return events + [isText ? .text(text) : .binary(Array(text.utf8))]
    }
}

extension ProtocolMachine {
    /// Sends a frame as it was read.
    fileprivate mutating func send(_ frame: WireFrame) throws {
        switch frame.opcode {
        case 9: try ping(frame.payload)
        case 10: try pong(frame.payload)
        case 1:
            let text = try #require(String(validating: frame.payload, as: UTF8.self))
            try sendFragment(text: text, isFinal: frame.isFinal)
        default:
            // A continuation is of the kind that its message began with; the bytes are the same.
            if sendingKind == .text {
                let text = try #require(String(validating: frame.payload, as: UTF8.self))
                try sendFragment(text: text, isFinal: frame.isFinal)
            } else {
                try sendFragment(binary: frame.payload, isFinal: frame.isFinal)
            }
        }
    }
}
