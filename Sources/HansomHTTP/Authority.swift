internal import Glibc

/// A host with an optional port, as in `Host` and in URLs (RFC 3986 section 3.2).
package struct Authority: Hashable, Sendable {
    /// In lower case, without the brackets of an IPv6 literal.
    package var host: String
    package var port: Int?

    /// - Returns: `nil` for an empty or malformed host or port.
    package init?(_ text: String) {
        let bytes = Array(text.utf8)
        let portText: ArraySlice<UInt8>
        if bytes.first == UInt8(ascii: "[") {
            guard let end = bytes.firstIndex(of: UInt8(ascii: "]")) else { return nil }
            host = String(decoding: bytes[1..<end], as: UTF8.self).asciiLowercased
            guard IPv6Literal.isValid(host) else { return nil }
            portText = bytes[(end + 1)...]
        } else {
            let end = bytes.firstIndex(of: UInt8(ascii: ":")) ?? bytes.endIndex
            guard end > 0, bytes[..<end].allSatisfy(Self.isHostByte) else { return nil }
            host = String(decoding: bytes[..<end], as: UTF8.self).asciiLowercased
            portText = bytes[end...]
        }
        guard let port = Self.port(portText) else { return nil }
        self.port = port.number
    }

    /// A host as it stands in a URL: an IPv6 literal in brackets.
    package static func bracketed(_ host: String) -> String {
        host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
    }

    private static func isHostByte(_ byte: UInt8) -> Bool {
        byte.isASCIILetter || byte.isDigit || [UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_")].contains(byte)
    }

    /// What stands behind the host: nothing, a lone colon (RFC 3986 section 3.2.3 allows it), or a colon and 1 to
    /// 65535.
    private static func port(_ text: ArraySlice<UInt8>) -> (number: Int?, Void)? {
        guard let colon = text.first else { return (nil, ()) }
        let digits = text.dropFirst()
        guard colon == UInt8(ascii: ":"), digits.count <= 5, digits.allSatisfy(\.isDigit) else { return nil }
        if digits.isEmpty { return (nil, ()) }
        let number = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
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
