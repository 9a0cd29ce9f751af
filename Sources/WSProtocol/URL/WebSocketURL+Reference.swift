extension WebSocketURL {
    /// Where a reference leads that was found here, as `Location` has one (RFC 3986 section 5.2, RFC 9110 section
    /// 10.2.2). Its fragment is dropped: it is for whoever shows the page.
    ///
    /// - Throws: `ParseError` where it leads to nothing that a WebSocket could be opened at.
    package func resolving(_ reference: String) throws(ParseError) -> WebSocketURL {
        let reference = String(reference.prefix { $0 != "#" })
        if Self.hasScheme(reference) { return try reached(from: WebSocketURL(reference)) }
        if reference.hasPrefix("//") {
            return try reached(from: WebSocketURL((isSecure ? "wss:" : "ws:") + reference))
        }
        if reference.isEmpty { return self }
        var parser = try Parser(reference)
        let relative = try parser.target()
        if reference.hasPrefix("/") { return WebSocketURL(self, target: Self.withoutDots(relative)) }
        let path = target.prefix { $0 != "?" }
        if reference.hasPrefix("?") { return WebSocketURL(self, target: path + reference) }
        let directory = path.dropLast(path.reversed().prefix { $0 != "/" }.count)
        return WebSocketURL(self, target: Self.withoutDots(String(directory) + relative.dropFirst()))
    }

    /// A server is not told our zone, so it cannot repeat it: its own address is reached through the same interface. Another
    /// machine's zone says nothing here.
    private func reached(from other: WebSocketURL) throws(ParseError) -> WebSocketURL {
        if let named = other.zone, named != zone { throw .zone("%\(named)") }
        guard other.host == host, other.zone != zone else { return other }
        return WebSocketURL(other, zone: zone, target: other.target)
    }

    /// Whether a colon ends a scheme, and is not a part of a path (RFC 3986 section 4.2).
    private static func hasScheme(_ reference: String) -> Bool {
        guard let first = reference.utf8.first, first.isASCIILetter,
            let end = reference.utf8.first(where: {
                [UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "?")].contains($0)
            })
        else { return false }
        return end == UInt8(ascii: ":")
    }

    /// A target whose path has no `.` and `..` any more (RFC 3986 section 5.2.4).
    private static func withoutDots(_ target: String) -> String {
        let path = target.prefix { $0 != "?" }
        var kept: [Substring] = []
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            switch segment {
            case ".": if isLast { kept.append("") }
            case "..":
                if !kept.isEmpty { kept.removeLast() }
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/") + target[path.endIndex...]
    }
}
