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
