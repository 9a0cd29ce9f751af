/// One element of a `Forwarded` field: what one proxy says of the request that it passed on (RFC 7239 section 4).
package struct ForwardedElement: Hashable, Sendable {
    /// The pairs by name, in lower case. Quotes around values are taken off.
    private var pairs: [String: String] = [:]

    /// Who asked the proxy: an address, maybe with a port, `unknown`, or a name that begins with `_` (section 6).
    package var requester: String? { pairs["for"] }
    /// `http` or `https` (section 5.4).
    package var scheme: String? { pairs["proto"] }
    /// `Host` as the proxy got it (section 5.3).
    package var host: String? { pairs["host"] }

    /// Reads the elements of a field, the first proxy's first.
    ///
    /// - Returns: `nil` when it is no such list, or when an element has a name twice (section 4 forbids it).
    package static func list(_ field: String) -> [ForwardedElement]? {
        var parser = FieldListParser(field.utf8.makeIterator())
        return parser.list { $0.forwardedElement() }
    }

    fileprivate mutating func add(_ name: String, _ value: String) -> Bool {
        pairs.updateValue(value, forKey: name.asciiLowercased) == nil
    }
}

extension FieldListParser {
    /// `[ pair ] *( ";" [ pair ] )`, with blanks around the semicolons, which the grammar has not but proxies write.
    fileprivate mutating func forwardedElement() -> ForwardedElement? {
        var element = ForwardedElement()
        repeat {
            skipBlanks()
            guard let name = token() else { continue }
            guard skip("="), let value = current == UInt8(ascii: "\"") ? quotedText() : token(),
                element.add(name, value)
            else { return nil }
            skipBlanks()
        } while skip(";")
        return element
    }
}
