import HTTPTypes
import HansomHTTP
import ProtocolTesting
import Testing

@Suite(.timeLimit(.minutes(2))) struct ResponseHeadParserTests {
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

    // MARK: Folded lines

    @Test(arguments: [101, 403])
    func `unfolds lines of an answer, cut at every point (C3, T19, RFC 9112 section 5.2)`(status: Int) throws {
        let text = "HTTP/1.1 \(status) S\r\nUpgrade:\r\n websocket\r\nX-A: b \r\n\t c\r\n   \r\n d\r\nX-E: f\r\n\r\n"
        let bytes = Array(text.utf8)
        for cut in 0...bytes.count {
            var parser = ResponseHeadParser()
            let first = try parser.parse(Array(bytes[..<cut])).head
            let head = try #require(try first ?? parser.parse(Array(bytes[cut...])).head)
            #expect(head.fields[.upgrade] == "websocket" && head.fields[fieldName("X-E")] == "f")
            #expect(head.fields[fieldName("X-A")].map { $0.split(separator: " ") } == ["b", "c", "d"])
            #expect(head.fields.count == 3 && head.fault == nil)
        }
    }

    @Test func `refuses white space before the first field, and folds beyond a line's limit`() {
        for (lines, words) in [
            (" a\r\nX: y", "before the first field"),
            ("X: " + String(repeating: "y", count: 40) + "\r\n z", "maxLineBytes 40"),
        ] {
            var parser = ResponseHeadParser(limits: HeadLimits(maxLineBytes: 40))
            let error = #expect(throws: HeadError.self) {
                _ = try parser.parse(Array("HTTP/1.1 403 F\r\n\(lines)\r\n\r\n".utf8))
            }
            #expect(error?.message.contains(words) == true, "\(String(describing: error))")
        }
    }

    // MARK: What is forgiven

    /// A head's odd lines, what is told of them, and the fields that are taken.
    static let odd: [(String, String, HTTPFields)] = [
        ("X: \(String(repeating: "y", count: 9000))\r\nA: b", "headLimits.maxLineBytes 8192", [named("A"): "b"]),
        ("X: \(String(repeating: "y", count: 9000))\r\n z\r\nA: b", "headLimits.maxLineBytes 8192", [named("A"): "b"]),
        (
            "X: y\r\n \(String(repeating: "z", count: 8190))\r\n z\r\nA: b", "headLimits.maxLineBytes 8192",
            [named("A"): "b"]
        ),
        (" folded\r\n again\r\nA: b", "before the first field", [named("A"): "b"]),
        ("A : b\r\nC\t \t: d", "before the colon|and its colon", [named("A"): "b", named("C"): "d"]),
        ("A: b\nC: d", "line feed", [named("A"): "b", named("C"): "d"]),
        ("no colon\r\nA: b", "without a colon", [named("A"): "b"]),
        (": x\r\nA: b", "without a name", [named("A"): "b"]),
        ("X\u{1}: x\r\nA: b", "in a field name", [named("A"): "b"]),
        ("X: a\0b\r\nA: b", "in a field value", [named("A"): "b"]),
        ("X: a\rb\r\nA: b", "in a field value", [named("A"): "b"]),
        ("Content-Length: 5\r\nContent-Length: 5", "2 fields named", [.contentLength: "5"]),
        ("Content-Length: 5, 5", "not a number", [.contentLength: "5"]),
        ("Content-Length: 5\r\nContent-Length: 6", "2 fields named", [:]),
        ("Content-Length: 99999999999999999999", "not a number", [:]),
        ("Content-Length: five", "not a number", [:]),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", "beside", [.transferEncoding: "chunked"]),
    ]

    private static func named(_ name: String) -> HTTPField.Name { fieldName(name) }

    @Test(arguments: 0..<odd.count)
    func `takes of an answer what is sure, whole and by the byte, and says what was wrong (C3)`(index: Int) throws {
        let (lines, words, fields) = Self.odd[index]
        let bytes = Array("HTTP/1.1 403 No\r\n\(lines)\r\n\r\n".utf8)
        for size in [bytes.count, 1] {
            var parser = ResponseHeadParser(isForgiving: true)
            var taken: (consumed: Int, head: ResponseHead?) = (0, nil)
            for start in stride(from: 0, to: bytes.count, by: size) where taken.head == nil {
                taken = try parser.parse(Array(bytes[start..<min(start + size, bytes.count)]) + (size == 1 ? [] : [7]))
            }
            let head = try #require(taken.head)
            #expect(head.status == 403 && head.fields == fields && !head.isCut, "\(head)")
            let fault = head.fault?.message ?? ""
            #expect(words.split(separator: "|").contains { fault.contains($0) }, "\(fault)")
            #expect(taken.consumed == size)
        }
        // Whoever is not told to forgive refuses all of it, and so does everybody in a 101.
        for (status, isForgiving) in [(403, false), (101, true), (101, false)] {
            let head = Array("HTTP/1.1 \(status) No\r\n\(lines)\r\n\r\n".utf8)
            for size in [head.count, 1] {
                var parser = ResponseHeadParser(isForgiving: isForgiving)
                #expect(throws: HeadError.self) {
                    for start in stride(from: 0, to: head.count, by: size) {
                        _ = try parser.parse(Array(head[start..<min(start + size, head.count)]))
                    }
                }
            }
        }
    }

    @Test func `takes a hundred fields of too many, and a head up to its limit (C3, T16)`() throws {
        var parser = ResponseHeadParser(isForgiving: true)
        let many = "HTTP/1.1 403 No\r\n" + String(repeating: "A: b\r\n", count: 120) + " c\r\n\r\n"
        let head = try #require(try parser.parse(Array(many.utf8)).head)
        #expect(head.fields.count == 100 && head.fault?.message.contains("headLimits.maxLines 100") == true)

        let line = Array(("A: " + String(repeating: "b", count: 7000) + "\r\n").utf8)
        var taken = try parser.parse(Array("HTTP/1.1 403 No\r\n".utf8))
        var total = taken.consumed
        while taken.head == nil, total < 1 << 20 {
            taken = try parser.parse(line)
            total += taken.consumed
        }
        #expect(total == 64 << 10)
        let cut = try #require(taken.head)
        #expect(cut.status == 403 && cut.isCut && cut.fields.count == 9)
        #expect(cut.fault?.message.contains("headLimits.maxHeadBytes 65536") == true)
    }

    @Test func `takes the status of a line that is too long, or whose reason is none (C3)`() throws {
        let long = "HTTP/1.1 403 " + String(repeating: "x", count: 9000)
        for (line, faults) in [(long, true), ("HTTP/1.1 403 O\u{1}K", false)] {
            var parser = ResponseHeadParser(isForgiving: true)
            let head = try #require(try parser.parse(Array((line + "\r\nA: b\r\n\r\n").utf8)).head)
            #expect(head.status == 403 && head.fields.count == 1 && (head.fault != nil) == faults)
        }
        // A start line that does not end within the head's limit.
        var parser = ResponseHeadParser(limits: HeadLimits(maxHeadBytes: 100), isForgiving: true)
        let head = try #require(try parser.parse(Array(long.utf8)).head)
        #expect(head.status == 403 && head.isCut)
        for line in [
            "HTTP/1.1 4x3 No", "HTTP/2.0 403 No", "HTTP/1.1 101 " + String(repeating: "x", count: 9000),
            "HTTP/1.1 101 O\u{1}K",
        ] {
            var parser = ResponseHeadParser(isForgiving: true)
            #expect(throws: HeadError.self) { _ = try parser.parse(Array((line + "\r\n\r\n").utf8)) }
        }
    }

    @Test func `knows what has come of a head that is not complete (C3)`() throws {
        var parser = ResponseHeadParser(isForgiving: true)
        _ = try parser.parse(Array("HTTP/1.1 40".utf8))
        #expect(parser.begun == nil)
        _ = try parser.parse(Array("3 No\r\nA: b\r\nC".utf8))
        #expect(
            parser.begun?.status == 403 && parser.begun?.isCut == true && parser.begun?.fields == [fieldName("A"): "b"])
        _ = try parser.parse(Array(": d\r\n e".utf8))
        #expect(parser.begun?.fields == [fieldName("A"): "b"])
        #expect(parser.begun?.fault?.message.contains("before its empty line") == true)
        var other = ResponseHeadParser(isForgiving: true)
        _ = try other.parse(Array("HTTP/1.1 101 S\r\nA: b\r\nC".utf8))
        #expect(other.begun == nil)
    }
}
