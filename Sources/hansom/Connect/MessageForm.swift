internal import WSClient

/// How messages are written where they are typed, piped or given on the command line.
struct MessageForm: Equatable, Sendable {
    /// They go out as binary messages.
    var isBinary = false
    /// A backslash begins an escape in them.
    var hasEscapes = false
    /// NULs stand between them, and not line ends.
    var isSeparatedByNUL = false

    var separator: UInt8 { isSeparatedByNUL ? 0 : UInt8(ascii: "\n") }

    /// The message that a text stands for.
    func message(_ text: String) throws(CommandFailure) -> WebSocket.Message {
        guard hasEscapes else { return isBinary ? .binary(Array(text.utf8)) : .text(text) }
        return try message(bytes: MessageForm.unescaped(Array(text.utf8)), of: "the message")
    }

    /// The message that a line of any bytes stands for.
    func message(line: [UInt8]) throws(CommandFailure) -> WebSocket.Message {
        hasEscapes ? try message(bytes: MessageForm.unescaped(line), of: "the message") : .binary(line)
    }

    /// A message of these bytes as they are.
    ///
    /// - Parameter what: how an error calls them.
    func message(bytes: [UInt8], of what: String) throws(CommandFailure) -> WebSocket.Message {
        if isBinary { return .binary(bytes) }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CommandFailure("\(what) is not UTF-8, as text must be (RFC 6455 section 5.6); --binary sends any bytes")
        }
        return .text(text)
    }

    // MARK: Escapes

    private static let simple: [UInt8: UInt8] = [
        UInt8(ascii: "n"): 0x0A, UInt8(ascii: "r"): 0x0D, UInt8(ascii: "t"): 0x09, UInt8(ascii: "0"): 0,
        UInt8(ascii: "\\"): UInt8(ascii: "\\"),
    ]

    /// `\n \r \t \0 \\`, `\xHH` for a byte, `\u{H...}` for a character: what is printed escaped can be typed so.
    private static func unescaped(_ text: [UInt8]) throws(CommandFailure) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            let kind = rest.popFirst()
            if let kind, let plain = simple[kind] {
                bytes.append(plain)
            } else if kind == UInt8(ascii: "x"), let value = number(rest.prefix(2)), rest.count >= 2 {
                bytes.append(UInt8(truncatingIfNeeded: value))
                rest = rest.dropFirst(2)
            } else if kind == UInt8(ascii: "u"), rest.first == UInt8(ascii: "{"),
                let end = rest.firstIndex(of: UInt8(ascii: "}")), let value = number(rest[..<end].dropFirst()),
                let scalar = Unicode.Scalar(value)
            {
                bytes += Array(String(Character(scalar)).utf8)
                rest = rest[(end + 1)...]
            } else {
                throw CommandFailure("an escape that is none; there are \\n \\r \\t \\0 \\\\ \\xHH and \\u{H...}, in hexadecimal")
            }
        }
        return bytes
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> UInt32? {
        // Without a sign, which `UInt32` would take.
        guard (1...6).contains(digits.count), digits.first != UInt8(ascii: "+") else { return nil }
        return UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
    }
}
