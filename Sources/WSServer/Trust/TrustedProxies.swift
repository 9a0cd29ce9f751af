internal import HTTPTypes
internal import HansomHTTP
internal import HansomTransport
internal import WSProtocol

/// The proxies that a server believes, and what it believes them.
struct TrustedProxies: Sendable {
    let ranges: [IPRange]
    let headers: ForwardedHeaders

    /// Who asked, and which origin the client saw, as far as trusted proxies tell.
    struct Findings: Sendable, Hashable {
        /// `nil` when a trusted proxy does not say who asked it.
        var clientAddress: SocketAddress?
        /// `nil`: that of the request itself.
        var externalOrigin: WebOrigin?
    }

    /// Goes back from the peer through those that are trusted: the address nearest to us that is not is the client's,
    /// and the proxy that names it says what the client saw. What stands further to the left anybody may have written.
    ///
    /// - Parameters:
    ///   - peer: the other end of the connection.
    ///   - isTLS: whether the connection itself, or what a PROXY header says of it, is secure.
    func judge(_ fields: HTTPFields, peer: SocketAddress?, isTLS: Bool) -> Findings {
        guard !ranges.isEmpty, ranges.covers(peer) else { return Findings(clientAddress: peer) }
        let claims = ForwardedClaims(fields, headers).all
        var client = peer
        var speaker: ForwardedClaims.Claim?
        for claim in claims {
            guard ranges.covers(client) else { break }
            speaker = claim
            // A proxy that says only how it was asked is itself whom we know.
            guard let requester = claim.requester else { break }
            client = TrustedProxies.address(requester)
        }
        return Findings(
            clientAddress: client, externalOrigin: speaker.flatMap { TrustedProxies.origin($0, fields, isTLS: isTLS) })
    }

    /// The origin that a browser saw, of what the proxy says and, where it says nothing, of the request.
    private static func origin(_ claim: ForwardedClaims.Claim, _ fields: HTTPFields, isTLS: Bool) -> WebOrigin? {
        let scheme = claim.scheme.flatMap(scheme) ?? (isTLS ? "https" : "http")
        let host = claim.host ?? fields[.hostField]
        guard let host, let authority = Authority(host) else { return nil }
        let port = authority.port ?? claim.port.flatMap { UInt16($0) }.map { Int($0) }
        return WebOrigin(scheme: scheme, host: authority.host, port: port ?? (scheme == "https" ? 443 : 80))
    }

    /// Some proxies call it by the scheme of the WebSocket.
    private static func scheme(_ text: String) -> String? {
        switch text.lowercased() {
        case "https", "wss": "https"
        case "http", "ws": "http"
        default: nil
        }
    }

    /// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; port 0 when there is none.
    static func address(_ text: String) -> SocketAddress? {
        // A zone would be looked up among our own interfaces.
        guard !text.utf8.contains(UInt8(ascii: "%")) else { return nil }
        if let address = SocketAddress(numeric: text, port: 0) { return address }
        guard let authority = Authority(text), !text.hasSuffix(":") else { return nil }
        return SocketAddress(numeric: authority.host, port: UInt16(authority.port ?? 0))
    }
}

/// What the proxies on the way of a request say, each in turn: for whom it asked, and how it was asked.
struct ForwardedClaims: Sendable, Hashable {
    /// What one proxy says.
    struct Claim: Sendable, Hashable {
        /// Who asked it, as text: an address, maybe with a port, or a name for one.
        var requester: String?
        var scheme: String?
        var host: String?
        var port: String?
    }

    /// The last proxy's first: the one that the request came from.
    let all: [Claim]

    init(_ fields: HTTPFields, _ kind: ForwardedHeaders) {
        switch kind {
        case .forwarded: all = ForwardedClaims.forwarded(fields)
        case .xForwarded: all = ForwardedClaims.xForwarded(fields)
        }
    }

    /// A field that is no list says nothing.
    private static func forwarded(_ fields: HTTPFields) -> [Claim] {
        let list = ForwardedElement.list(fields[values: .forwarded].joined(separator: ",")) ?? []
        return list.reversed().map { Claim(requester: $0.requester, scheme: $0.scheme, host: $0.host) }
    }

    /// The lists belong together from their ends: each proxy adds to the end of each, or replaces it.
    private static func xForwarded(_ fields: HTTPFields) -> [Claim] {
        func list(_ name: HTTPField.Name) -> [String] {
            fields[values: name].flatMap { $0.split(separator: ",", omittingEmptySubsequences: false) }
                .map { String(decoding: $0.utf8.trimmingWhitespace, as: UTF8.self) }.reversed()
        }
        let (requesters, schemes) = (list(.xForwardedFor), list(.xForwardedProto))
        let (hosts, ports) = (list(.xForwardedHost), list(.xForwardedPort))
        // A proxy that says nothing in a list leaves what the one before it said.
        func said(_ list: [String], _ index: Int) -> String? { index < list.count ? list[index] : list.last }
        let count = max(requesters.count, [schemes, hosts, ports].contains { !$0.isEmpty } ? 1 : 0)
        return (0..<count).map { index in
            Claim(
                requester: index < requesters.count ? requesters[index] : nil, scheme: said(schemes, index),
                host: said(hosts, index), port: said(ports, index))
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

/// In which header fields the proxies in front of a server say for whom they ask.
///
/// Only one kind is read: a proxy sets one and passes the other on as the client sent it, so whoever believes both
/// believes the client.
public enum ForwardedHeaders: Sendable, Hashable {
    /// `X-Forwarded-For`, `-Proto`, `-Host` and `-Port`, as nearly all proxies write them.
    case xForwarded
    /// `Forwarded` (RFC 7239).
    case forwarded
}
