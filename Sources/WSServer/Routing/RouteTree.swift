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
