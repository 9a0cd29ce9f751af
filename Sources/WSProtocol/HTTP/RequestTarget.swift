/// The parts of a request target (RFC 9112 section 3.2).
package struct RequestTarget: Hashable, Sendable {
    /// The path, percent-encoded as it came. What is no path (`*`, or an authority) stands here as it is.
    package let path: String
    /// What follows the question mark, if there is one.
    package let query: String?
    /// Whom an absolute form names, as it came; `nil` for the usual form.
    package let authority: String?

    package init(_ target: String) {
        var rest = target[...]
        var authority: String?
        if !rest.hasPrefix("/"), let scheme = rest.firstRange(of: "://"), Self.isScheme(rest[..<scheme.lowerBound]) {
            let named = rest[scheme.upperBound...]
            let end = named.firstIndex { $0 == "/" || $0 == "?" } ?? named.endIndex
            authority = String(named[..<end])
            rest = named[end...]
        }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first ?? ""
        self.path = path.isEmpty && authority != nil ? "/" : String(path)
        query = parts.count > 1 ? String(parts[1]) : nil
        self.authority = authority
    }

    /// The segments between the slashes, decoded once; `nil` when this is no path, when an escape is broken, or when a
    /// segment is `.` or `..` or holds a NUL: no client that means well sends those, and files have been lost to them. A
    /// slash that was escaped stays part of its segment; between such slashes there may be no dots either.
    package var segments: [String]? {
        guard path.hasPrefix("/") else { return nil }
        var segments: [String] = []
        for raw in path.dropFirst().utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let segment = Self.decoded(raw), !Self.hasDots(segment), !segment.utf8.contains(0) else {
                return nil
            }
            segments.append(segment)
        }
        return segments
    }

    /// A scheme's name (RFC 3986 section 3.1): what stands before `://` in a query is none.
    private static func isScheme(_ text: Substring) -> Bool {
        guard let first = text.utf8.first, first.isASCIILetter else { return false }
        return text.utf8.allSatisfy { $0.isASCIILetter || $0.isDigit || "+-.".utf8.contains($0) }
    }

    private static func hasDots(_ segment: String) -> Bool {
        segment.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .contains { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }
    }

    /// Undoes percent-encoding (RFC 3986 section 2.1), once; `nil` when it is broken, or no UTF-8 comes out.
    private static func decoded(_ raw: Substring.UTF8View.SubSequence) -> String? {
        var bytes: [UInt8] = []
        var rest = raw
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst()?.hexValue, let low = rest.popFirst()?.hexValue else { return nil }
            bytes.append(high << 4 | low)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
