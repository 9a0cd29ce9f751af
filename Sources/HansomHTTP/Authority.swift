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

    /// What stands behind the host: nothing, a lone colon (RFC 3986 section 3.2.3 allows it), or a colon and 1 to 65535.
    private static func port(_ text: ArraySlice<UInt8>) -> (number: Int?, Void)? {
        guard let colon = text.first else { return (nil, ()) }
        let digits = text.dropFirst()
        guard colon == UInt8(ascii: ":"), digits.count <= 5, digits.allSatisfy(\.isDigit) else { return nil }
        if digits.isEmpty { return (nil, ()) }
        let number = digits.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) }
        return (1...65535).contains(number) ? (number, ()) : nil
    }
}

/// The grammar of IPv6 addresses in URLs (RFC 3986 section 3.2.2).
enum IPv6Literal {
    /// Whether `text`, without brackets, is an IPv6 address: eight groups, or fewer around one `::`; the last two may be written
    /// as an IPv4 address. A zone (RFC 6874) is no part of it: it means something on one machine only.
    static func isValid(_ text: String) -> Bool {
        let halves = halves(Array(text.utf8))
        let counts = halves.enumerated().map { index, half in groupCount(half, mayEndInIPv4: index == halves.count - 1)
        }
        switch (counts.first, counts.dropFirst().first) {
        case (.some(.some(let all)), nil): return all == 8
        case (.some(.some(let before)), .some(.some(let after))): return before + after <= 7
        default: return false
        }
    }

    /// The text before and behind the first `::`, or all of it.
    private static func halves(_ text: [UInt8]) -> [ArraySlice<UInt8>] {
        let colon = UInt8(ascii: ":")
        let double = text.indices.dropLast().first { text[$0] == colon && text[$0 + 1] == colon }
        guard let double else { return [ArraySlice(text)] }
        return [text[..<double], text[(double + 2)...]]
    }

    /// How many groups of 16 bits these are, or `nil` when they are something else.
    private static func groupCount(_ text: ArraySlice<UInt8>, mayEndInIPv4: Bool) -> Int? {
        if text.isEmpty { return 0 }
        var groups = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        var count = 0
        if mayEndInIPv4, let last = groups.last, last.contains(UInt8(ascii: ".")) {
            guard isIPv4(last) else { return nil }
            groups.removeLast()
            count = 2
        }
        guard groups.allSatisfy({ (1...4).contains($0.count) && $0.allSatisfy { $0.hexValue != nil } }) else {
            return nil
        }
        return count + groups.count
    }

    private static func isIPv4(_ text: ArraySlice<UInt8>) -> Bool {
        let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return parts.count == 4
            && parts.allSatisfy { part in
                guard (1...3).contains(part.count), part.allSatisfy(\.isDigit) else { return false }
                return part.reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } <= 255
            }
    }
}
