package import HTTPTypes
package import HansomHTTP
package import Testing

/// The request of RFC 6455 section 1.2, with changes: `nil` takes a line away, a value replaces or adds one.
package func requestText(
    _ changes: KeyValuePairs<String, String?> = [:], line: String = "GET /chat HTTP/1.1"
) -> String {
    var lines: [(String, String)] = [
        ("Host", "server.example.com"), ("Upgrade", "websocket"), ("Connection", "Upgrade"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Sec-WebSocket-Version", "13"),
    ]
    for (name, value) in changes {
        let place = lines.firstIndex { $0.0 == name }
        if let place { lines.remove(at: place) }
        if let value { lines.insert((name, value), at: place ?? lines.count) }
    }
    return line + "\r\n" + lines.map { "\($0): \($1)\r\n" }.joined() + "\r\n"
}

/// Reads a whole request head, and expects that nothing is left.
package func parseRequest(_ text: String, limits: HeadLimits = .init()) throws(HeadError) -> RequestHead? {
    var parser = RequestHeadParser(limits: limits)
    return try parser.parse(Array(text.utf8)).head
}

package func parseResponse(_ text: String) throws(HeadError) -> ResponseHead? {
    var parser = ResponseHeadParser()
    return try parser.parse(Array(text.utf8)).head
}

/// Expects that a head is refused with `status`, whole and a byte at a time, with a message that says `words`.
package func expectRefused(
    _ bytes: [UInt8], status: Int, saying words: String, limits: HeadLimits = .init(),
    sourceLocation: SourceLocation = #_sourceLocation
) {
    for size in [bytes.count, 1] {
        var parser = RequestHeadParser(limits: limits)
        do {
            for start in stride(from: 0, to: bytes.count, by: size) {
                _ = try parser.parse(Array(bytes[start..<min(start + size, bytes.count)]))
            }
            Issue.record("not refused in pieces of \(size)", sourceLocation: sourceLocation)
        } catch {
            #expect(error.status == status, sourceLocation: sourceLocation)
            #expect(error.message.contains(words), "\(error)", sourceLocation: sourceLocation)
            #expect(error.description.hasPrefix("\(status): "), sourceLocation: sourceLocation)
        }
    }
}

/// A request head as a server sees it.
package func makeRequest(_ changes: KeyValuePairs<String, String?> = [:], line: String = "GET /chat HTTP/1.1") throws
    -> RequestHead
{
    let head = try parseRequest(requestText(changes, line: line))
    return try #require(head)
}

/// A field name that the test knows to be a token.
package func fieldName(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no token") }
    return name
}

extension HTTPFields {
    /// Fields by their names in plain text.
    package init(named fields: KeyValuePairs<String, String>) {
        self.init()
        for (name, value) in fields { append(HTTPField(name: fieldName(name), value: value)) }
    }
}
