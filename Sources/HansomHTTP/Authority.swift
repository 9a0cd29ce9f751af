internal import Glibc

/// A host with an optional port, as in `Host` and in URLs (RFC 3986 section 3.2).
package struct Authority: Hashable, Sendable {
    /// In lower case, without the brackets of an IPv6 literal.
    package var host: String
    package var port: Int?

    /// - Returns: `nil` for an empty or malformed host or port.
    package init?(_ text: String) {
        let bytes = text.utf8.span
        guard let parts = Self.parts(bytes) else { return nil }
        host = bytes.extracting(parts.host).text.asciiLowercased
        port = parts.port
        if parts.isBracketed, !IPv6Literal.isValid(host) { return nil }
    }

    /// Whether these bytes are a host with an optional port.
    static func isWellFormed(_ bytes: ArraySlice<UInt8>) -> Bool {
        let bytes = bytes.span
        guard let parts = parts(bytes) else { return false }
        return !parts.isBracketed || IPv6Literal.isValid(bytes.extracting(parts.host).text.asciiLowercased)
    }

    /// Where the host is, and the port; what stands in brackets is not looked at.
    private static func parts(_ bytes: Span<UInt8>) -> (host: Range<Int>, port: Int?, isBracketed: Bool)? {
        if !bytes.isEmpty, bytes[0] == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")), let port = port(bytes, from: end + 1) else {
                return nil
            }
            return (1..<end, port.number, true)
        }
        let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.count
        guard end > 0 else { return nil }
        for index in 0..<end where !isHostByte(bytes[index]) { return nil }
        guard let port = port(bytes, from: end) else { return nil }
        return (0..<end, port.number, false)
    }

    /// A host as it stands in a URL: an IPv6 literal in brackets.
    package static func bracketed(_ host: String) -> String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        byte.isASCIILetter || byte.isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            || byte == UInt8(ascii: "_")
    }

    /// What stands behind the host: nothing, a lone colon (RFC 3986 section 3.2.3 allows it), or a colon and 1 to
    /// 65535.
    private static func port(_ text: Span<UInt8>, from start: Int) -> (number: Int?, Void)? {
        guard start < text.count else { return (nil, ()) }
        guard text[start] == UInt8(ascii: ":"), text.count - start <= 6 else { return nil }
        var number = 0
        for index in (start + 1)..<text.count {
            guard text[index].isDigit else { return nil }
            number = number * 10 + Int(text[index] - UInt8(ascii: "0"))
        }
        if start + 1 == text.count { return (nil, ()) }
        return (1...65535).contains(number) ? (number, ()) : nil
    }
}

/// IPv6 addresses as URLs have them between brackets (RFC 3986 section 3.2.2).
enum IPv6Literal {
    /// Whether `text`, without brackets, is an IPv6 address, as the system reads it. A zone (RFC 6874) is no part of
    /// it: it means something on one machine only.
    static func isValid(_ text: String) -> Bool {
        var address = in6_addr()
        // C would stop reading at a NUL.
        guard !text.utf8.contains(0) else { return false }
        // Safety: the call fills one value that lives as long as the call.
        return unsafe inet_pton(AF_INET6, text, &address) == 1
    }
}
