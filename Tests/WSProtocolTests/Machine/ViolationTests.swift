import HansomHTTP
import ProtocolTesting
import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct ViolationTests {
    @Test(arguments: [(0x4, 1), (0x2, 2), (0x1, 3), (0x7, 1)])
    func `refuses a reserved bit on any frame (T10)`(bits: UInt8, named: Int) {
        for opcode: UInt8 in [0, 1, 2, 8, 9, 10] {
            var frame = WireFrame(opcode: opcode)
            frame.reserved = bits
            expectServer(receiving: frame.bytes(), failsWith: .reservedBit(named), code: .protocolError)
        }
    }

    @Test(arguments: [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] as [UInt8])
    func `refuses a reserved opcode (T10)`(opcode: UInt8) {
        expectServer(
            receiving: WireFrame(opcode: opcode).bytes(), failsWith: .reservedOpcode(Opcode(rawValue: opcode)),
            code: .protocolError)
    }

    @Test(arguments: [8, 9, 10] as [UInt8])
    func `refuses a fragmented control frame (T10)`(opcode: UInt8) {
        expectServer(
            receiving: WireFrame(isFinal: false, opcode: opcode).bytes(),
            failsWith: .fragmentedControlFrame(Opcode(rawValue: opcode)), code: .protocolError)
    }

    @Test(arguments: [(126, 126), (127, 126), (65536, 127)])
    func `refuses a control payload past 125 at the second byte (T10)`(count: Int, shown: Int) {
        let bytes = WireFrame(opcode: 9, payload: Array(repeating: 0, count: count)).bytes()
        expectServer(
            receiving: Array(bytes[..<2]), failsWith: .controlPayloadTooLong(count: shown), code: .protocolError)
    }

    @Test(arguments: [0, 1, 125])
    func `refuses 16 bits for a length of 7 (T10)`(count: Int) {
        let bytes = WireFrame.binary(Array(repeating: 0, count: count)).bytes(length: .sixteenBits)
        expectServer(receiving: bytes, failsWith: .lengthNotMinimal(UInt64(count)), code: .protocolError)
    }

    @Test(arguments: [0, 125, 126, 65535])
    func `refuses 64 bits for a length of 16 (T10)`(count: Int) {
        let bytes = WireFrame.binary(Array(repeating: 0, count: count)).bytes(length: .sixtyFourBits).prefix(20)
        expectServer(receiving: Array(bytes), failsWith: .lengthNotMinimal(UInt64(count)), code: .protocolError)
    }

    @Test func `refuses a length with the top bit set, without a trap (T5)`() {
        expectServer(
            receiving: [0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0], failsWith: .lengthTopBitSet(1 << 63),
            code: .protocolError)
        expectServer(
            receiving: [0x82, 0xFF] + Array(repeating: 0xFF, count: 8), failsWith: .lengthTopBitSet(.max),
            code: .protocolError)
    }

    @Test func `refuses an unmasked frame from a client, and delivers nothing (T8)`() {
        expectServer(receiving: WireFrame.text("hi").bytes(mask: nil), failsWith: .unmaskedFrame, code: .protocolError)
        expectServer(receiving: WireFrame.ping("hi").bytes(mask: nil), failsWith: .unmaskedFrame, code: .protocolError)
    }

    @Test func `refuses a masked frame from a server (T9)`() {
        var client = makeClient()
        let events = client.receive(WireFrame.text("hi").bytes())
        #expect(events == [.failure(ProtocolFailure(.maskedFrame))])
        let sent = client.sentFrames()
        #expect(sent == [.close(1002, ProtocolFailure(.maskedFrame).description)])
    }

    @Test func `refuses a continuation of nothing, and a message inside another`() {
        expectServer(
            receiving: WireFrame.continuation("x").bytes(), failsWith: .unexpectedContinuation, code: .protocolError)
        expectServer(
            receiving: [WireFrame.text("a", isFinal: false), .binary([1])].bytes(),
            failsWith: .messageInterrupted(by: .binary), code: .protocolError)
        expectServer(
            receiving: [WireFrame.text("a"), .continuation("b")].bytes(), failsWith: .unexpectedContinuation,
            code: .protocolError, after: [.text("a")])
    }

    @Test func `swallows all that follows a failure`() {
        var server = makeServer()
        _ = server.receive(WireFrame(opcode: 3).bytes())
        let events = server.receive([.text("more"), .close(1000), .ping()])
        #expect(events.isEmpty)
        #expect(server.state == .failed)
        let sent = server.sentFrames()
        #expect(sent.count == 1)
        #expect(throws: ProtocolMisuse.closed) { try server.send(text: "x") }
    }

    @Test func `says in every failure what came and which section it breaks, in at most 123 bytes`() {
        let kinds: [ProtocolFailure.Kind] = [
            .reservedBit(1), .reservedOpcode(Opcode(rawValue: 15)), .unmaskedFrame, .maskedFrame,
            .fragmentedControlFrame(.ping), .controlPayloadTooLong(count: 127), .lengthNotMinimal(65535),
            .lengthTopBitSet(.max), .unexpectedContinuation, .messageInterrupted(by: .binary), .closeBodyOfOneByte,
            .forbiddenCloseCode(CloseCode(rawValue: 65535)), .reasonNotUTF8, .textNotUTF8,
            .frameTooBig(count: .max, limit: .max), .messageTooBig(count: .max, limit: .max),
            .tooManyFragments(limit: .max),
        ]
        for kind in kinds {
            let description = ProtocolFailure(kind).description
            #expect(description.utf8.count <= 123, "\(description)")
            #expect(description.contains("(RFC 6455 section "), "\(description)")
        }
        #expect(
            ProtocolFailure(.messageTooBig(count: 9, limit: 8)).description.contains("9 bytes > limits.messageSize 8"))
    }
}
