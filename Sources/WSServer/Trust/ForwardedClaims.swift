internal import HTTPTypes
internal import HansomTransport
internal import WSProtocol

/// What the proxies on the way of a request say, each in turn: for whom it asked, and how it was asked.
struct ForwardedClaims: Sendable, Hashable {
    /// What one proxy says.
    struct Hop: Sendable, Hashable {
        /// Who asked it, as text: an address, maybe with a port, or a name for one.
        var requester: String?
        var scheme: String?
        var host: String?
        var port: String?
    }

    /// The last proxy's first: the one that the request came from.
    let hops: [Hop]

    init(_ fields: HTTPFields, _ kind: ForwardedHeaders) {
        switch kind {
        case .forwarded: hops = ForwardedClaims.forwarded(fields)
        case .xForwarded: hops = ForwardedClaims.xForwarded(fields)
        }
    }

    /// A field that is no list says nothing.
    private static func forwarded(_ fields: HTTPFields) -> [Hop] {
        let list = ForwardedElement.list(fields[values: .forwarded].joined(separator: ",")) ?? []
        return list.reversed().map { Hop(requester: $0.requester, scheme: $0.scheme, host: $0.host) }
    }

    /// The lists belong together from their ends: each proxy adds to the end of each, or replaces it.
    private static func xForwarded(_ fields: HTTPFields) -> [Hop] {
        func list(_ name: HTTPField.Name) -> [String] {
            fields[values: name].flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
                .map { String(decoding: $0.utf8.trimmingWhitespace, as: UTF8.self) }.reversed()
        }
        let (requesters, schemes) = (list(.xForwardedFor), list(.xForwardedProto))
        let (hosts, ports) = (list(.xForwardedHost), list(.xForwardedPort))
        // A proxy that says nothing in a list leaves what the one before it said.
        func claim(_ list: [String], _ index: Int) -> String? { index < list.count ? list[index] : list.last }
        let count = max(requesters.count, [schemes, hosts, ports].contains { !$0.isEmpty } ? 1 : 0)
        return (0..<count).map { index in
            Hop(
                requester: index < requesters.count ? requesters[index] : nil, scheme: claim(schemes, index),
                host: claim(hosts, index), port: claim(ports, index))
        }
    }
}

extension HTTPField.Name {
    // The literals are tokens, so there are names.
    // swift-format-ignore: NeverForceUnwrap
    static let forwarded = HTTPField.Name("Forwarded")!
    // swift-format-ignore: NeverForceUnwrap
    static let xForwardedFor = HTTPField.Name("X-Forwarded-For")!
    // swift-format-ignore: NeverForceUnwrap
    static let xForwardedProto = HTTPField.Name("X-Forwarded-Proto")!
    // swift-format-ignore: NeverForceUnwrap
    static let xForwardedHost = HTTPField.Name("X-Forwarded-Host")!
    // swift-format-ignore: NeverForceUnwrap
    static let xForwardedPort = HTTPField.Name("X-Forwarded-Port")!
}
