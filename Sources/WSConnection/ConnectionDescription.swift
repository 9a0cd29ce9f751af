package import HansomTransport

/// What is known of a connection from its opening handshake, and does not change.
package final class ConnectionDescription: Sendable {
    package let peerAddress: SocketAddress?
    package let localAddress: SocketAddress?
    package let subprotocol: String?
    package let extensions: [String]
    private let boxed: Boxed<Rarities>?
    /// The peer's HTTP head as it came: a request on the server, a response on the client. Parsed when asked for,
    /// since parsed it is several times as large.
    package let head: [UInt8]

    package var tls: TLSDetails? { boxed?.value.tls }
    /// What the route and the authorisation hook say of the request.
    package var routing: RequestRouting? { boxed?.value.routing }

    /// On the server the path that was asked for, at most 100 bytes of it, without the query: tokens travel there.
    package var path: String? {
        guard let start = head.firstIndex(of: UInt8(ascii: " ")), head.first != UInt8(ascii: "H") else { return nil }
        let target = head[(start + 1)...].prefix { $0 > 0x20 && $0 != UInt8(ascii: "?") }
        return String(decoding: target.prefix(100), as: UTF8.self) + (target.count > 100 ? "..." : "")
    }

    /// What most connections do not have, so that it costs them one word.
    private struct Rarities {
        let tls: TLSDetails?
        let routing: RequestRouting?
    }

    package init(
        peerAddress: SocketAddress? = nil, localAddress: SocketAddress? = nil, subprotocol: String? = nil,
        extensions: [String] = [], tls: TLSDetails? = nil, routing: RequestRouting? = nil, head: [UInt8] = []
    ) {
        self.peerAddress = peerAddress
        self.localAddress = localAddress
        self.subprotocol = subprotocol
        self.extensions = extensions
        boxed = tls == nil && routing == nil ? nil : Boxed(Rarities(tls: tls, routing: routing))
        self.head = head
    }
}
