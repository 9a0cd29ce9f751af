import HTTPTypes
import Testing

@testable import HansomHTTP

/// What is looked for in a head is found where it lies, and is what a program is shown.
@Suite(.timeLimit(.minutes(1))) struct FieldLinesTests {
    private func head(_ fields: String, piece: Int = .max) throws -> RequestHead {
        let bytes = Array("GET / HTTP/1.1\r\nHost: a\r\n\(fields)\r\n".utf8)
        var parser = RequestHeadParser()
        for start in stride(from: 0, to: bytes.count, by: min(piece, bytes.count)) {
            let part = bytes[start...].prefix(piece)
            if let head = try parser.parse(Array(part)).head { return head }
        }
        throw Incomplete()
    }

    private struct Incomplete: Error {}

    private static let names: [FieldLines.Name] = [
        .connection, .contentLength, .expect, .host, .origin, .transferEncoding, .upgrade, .secWebSocketExtensions,
        .secWebSocketKey, .secWebSocketProtocol, .secWebSocketVersion,
    ]

    @Test(arguments: names)
    func `finds a field whatever the case of its name, and no other (T19)`(name: FieldLines.Name) throws {
        let text = name.text
        guard let known = HTTPField.Name(text) else { throw Incomplete() }
        for spelt in [text, text.uppercased(), known.rawName] where name != .host && name != .contentLength {
            // A name as long as it is no such field, nor is one that begins or ends so.
            let others = "x\(text.dropFirst()): 1\r\n\(text)x: 2\r\nx\(text): 3\r\n\(text.dropLast())_: 4\r\n"
            let lines = try head("\(others)\(spelt): \t5 6 \r\n").lines
            #expect(lines.text(of: name) == "5 6" && lines.count(of: name) == 1)
            #expect(try !head(others).lines.contains(name))
        }
    }

    @Test(arguments: [1, 2, 3, 7, 1000])
    func `is the same however a head is cut, and the same as the fields that it becomes (T19, T20)`(piece: Int) throws {
        let text =
            "Origin: \r\norigin: b\r\nOrigin:c, d\r\nX-Empty:\r\nconnection: keep-alive ,\tUPGRADE\r\nCookie: \u{e9}\r\n"
        let head = try head(text, piece: piece)
        #expect(head.lines.text(of: .origin) == ", b, c, d" && head.lines.text(of: .origin) == head.fields[.origin])
        #expect(head.lines.count(of: .origin) == 3 && head.lines.value(of: .upgrade) == nil)
        #expect(head.lines.lists("upgrade", in: .connection) && !head.lines.lists("keep", in: .connection))
        #expect(
            head.fields.map(\.name.rawName) == [
                "Host", "Origin", "origin", "Origin", "X-Empty", "connection", "Cookie",
            ])
        #expect(head.fields.map(\.value) == ["a", "", "b", "c, d", "", "keep-alive ,\tUPGRADE", "\u{e9}"])
        // And the other way.
        let given = RequestHead(target: "/", fields: head.fields)
        #expect(given.lines.text(of: .origin) == ", b, c, d" && given.fields == head.fields && given == head)
    }

    @Test func `heeds the fields that a program has changed (T19)`() throws {
        var head = try head("Upgrade: websocket\r\n")
        head.fields[.upgrade] = "h2c"
        head.fields[.origin] = "http://a"
        #expect(head.lines.text(of: .upgrade) == "h2c" && head.lines.text(of: .origin) == "http://a")
        head.fields[.upgrade] = nil
        #expect(!head.lines.contains(.upgrade))
    }

    @Test(arguments: [
        "", ",", " ", "websocket", ", WebSocket\t,", "a,websocket", "web socket", "websocket/13", "xwebsocket",
    ])
    func `lists what the fields list (T19)`(value: String) throws {
        let head = try head("Upgrade: \(value)\r\nUpgrade: x\r\n")
        #expect(head.lines.lists("websocket", in: .upgrade) == head.fields.lists("websocket", in: .upgrade))
    }
}
