import HTTPTypes
import HansomHTTP
import Testing

/// Answers as they go out (S7).
@Suite(.timeLimit(.minutes(2))) struct AnswerTests {
    private func text(
        _ status: Int = 200, _ fields: HTTPFields = [:], _ body: String = "", isToHead: Bool = false,
        keepsAlive: Bool = true
    ) -> String {
        let answer = OutgoingResponse(status: status, fields: fields, body: Array(body.utf8))
        return String(decoding: answer.bytes(isToHead: isToHead, keepsAlive: keepsAlive), as: UTF8.self)
    }

    @Test func `says how long it is and whether it is the last (S7)`() {
        #expect(text(200, [:], "hello") == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        #expect(
            text(404, keepsAlive: false) == "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        #expect(text(200, [:], "hello", isToHead: true) == "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        #expect(text(299) == "HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n")
    }

    @Test(arguments: [204, 304])
    func `has no content where none may be (S7)`(status: Int) {
        let answer = text(status, [:], "never seen")
        #expect(answer.hasSuffix("\r\n\r\n") && !answer.contains("Content-Length") && !answer.contains("never"))
    }

    @Test func `frames itself, whatever a program says (S7) (T18)`() {
        let fields: HTTPFields = [
            .contentLength: "99", .transferEncoding: "chunked", .connection: "keep-alive", .server: "x",
        ]
        #expect(text(200, fields, "hi") == "HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 2\r\n\r\nhi")
        #expect(text(426, [.upgrade: "websocket"], keepsAlive: false).contains("Connection: close, Upgrade\r\n"))
    }

    @Test(arguments: ["\r", "\n", "\0", "\r\n", "\u{B}", "\u{7F}"])
    func `writes no control character into a field (S7) (T18)`(bad: String) throws {
        var fields = HTTPFields()
        fields[.location] = "/a\(bad)Set-Cookie: b"
        fields.append(HTTPField(name: .server, lenientValue: Array("x\(bad)y".utf8)))
        let answer = text(302, fields)
        let head = try #require(answer.components(separatedBy: "\r\n\r\n").first)
        #expect(head.components(separatedBy: "\r\n").count == 4, "\(answer.debugDescription)")
        #expect(!head.replacing("\r\n", with: "").utf8.contains { $0 < 0x20 || $0 == 0x7F })
    }
}

extension String {
    fileprivate func components(separatedBy separator: String) -> [String] {
        var parts: [String] = []
        var rest = self[...]
        while let range = rest.utf8.firstRange(of: Array(separator.utf8)) {
            parts.append(String(rest[..<range.lowerBound]))
            rest = rest[range.upperBound...]
        }
        return parts + [String(rest)]
    }

    fileprivate func replacing(_ text: String, with other: String) -> String {
        components(separatedBy: text).joined(separator: other)
    }
}
