internal import HTTPTypes

/// Finds what stands at a path. Exact segments win over parameters, and those over a tail; where the better way leads
/// nowhere, the next one is tried.
///
/// Each node is visited at most once for a path, so no path costs more than there are routes.
package struct RouteTree<Place: Sendable>: Sendable {
    package struct Match {
        package let place: Place
        package let parameters: [String: String]
    }

    private struct Leaf: Sendable {
        var place: Place
        /// Of the route that came first; another with other names at the same place keeps to them.
        let names: [String]
    }

    private struct Node: Sendable {
        var literals: [String: Int] = [:]
        var parameter: Int?
        var leaf: Leaf?
        var tail: Leaf?
    }

    private var nodes = [Node()]

    package init() {}

    /// Puts something at a pattern's place, or changes what stands there.
    ///
    /// - Throws: what `change` throws; and a flaw when the names of the parameters differ from those given before.
    package mutating func update(
        _ pattern: RoutePattern, default new: Place, _ change: (inout Place) throws(RoutePattern.Flaw) -> Void
    ) throws(RoutePattern.Flaw) {
        let index = pattern.segments.reduce(0) { child(of: $0, $1) }
        var leaf = (pattern.hasTail ? nodes[index].tail : nodes[index].leaf) ?? Leaf(place: new, names: pattern.names)
        guard leaf.names == pattern.names else {
            throw RoutePattern.Flaw(reason: "another route here names its parameters \(leaf.names)")
        }
        try change(&leaf.place)
        if pattern.hasTail { nodes[index].tail = leaf } else { nodes[index].leaf = leaf }
    }

    private mutating func child(of index: Int, _ segment: RoutePattern.Segment) -> Int {
        let existing =
            switch segment {
            case .literal(let text): nodes[index].literals[text]
            case .parameter: nodes[index].parameter
            }
        if let existing { return existing }
        switch segment {
        case .literal(let text): nodes[index].literals[text] = nodes.count
        case .parameter: nodes[index].parameter = nodes.count
        }
        nodes.append(Node())
        return nodes.count - 1
    }

    /// What stands at a path, given its segments, percent-decoded.
    package func match(_ segments: [String]) -> Match? {
        var values: [String] = []
        guard let (leaf, tail) = find(segments[...], from: 0, &values) else { return nil }
        var parameters = Dictionary(zip(leaf.names, values)) { first, _ in first }
        if let tail { parameters["*"] = tail.joined(separator: "/") }
        return Match(place: leaf.place, parameters: parameters)
    }

    private func find(
        _ segments: ArraySlice<String>, from index: Int, _ values: inout [String]
    ) -> (leaf: Leaf, tail: ArraySlice<String>?)? {
        let node = nodes[index]
        guard let segment = segments.first else {
            return node.leaf.map { ($0, nil) } ?? node.tail.map { ($0, []) }
        }
        let rest = segments.dropFirst()
        if let next = node.literals[segment], let found = find(rest, from: next, &values) { return found }
        if let next = node.parameter, !segment.isEmpty {
            values.append(segment)
            if let found = find(rest, from: next, &values) { return found }
            values.removeLast()
        }
        return node.tail.map { ($0, segments) }
    }
}

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

/// What stands at one path: answers to methods, and perhaps a WebSocket.
struct Resource: Sendable {
    /// Who answers a plain request.
    struct Responder: Sendable {
        let make: Maker
        /// Who is asked before: the server's hook, another, or none.
        let authorize: RouteOptions.Setting<Authorization.Hook?>
        /// Whether it tells only how the server fares, to whoever asks for it by whatever host.
        var isProbe = false
    }

    /// How the answer comes about.
    enum Maker: Sendable {
        case handler(Routes.Handler)
        /// From what the server knows of itself.
        case server(@Sendable (ServerSettings) async -> ServerResponse)
    }

    var responders: [HTTPRequest.Method: Responder] = [:]
    var webSocket: WebSocketResource?

    /// HEAD is GET without the content (RFC 9110 section 9.3.2).
    func responder(for method: HTTPRequest.Method) -> Responder? {
        responders[method] ?? (method == .head ? responders[.get] : nil)
    }

    /// The value of `Allow` (RFC 9110 section 10.2.1).
    var allowed: String {
        var methods = Set(responders.keys.map(\.rawValue))
        if methods.contains("GET") { methods.insert("HEAD") }
        if webSocket != nil { methods.insert("GET") }
        return methods.sorted().joined(separator: ", ")
    }
}
