import Testing
import WSConnection

@Suite struct MessageTests {
    @Test(arguments: [0, 1, 7, 8, 125, 126, 65536])
    func `messages are equal when kind and content are`(size: Int) {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
        let message = WebSocket.Message.binary(bytes)
        #expect(message == .binary(Array(bytes)))
        #expect(message != .binary(bytes + [0]))
        #expect(Set([message, .binary(Array(bytes))]).count == 1)
        for index in [0, size / 2, size - 1] where bytes.indices.contains(index) {
            var other = bytes
            other[index] ^= 1
            #expect(message != .binary(other))
        }
    }

    @Test func `text never equals bytes, and equals text as strings do`() {
        #expect(WebSocket.Message.text("a") != .binary([0x61]))
        #expect(WebSocket.Message.text("") != .binary([]))
        #expect(WebSocket.Message.text("\u{e9}") == .text("e\u{301}"))
    }
}
