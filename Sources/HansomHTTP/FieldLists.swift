package import HTTPTypes

/// Reads list fields (RFC 9110 section 5.6.1).
///
/// It pulls from an iterator and never goes back, so each byte is visited once, whatever the list looks like.
package struct FieldListParser<Bytes: IteratorProtocol> where Bytes.Element == UInt8 {
    private var bytes: Bytes
    /// The next byte, or `nil` at the end.
    package private(set) var current: UInt8?

    package init(_ bytes: Bytes) {
        self.bytes = bytes
        current = self.bytes.next()
    }

    /// Reads `a, b, c`; empty members are skipped.
    ///
    /// - Returns: the tokens, or `nil` when something else stands there.
    package mutating func tokens() -> [String]? {
        list { $0.token() }
    }

    package mutating func list<Member>(_ member: (inout Self) -> Member?) -> [Member]? {
        var members: [Member] = []
        let isList = passList { parser in
            guard let next = member(&parser) else { return false }
            members.append(next)
            return true
        }
        return isList ? members : nil
    }

    /// Passes over a list, whose members `member` reads, and of each says whether it is one.
    ///
    /// - Returns: whether that is all that stands there.
    package mutating func passList(_ member: (inout Self) -> Bool) -> Bool {
        skipBlanks()
        while current != nil {
            if !skip(",") {
                guard member(&self) else { return false }
                skipBlanks()
                guard current == nil || skip(",") else { return false }
            }
            skipBlanks()
        }
        return true
    }

    /// - Parameter known: what it is likely to be, whose `String` is there already.
    package mutating func token(known: [String] = []) -> String? {
        // Most are short.
        var (short, count, long) = (InlineArray<32, UInt8>(repeating: 0), 0, [UInt8]())
        while let byte = current, byte.isToken {
            if count < 32 { short[count] = byte } else { long.append(byte) }
            count += 1
            advance()
        }
        if count == 0 { return nil }
        let start = short.span.extracting(first: count)
        guard long.isEmpty else { return start.text + String(decoding: long, as: UTF8.self) }
        for text in known where start.isExactly(start.indices, text) { return text }
        return start.text
    }

    /// A quoted string of field content (RFC 9110 section 5.6.4).
    package mutating func quotedText() -> String? {
        advance()
        var text: [UInt8] = []
        while let byte = current, byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") { advance() }
            guard let byte = current, byte.isFieldContent else { return nil }
            text.append(byte)
            advance()
        }
        return skip("\"") ? String(decoding: text, as: UTF8.self) : nil
    }

    /// Passes over `*( ";" name [ "=" value ] )`, with blanks between (RFC 9112 section 7.1.1).
    ///
    /// - Returns: whether that is all that stands there, and it has a name at least.
    package mutating func passChunkExtensions() -> Bool {
        guard current == UInt8(ascii: ";") else { return false }
        while skip(";") {
            skipBlanks()
            guard token() != nil else { return false }
            skipBlanks()
            if skip("=") {
                skipBlanks()
                guard (current == UInt8(ascii: "\"") ? quotedText() : token()) != nil else { return false }
                skipBlanks()
            }
        }
        return current == nil
    }

    package mutating func skipBlanks() {
        while current == UInt8(ascii: " ") || current == UInt8(ascii: "\t") { advance() }
    }

    package mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        advance()
        return true
    }

    package mutating func advance() {
        current = bytes.next()
    }
}

extension HTTPFields {
    /// Whether a list field has `token` among its members, whatever the case of its letters (RFC 9110 section 5.6.1).
    package func lists(_ token: String, in name: HTTPField.Name) -> Bool {
        self[values: name].contains { value in
            value.utf8.split(separator: UInt8(ascii: ",")).contains { member in
                member.trimmingWhitespace.equalsIgnoringASCIICase(token.utf8)
            }
        }
    }
}

extension BidirectionalCollection<UInt8> {
    /// Without the spaces and tabs at either end (RFC 9110 section 5.6.3).
    package var trimmingWhitespace: SubSequence {
        let isBlank: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
        guard let last = lastIndex(where: { !isBlank($0) }) else { return self[startIndex..<startIndex] }
        return self[...last].drop(while: isBlank)
    }
}

extension Sequence<UInt8> {
    /// Whether the bytes are the same but for the case of ASCII letters.
    package func equalsIgnoringASCIICase(_ other: some Sequence<UInt8>) -> Bool {
        elementsEqual(other) { $0.asciiLowercased == $1.asciiLowercased }
    }
}

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

/// Which bytes may stand where (RFC 9110 section 5.6).
extension UInt8 {
    /// A byte of a token (RFC 9110 section 5.6.2).
    package var isToken: Bool {
        // A bit for each of 0 to 63, and of 64 to 127: letters, digits, and !#$%&'*+-.^_`|~
        let bits: UInt64 = self < 64 ? 0x03FF_6CFA_0000_0000 : self < 128 ? 0x57FF_FFFF_C7FF_FFFE : 0
        return bits >> UInt64(self & 63) & 1 == 1
    }

    /// A byte of a field value: space, tab, visible ASCII, or obs-text (RFC 9110 section 5.5).
    package var isFieldContent: Bool { self == 0x09 || self >= 0x20 && self != 0x7F }

    /// Visible ASCII.
    package var isVisible: Bool { self > 0x20 && self < 0x7F }

    package var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }

    package var isASCIILetter: Bool {
        asciiLowercased >= UInt8(ascii: "a") && asciiLowercased <= UInt8(ascii: "z")
    }

    /// The value of a hexadecimal digit.
    package var hexValue: UInt8? {
        switch asciiLowercased {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): asciiLowercased - UInt8(ascii: "a") + 10
        default: nil
        }
    }

    package var asciiLowercased: UInt8 {
        self >= UInt8(ascii: "A") && self <= UInt8(ascii: "Z") ? self | 0x20 : self
    }

    /// The byte as messages show it: a character when it is visible, else `0x` and its number.
    package var shown: String {
        let digits = String(self, radix: 16, uppercase: true)
        return isVisible ? "'\(Character(UnicodeScalar(self)))'" : "byte 0x\(digits.count == 1 ? "0" : "")\(digits)"
    }
}

extension String {
    /// Whether this is a token (RFC 9110 section 5.6.2).
    package var isToken: Bool { !isEmpty && utf8.allSatisfy(\.isToken) }

    /// With ASCII letters in lower case, all else as it is.
    package var asciiLowercased: String {
        let hasCapitals = utf8.contains { $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }
        return hasCapitals ? String(decoding: utf8.map(\.asciiLowercased), as: UTF8.self) : self
    }

    /// What a peer sent, fit to stand in an error: in quotes, all but visible ASCII escaped, no longer than a line.
    package var quotedASCII: String {
        let longest = 200
        let shown = unicodeScalars.prefix(longest).map { $0.escaped(asASCII: true) }.joined()
        return "\"\(shown)\(unicodeScalars.count > longest ? "..." : "")\""
    }
}

extension HTTPField.Name {
    /// `Host` (RFC 9110 section 7.2). The type library wants it spelt `:authority`, which is for later versions of
    /// HTTP.
    // The literal is a token, so there is a name.
    // swift-format-ignore: NeverForceUnwrap
    package static let hostField = HTTPField.Name("Host")!
}
