/// The parts of a request target (RFC 9112 section 3.2).
package struct RequestTarget: Hashable, Sendable {
    /// The forms that there are.
    package enum Form: Hashable, Sendable {
        /// A path, maybe with a query: the usual one (section 3.2.1).
        case origin
        /// An `http` or `https` URL, as proxies are sent it and servers must take it (section 3.2.2).
        case absolute
        /// A host and port, for CONNECT (section 3.2.3).
        case authority
        /// `*`, for OPTIONS (section 3.2.4).
        case asterisk
    }

    /// Which form it has; `nil`: none.
    package let form: Form?
    /// The path, percent-encoded as it came. What is no path (`*`, or an authority) stands here as it is.
    package let path: String
    /// What follows the question mark, if there is one.
    package let query: String?
    /// The scheme of an absolute form, in lower case.
    package let scheme: String?
    /// Whom an absolute form names, as it came; `nil` for the usual form.
    package let authority: String?

    /// Whether a target has the usual form.
    package static func isPath(_ target: String) -> Bool { target.utf8.first == UInt8(ascii: "/") }

    package init(_ target: String) {
        if Self.isPath(target) {
            let mark = target.utf8.firstIndex(of: UInt8(ascii: "?"))
            path = mark.map { String(target[..<$0]) } ?? target
            query = mark.map { String(target[target.utf8.index(after: $0)...]) }
            (scheme, authority, form) = (nil, nil, .origin)
            return
        }
        var rest = target[...]
        var (scheme, authority): (String?, String?)
        if let mark = rest.firstRange(of: "://"), Self.isScheme(rest[..<mark.lowerBound]) {
            scheme = String(rest[..<mark.lowerBound]).asciiLowercased
            let named = rest[mark.upperBound...]
            let end = named.firstIndex { $0 == "/" || $0 == "?" } ?? named.endIndex
            authority = String(named[..<end])
            rest = named[end...]
        }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let path = parts.first ?? ""
        self.path = path.isEmpty && authority != nil ? "/" : String(path)
        query = parts.count > 1 ? String(parts[1]) : nil
        (self.scheme, self.authority) = (scheme, authority)
        form = Self.form(of: target, scheme, authority)
    }

    /// Whom an absolute form names, where it is well-formed: what counts in the place of `Host`.
    package var host: String? { form == .absolute ? authority : nil }

    /// A target as logs may have it: without the query, where tokens travel, and without the user of a URL. Otherwise
    /// as it came, with the host of a URL.
    package static func withoutSecrets(_ target: String) -> String {
        let shown = target.prefix { $0 != "?" }
        if shown.hasPrefix("/") { return String(shown) }
        let start = shown.firstRange(of: "://")?.upperBound ?? shown.startIndex
        let end = shown[start...].firstIndex(of: "/") ?? shown.endIndex
        guard let user = shown[start..<end].lastIndex(of: "@") else { return String(shown) }
        return String(shown[..<start]) + shown[shown.index(after: user)...]
    }

    private static func form(of target: String, _ scheme: String?, _ authority: String?) -> Form? {
        if target == "*" { return .asterisk }
        // An authority with a user is none: "a sender MUST NOT generate the userinfo subcomponent" (RFC 9110 section
        // 4.2.4).
        if let scheme, let authority {
            return ["http", "https"].contains(scheme) && Authority(authority) != nil ? .absolute : nil
        }
        return Authority(target)?.port == nil ? nil : .authority
    }

    /// The segments between the slashes, decoded once; `nil` when this is no path, when an escape is broken, or when a
    /// segment is `.` or `..` or holds a NUL: no client that means well sends those, and files have been lost to them.
    /// A slash that was escaped stays part of its segment; between such slashes there may be no dots either.
    package var segments: [String]? {
        guard path.hasPrefix("/") else { return nil }
        var segments: [String] = []
        for raw in path.dropFirst().utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard let bytes = try? PercentEncoding.decoded(raw), let segment = String(validating: bytes, as: UTF8.self),
                !Self.hasDots(segment), !segment.utf8.contains(0)
            else { return nil }
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
}

/// Percent-encoding (RFC 3986 section 2.1), undone once.
package enum PercentEncoding {
    /// What is no escape: `%` and at most two bytes behind it.
    package struct Flaw: Error, Hashable { package let text: String }

    /// The bytes that a text stands for.
    ///
    /// - Throws: for a `%` without two hexadecimal digits behind it.
    package static func decoded(_ text: some Collection<UInt8>) throws(Flaw) -> [UInt8] {
        var bytes: [UInt8] = []
        var rest = text[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            let digits = rest.prefix(2).compactMap(\.hexValue)
            guard digits.count == 2 else { throw Flaw(text: "%" + String(decoding: rest.prefix(2), as: UTF8.self)) }
            bytes.append(digits[0] << 4 | digits[1])
            rest = rest.dropFirst(2)
        }
        return bytes
    }
}
