import HTTPTypes
import HansomHTTP
import ProtocolTesting
import Testing

@Suite(.timeLimit(.minutes(2))) struct RequestHeadParserTests {
    @Test func `reads a head cut at every point, and leaves alone what follows (T31)`() throws {
        let bytes = Array(requestText(["X-Empty": "", "X-Wide": "  a b\t c \t"]).utf8)
        let frames: [UInt8] = [0x81, 0x80, 0x0D, 0x0A, 0x0D, 0x0A]
        for cut in 0...bytes.count {
            var parser = RequestHeadParser()
            let first = try parser.parse(Array(bytes[..<cut]) + (cut == bytes.count ? frames : []))
            #expect(first.consumed == cut)
            let second =
                try first.head == nil ? parser.parse(Array(bytes[cut...]) + frames) : (consumed: 0, head: first.head)
            #expect(first.consumed + second.consumed == bytes.count)
            let head = try #require(second.head)
            #expect(head.method == .get)
            #expect(head.target == "/chat")
            #expect(head.fields.count == 7)
            #expect(head.fields[HTTPField.Name("X-Wide")!] == "a b\t c")
            #expect(head.fields[HTTPField.Name("X-Empty")!] == "")
        }
    }

    @Test func `reads one head after another`() throws {
        let text = requestText(line: "GET /one HTTP/1.1") + "\r\n" + requestText(line: "POST /two?x=y HTTP/1.1")
        var parser = RequestHeadParser()
        let first = try parser.parse(Array(text.utf8))
        let second = try parser.parse(Array(text.utf8.dropFirst(first.consumed)))
        #expect(first.head?.target == "/one")
        #expect(second.head?.target == "/two?x=y")
        #expect(second.head?.method == .post)
        #expect(first.consumed + second.consumed == text.utf8.count)
    }

    @Test func `skips one empty line before a request, not two`() throws {
        #expect(try parseRequest("\r\n" + requestText())?.target == "/chat")
        expectRefused(Array("\r\n\r\n".utf8), status: 400, saying: "request line of 1 parts")
    }

    @Test(arguments: [
        ("GET  / HTTP/1.1", 400, "4 parts"), ("GET / HTTP/1.1 ", 400, "4 parts"), ("GET /", 400, "2 parts"),
        (" GET / HTTP/1.1", 400, "where a method begins"), ("G(T / HTTP/1.1", 400, "method"),
        ("GET  HTTP/1.1", 400, "empty request target"), ("GET /a\tb HTTP/1.1", 400, "byte 0x09"),
        ("GET /#f HTTP/1.1", 400, "'#'"), ("GET /é HTTP/1.1", 400, "byte 0xC3"), ("GET / HTTP/1.0", 505, "HTTP/1.0"),
        ("GET / HTTP/2.0", 505, "only HTTP/1.1"), ("GET / HTTP/1.2", 505, "HTTP/1.2"),
        ("GET / http/1.1", 400, "version"),
        ("GET / HTTP/1.1x", 400, "version"), ("GET / HTTP/x.1", 400, "version"), ("GET / HTTP/1,1", 400, "version"),
        ("GET / HTTP/1.x", 400, "version"),
    ])
    func `refuses a malformed request line (S4)`(line: String, status: Int, words: String) {
        expectRefused(Array(requestText(line: line).utf8), status: status, saying: words)
    }

    @Test(arguments: [
        ("X-A: b\r\n folded", "folded"), ("X-A: b\r\n\tfolded", "folded"), ("X-A : b", "byte 0x20"),
        ("X A: b", "byte 0x20"),
        ("X-A", "without a colon"), (": b", "without a name"), ("X-A: b\nX-C: d", "line feed without"),
        ("X-A: b\rc", "byte 0x0D"), ("X-A: b\0c", "byte 0x00"), ("X-A: b\u{7F}c", "byte 0x7F"),
        ("X-A: b\u{1B}[2J", "byte 0x1B"), ("X-é: b", "byte 0xC3"), ("X(A): b", "'('"),
        ("Host: other.example", "2 fields named host"), ("Sec-WebSocket-Key: AAAA", "2 fields named sec-websocket-key"),
        ("Content-Length: 1\r\nContent-Length: 1", "2 fields named content-length"),
        ("Content-Length: 1\r\nTransfer-Encoding: chunked", "beside Transfer-Encoding"),
        ("Content-Length: +1", "not a number"), ("Content-Length: 1, 1", "not a number"),
        ("Content-Length:", "not a number"),
        ("Content-Length: 99999999999999999999", "not a number"),
    ])
    func `refuses a malformed or doubled field (T19)`(lines: String, words: String) {
        let text = requestText().dropLast() + lines + "\r\n\r\n"
        expectRefused(Array(text.utf8), status: 400, saying: words)
    }

    @Test(arguments: [
        nil, "", "a b", "user@host", "host/path", "host:0", "host:65536", "host:x", "[::1", "[::1]x", "é.example",
    ])
    func `refuses a missing or malformed Host`(host: String?) {
        expectRefused(Array(requestText(["Host": host]).utf8), status: 400, saying: "Host")
    }

    @Test(arguments: [
        "h", "h:1", "h:65535", "h:", "127.0.0.1:80", "[::1]", "[2001:db8::1]:8080", "under_score.example",
    ])
    func `takes a Host with or without a port`(host: String) throws {
        #expect(try makeRequest(["Host": host]).fields[HTTPField.Name("Host")!] == host)
    }

    @Test func `keeps the bytes of values that are not ASCII (T20)`() throws {
        let bytes =
            Array(requestText().utf8.dropLast(2)) + Array("X-Name: ".utf8) + [0xE9, 0xFF, 0x20, 0x80]
            + Array("\r\n\r\n".utf8)
        var parser = RequestHeadParser()
        let head = try #require(try parser.parse(bytes).head)
        let field = try #require(head.fields[fields: HTTPField.Name("X-Name")!].first)
        let kept = unsafe field.withUnsafeBytesOfValue { unsafe Array($0) }
        #expect(kept == [0xE9, 0xFF, 0x20, 0x80])
    }

    @Test(
        arguments: [
            ([0x16, 0x03, 0x01], "TLS handshake"), ([0x00], "byte 0x00"), ([0x80], "byte 0x80"),
        ] as [([UInt8], String)])
    func `refuses at the first byte what is no HTTP (T33)`(bytes: [UInt8], words: String) {
        expectRefused(bytes, status: 400, saying: words)
    }
}
