package import HansomTransport

/// What is known of a connection from its opening handshake, and does not change.
package final class ConnectionDescription: Sendable {
    package let peerAddress: SocketAddress?
    package let localAddress: SocketAddress?
    package let subprotocol: String?
    package let extensions: [String]
    private let boxedTLS: Boxed<TLSDetails>?
    /// The peer's HTTP head as it came: a request on the server, a response on the client. Parsed when asked for,
    /// since parsed it is several times as large.
    package let head: [UInt8]

    package var tls: TLSDetails? { boxedTLS?.value }

    package init(
        peerAddress: SocketAddress? = nil, localAddress: SocketAddress? = nil, subprotocol: String? = nil,
        extensions: [String] = [], tls: TLSDetails? = nil, head: [UInt8] = []
    ) {
        self.peerAddress = peerAddress
        self.localAddress = localAddress
        self.subprotocol = subprotocol
        self.extensions = extensions
        boxedTLS = tls.map(Boxed.init)
        self.head = head
    }
}
