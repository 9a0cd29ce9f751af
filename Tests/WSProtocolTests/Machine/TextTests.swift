import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct TextTests {
    /// Sequences that are not UTF-8, and the offset of the first byte that makes them so.
    static let bad: [([UInt8], Int)] = [
        ([0x80], 0), ([0xBF, 0x61], 0), ([0xC0, 0x80], 0), ([0xC1, 0xBF], 0), ([0xC2, 0x41], 1),
        ([0xE0, 0x80, 0x80], 1), ([0xE0, 0x9F, 0xBF], 1), ([0xED, 0xA0, 0x80], 1), ([0xED, 0xBF, 0xBF], 1),
        ([0xE4, 0xB8, 0x41], 2), ([0xF0, 0x80, 0x80, 0x80], 1), ([0xF0, 0x8F, 0xBF, 0xBF], 1),
        ([0xF4, 0x90, 0x80, 0x80], 1), ([0xF5, 0x80, 0x80, 0x80], 0), ([0xF8, 0x88, 0x80, 0x80, 0x80], 0),
        ([0xF0, 0x9F, 0x98, 0x41], 3), ([0xFE], 0), ([0xFF], 0), ([0x61, 0x62, 0xFF, 0x63], 2),
    ]

    @Test(arguments: bad)
    func `refuses bad text whole, in pieces and in fragments (T11)`(payload: [UInt8], offset: Int) {
        expectServer(
            receiving: WireFrame(opcode: 1, payload: payload).bytes(), failsWith: .textNotUTF8, code: .invalidPayload)
        for cut in 0...payload.count {
            let frames: [WireFrame] = [
                WireFrame(isFinal: false, opcode: 1, payload: Array(payload[..<cut])),
                .continuation(Array(payload[cut...])),
            ]
            expectServer(receiving: frames.bytes(), failsWith: .textNotUTF8, code: .invalidPayload)
        }
    }

    @Test(arguments: bad)
    func `fails at the first bad byte, before the rest has come (W19)`(payload: [UInt8], offset: Int) {
        // The frame claims more than comes: had the failure waited for the whole, it would not come.
        var frame = WireFrame(opcode: 1, payload: payload)
        frame.payload += Array(repeating: 0x61, count: 50)
        let headerSize = 6
        let bytes = frame.bytes()
        var server = makeServer()
        let before = server.receive(Array(bytes[..<(headerSize + offset)]), inPiecesOf: 1)
        #expect(before.isEmpty)
        let at = server.receive([bytes[headerSize + offset]])
        #expect(at == [.failure(ProtocolFailure(.textNotUTF8))])
    }

    @Test(arguments: ["é", "世", "😀"])
    func `refuses a message that ends inside a character (T11)`(character: String) {
        for count in 1..<character.utf8.count {
            let payload = Array("a".utf8) + Array(character.utf8.prefix(count))
            expectServer(
                receiving: WireFrame(opcode: 1, payload: payload).bytes(), failsWith: .textNotUTF8,
                code: .invalidPayload)
            expectServer(
                receiving: [WireFrame(isFinal: false, opcode: 1, payload: payload), .continuation("")].bytes(),
                failsWith: .textNotUTF8, code: .invalidPayload)
        }
    }

    @Test func `takes characters cut by fragments, masks and reads (W19)`() {
        let text = "aé世😀z"
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            let first = WireFrame(isFinal: false, opcode: 1, payload: Array(bytes[..<cut])).bytes(mask: [1, 2, 3, 4])
            let second = WireFrame.continuation(Array(bytes[cut...])).bytes(mask: [0xF0, 0, 0x80, 0xFF])
            expectServer(receiving: first + second, yields: [.text(text)], sends: [])
        }
    }

    @Test func `takes any bytes as binary`() {
        expectServer(receiving: WireFrame.binary([0xFF, 0xC0, 0x80]).bytes(), yields: [.binary([0xFF, 0xC0, 0x80])])
    }
}
