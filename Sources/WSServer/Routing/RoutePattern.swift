/// The path of a route: `/rooms/:room/*`.
package struct RoutePattern: Sendable, Hashable {
    package enum Segment: Sendable, Hashable {
        /// Exactly this, percent-decoded.
        case literal(String)
        /// One segment, whatever it is unless empty; the name stands in `RoutePattern.names`.
        case parameter
    }

    package let segments: [Segment]
    /// Whether any further segments may follow, or none: the path ended in `*`.
    package let hasTail: Bool
    /// The parameters' names, in their order.
    package let names: [String]

    /// - Throws: why it is no path, in words.
    package init(_ path: String) throws(Flaw) {
        guard path.hasPrefix("/") else { throw Flaw(reason: "a path begins with a slash") }
        var parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        hasTail = parts.last == "*"
        if hasTail { parts.removeLast() }
        guard !parts.contains("*") else { throw Flaw(reason: "* stands at the end only") }
        for part in parts {
            if let flaw = RoutePattern.flaw(part) { throw Flaw(reason: flaw) }
        }
        names = parts.filter { $0.hasPrefix(":") }.map { String($0.dropFirst()) }
        guard !names.contains("") else { throw Flaw(reason: "a parameter needs a name behind the colon") }
        guard Set(names).count == names.count else { throw Flaw(reason: "two parameters have one name") }
        segments = parts.map { $0.hasPrefix(":") ? .parameter : .literal($0) }
    }

    /// Why no request has such a segment.
    private static func flaw(_ segment: String) -> String? {
        if segment == "." || segment == ".." { return "a path with \(segment) is never asked for" }
        if segment.contains("?") || segment.contains("#") { return "a query or a fragment is no part of a path" }
        let characters = Array(segment)
        let isEncoded = characters.indices.dropLast(2).contains {
            characters[$0] == "%" && characters[$0 + 1].isHexDigit && characters[$0 + 2].isHexDigit
        }
        return isEncoded ? "paths are compared decoded; write the character itself, not its percent-encoding" : nil
    }

    /// Why a path is none.
    package struct Flaw: Error { package let reason: String }
}
