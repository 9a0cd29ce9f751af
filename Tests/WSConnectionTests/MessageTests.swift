import Testing
import WSConnection

@Suite(.timeLimit(.minutes(2))) struct MessageTests {
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

    @Test func `a message is made of what one has, and printed as that (W7)`() {
        let literal: WebSocket.Message = "a text"
        #expect(literal == .text("a text") && literal == "a text")
        #expect(WebSocket.Message("\(1 + 1) or three".split(separator: " ")[0]) == "2")
        let interpolated: [WebSocket.Message] = ["one", "\(2)"]
        #expect(interpolated == [.text("one"), .text("2")])
        let bytes: [UInt8] = [1, 2, 3, 4]
        #expect(WebSocket.Message.binary(bytes[1...2]) == .binary([2, 3]))
        #expect(WebSocket.Message.binary(bytes.lazy.map { $0 &+ 1 }) == .binary([2, 3, 4, 5]))
        #expect(WebSocket.Message.binary(Array(bytes.dropLast())) == .binary([1, 2, 3]))
        #expect(WebSocket.Message(Set<UInt8>([7])) == .binary([7]))
        #expect("\(literal)" == "a text" && "\(WebSocket.Message.binary([1, 2]))" == "[1, 2]")
        #expect(String(reflecting: literal) == "text(\"a text\")")
        #expect(String(reflecting: WebSocket.Message.binary([1, 2])) == "binary([1, 2])")
    }

    @Test func `text never equals bytes, and equals text as strings do`() {
        #expect(WebSocket.Message.text("a") != .binary([0x61]))
        #expect(WebSocket.Message.text("") != .binary([]))
        #expect(WebSocket.Message.text("\u{e9}") == .text("e\u{301}"))
    }
}
