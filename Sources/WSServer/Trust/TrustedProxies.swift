internal import HTTPTypes
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

    /// Goes back from the peer through those that are trusted: the address nearest to us that is not is the client's, and
    /// the proxy that names it says what the client saw. What stands further to the left anybody may have written.
    ///
    /// - Parameters:
    ///   - peer: the other end of the connection.
    ///   - isTLS: whether the connection itself, or what a PROXY header says of it, is secure.
    func judge(_ fields: HTTPFields, peer: SocketAddress?, isTLS: Bool) -> Findings {
        guard !ranges.isEmpty, ranges.covers(peer) else { return Findings(clientAddress: peer) }
        let hops = ForwardedClaims(fields, headers).hops
        var client = peer
        var speaker: ForwardedClaims.Hop?
        for hop in hops {
            guard ranges.covers(client) else { break }
            speaker = hop
            // A proxy that says only how it was asked is itself whom we know.
            guard let requester = hop.requester else { break }
            client = TrustedProxies.address(requester)
        }
        return Findings(
            clientAddress: client, externalOrigin: speaker.flatMap { TrustedProxies.origin($0, fields, isTLS: isTLS) })
    }

    /// The origin that a browser saw, of what the proxy says and, where it says nothing, of the request.
    private static func origin(_ hop: ForwardedClaims.Hop, _ fields: HTTPFields, isTLS: Bool) -> WebOrigin? {
        let scheme = hop.scheme.flatMap(scheme) ?? (isTLS ? "https" : "http")
        let host = hop.host ?? fields[.hostField]
        guard let host, let authority = Authority(host) else { return nil }
        let port = authority.port ?? hop.port.flatMap { UInt16($0) }.map { Int($0) }
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
