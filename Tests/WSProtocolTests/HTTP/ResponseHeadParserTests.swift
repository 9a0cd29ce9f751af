import HTTPTypes
import Testing
import WSProtocol

struct ResponseHeadParserTests {
    @Test func `reads a head cut at every point, and leaves alone what follows (T31)`() throws {
        let bytes = Array("HTTP/1.1 101 Switching  Protocols\r\nUpgrade: websocket\r\n\r\n".utf8)
        for cut in 0...bytes.count {
            var parser = ResponseHeadParser()
            let first = try parser.parse(Array(bytes[..<cut]))
            #expect(first.consumed == cut)
            let second =
                try first.head == nil
                ? parser.parse(Array(bytes[cut...]) + [0x81, 0x00]) : (consumed: 0, head: first.head)
            #expect(first.consumed + second.consumed == bytes.count)
            let head = try #require(second.head)
            #expect(
                head == ResponseHead(status: 101, reasonPhrase: "Switching  Protocols", fields: [.upgrade: "websocket"])
            )
        }
    }

    @Test(arguments: ["HTTP/1.1 200 \r\n\r\n", "HTTP/1.1 200\r\n\r\n"])
    func `does without a reason phrase`(text: String) throws {
        let head = try #require(try parseResponse(text))
        #expect(head.status == 200)
        #expect(head.reasonPhrase == "")
    }

    @Test(arguments: [
        ("HTTP/1.0 200 OK", 505), ("HTTP/2.0 200 OK", 505), ("HTTP/1.1 20 OK", 400), ("HTTP/1.1 2000 OK", 400),
        ("HTTP/1.1 2x0 OK", 400), ("HTTP/1.1", 400), ("HTTP/1.1  200 OK", 400), ("HTTQ/1.1 200 OK", 400),
        ("HTTP/1.1 200 O\u{1}K", 400), ("SSH-2.0-x", 400), ("\u{15}\u{3}\u{3}", 400),
        ("HTTP/1.1 200 OK\r\nContent-Length: x", 400),
    ])
    func `refuses a malformed status line (C4)`(line: String, status: Int) {
        let error = #expect(throws: HeadError.self) { _ = try parseResponse(line + "\r\n\r\n") }
        #expect(error?.status == status)
    }

    @Test func `says when TLS answers`() {
        var parser = ResponseHeadParser()
        let error = #expect(throws: HeadError.self) { _ = try parser.parse([0x15]) }
        #expect(error?.message.contains("speaks TLS") == true)
    }

    @Test func `refuses a status line that is too long with 431`() {
        let error = #expect(throws: HeadError.self) {
            _ = try parseResponse("HTTP/1.1 200 " + String(repeating: "x", count: 9000))
        }
        #expect(error?.status == 431)
    }

    @Test func `takes HTTP/1.0 where it is told to, and nothing older`() throws {
        var parser = ResponseHeadParser(acceptsHTTP10: true)
        let parsed = try parser.parse(Array("HTTP/1.0 200 Connection established\r\n\r\n".utf8))
        #expect(parsed.head?.status == 200)
        #expect(throws: HeadError.self) { _ = try parser.parse(Array("HTTP/0.9 200 OK\r\n\r\n".utf8)) }
    }
}
