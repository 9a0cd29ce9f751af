import Testing

@testable import HansomHTTP
@testable import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct FieldListParserTests {
    private func tokens(_ text: String) -> [String]? {
        var parser = FieldListParser(text.utf8.makeIterator())
        return parser.tokens()
    }

    private func extensions(_ text: String) -> [ExtensionOffer]? {
        var parser = FieldListParser(text.utf8.makeIterator())
        return parser.extensions()
    }

    @Test(
        arguments: [
            ("", []), ("a", ["a"]), ("a,b", ["a", "b"]), (" a ,\tb ", ["a", "b"]), (",, a,,b,", ["a", "b"]),
            ("v12.stomp, graphql-ws", ["v12.stomp", "graphql-ws"]), ("a b", nil), ("a;b", nil), ("\"a\"", nil),
            ("é", nil),
            ("a, (", nil),
        ] as [(String, [String]?)])
    func `reads lists of tokens (S6)`(text: String, expected: [String]?) {
        #expect(tokens(text) == expected)
    }

    @Test func `reads extensions with their parameters`() {
        let expected = [
            ExtensionOffer(
                name: "permessage-deflate",
                parameters: [.init(name: "client_max_window_bits"), .init(name: "server_max_window_bits", value: "10")]),
            ExtensionOffer(name: "x", parameters: [.init(name: "q", value: "a1"), .init(name: "q", value: "b")]),
        ]
        let text = "permessage-deflate; client_max_window_bits ;server_max_window_bits = 10 ,, x;q=\"a\\1\" ; q=b"
        #expect(extensions(text) == expected)
        #expect(extensions("") == [])
    }

    @Test(arguments: [
        "a;", "a;;b", "a;b=", "a;b=\"", "a;b=\"c", "a;b=\"\"", "a;b=\"c d\"", "a;b=\"c\\", "a b", "=", ";", "a;b=c d",
        "a;=b", "é",
        "a;b=\"\\\"\"",
    ])
    func `refuses what is no list of extensions (T13)`(text: String) {
        #expect(extensions(text) == nil)
    }

    @Test(arguments: [" ", ",", "\"", "\\", ";", "=", "a", "a,", "a;", "a;b,", "a;b=\"", "a;b=\"c\",", " ,", ", a"])
    func `visits each byte once, of 64 KiB of anything (T15)`(pattern: String) {
        let bytes = Array(String(repeating: pattern, count: 65536 / pattern.utf8.count).utf8)
        for readsExtensions in [false, true] {
            let visits = VisitCounter()
            var parser = FieldListParser(CountingIterator(bytes: bytes, visits: visits))
            if readsExtensions { _ = parser.extensions() } else { _ = parser.tokens() }
            #expect(visits.count <= bytes.count)
            #expect(visits.count >= 1)
        }
    }
}

private final class VisitCounter {
    var count = 0
}

private struct CountingIterator: IteratorProtocol {
    let bytes: [UInt8]
    let visits: VisitCounter
    var offset = 0

    mutating func next() -> UInt8? {
        guard offset < bytes.count else { return nil }
        defer { offset += 1 }
        visits.count += 1
        return bytes[offset]
    }
}
