/// Reads the list fields of the handshake (RFC 9110 section 5.6.1, RFC 6455 section 9.1).
///
/// It pulls from an iterator and never goes back, so each byte is visited once, whatever the list looks like.
struct FieldListParser<Bytes: IteratorProtocol> where Bytes.Element == UInt8 {
    private var bytes: Bytes
    /// The next byte, or `nil` at the end.
    private(set) var current: UInt8?

    init(_ bytes: Bytes) {
        self.bytes = bytes
        current = self.bytes.next()
    }

    /// Reads `a, b, c`; empty members are skipped.
    ///
    /// - Returns: the tokens, or `nil` when something else stands there.
    mutating func tokens() -> [String]? {
        list { $0.token() }
    }

    /// Reads `name; parameter; parameter=value, name`, where a value may be quoted.
    ///
    /// - Returns: the extensions, or `nil` when something else stands there.
    mutating func extensions() -> [ExtensionOffer]? {
        list { $0.extensionOffer() }
    }

    mutating func list<Member>(_ member: (inout Self) -> Member?) -> [Member]? {
        var members: [Member] = []
        skipBlanks()
        while current != nil {
            if !skip(",") {
                guard let next = member(&self) else { return nil }
                members.append(next)
                skipBlanks()
                guard current == nil || skip(",") else { return nil }
            }
            skipBlanks()
        }
        return members
    }

    private mutating func extensionOffer() -> ExtensionOffer? {
        guard let name = token() else { return nil }
        var offer = ExtensionOffer(name: name)
        skipBlanks()
        while skip(";") {
            skipBlanks()
            guard let name = token() else { return nil }
            var parameter = ExtensionOffer.Parameter(name: name)
            skipBlanks()
            if skip("=") {
                skipBlanks()
                guard let value = current == UInt8(ascii: "\"") ? quotedToken() : token() else { return nil }
                parameter.value = value
                skipBlanks()
            }
            offer.parameters.append(parameter)
        }
        return offer
    }

    mutating func token() -> String? {
        var text: [UInt8] = []
        while let byte = current, byte.isToken {
            text.append(byte)
            advance()
        }
        return text.isEmpty ? nil : String(decoding: text, as: UTF8.self)
    }

    /// "When using the quoted-string syntax variant, the value after quoted-string unescaping MUST conform to the 'token'
    /// ABNF" (RFC 6455 section 9.1).
    private mutating func quotedToken() -> String? {
        advance()
        var text: [UInt8] = []
        while let byte = current, byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") { advance() }
            guard let byte = current, byte.isToken else { return nil }
            text.append(byte)
            advance()
        }
        return skip("\"") && !text.isEmpty ? String(decoding: text, as: UTF8.self) : nil
    }

    /// A quoted string of field content (RFC 9110 section 5.6.4).
    mutating func quotedText() -> String? {
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
    mutating func passChunkExtensions() -> Bool {
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

    mutating func skipBlanks() {
        while current == UInt8(ascii: " ") || current == UInt8(ascii: "\t") { advance() }
    }

    mutating func skip(_ character: Unicode.Scalar) -> Bool {
        guard current == UInt8(ascii: character) else { return false }
        advance()
        return true
    }

    mutating func advance() {
        current = bytes.next()
    }
}
