public import HTTPTypes
package import HansomHTTP
public import HansomTransport
internal import WSProtocol

extension WebSocket {
    /// A request to a server: what routes and the authorisation hook are asked, and what opened a connection.
    public struct Request: Sendable {
        private let head: RequestHead
        /// The method; `GET` for one that opened a connection.
        public var method: String { head.method.rawValue }
        /// The request target as it came: path and query, as a rule.
        public var target: String { head.target }
        /// The path, percent-encoded as it came.
        public var path: String { RequestTarget(head.target).path }
        /// What followed the question mark, if there was one; percent-encoded as it came.
        public var query: String? { RequestTarget(head.target).query }
        /// The header fields in their order. Where the target is a URL, `Host` says what that does (RFC 9112 section
        /// 3.2.2).
        public var headers: HTTPFields { head.fields }
        /// Whether it asks for a WebSocket as it must (RFC 6455 section 4.1): a GET whose `Connection` lists `upgrade`
        /// and whose `Upgrade` lists `websocket`, with a `Sec-WebSocket-Key` of 16 bytes and version 13.
        public var isUpgrade: Bool { head.isUpgrade }
        /// The other end of the connection that it came over: of the socket, or as a PROXY header says.
        public let peerAddress: SocketAddress?
        /// TLS version, cipher and client certificate; `nil` without TLS.
        public let tls: TLSDetails?
        /// The content; empty without any. The hook is asked before it is read.
        public package(set) var body: [UInt8] = []
        package var routing: RequestRouting

        /// Who asks: `peerAddress`, or behind proxies that the server trusts whom they name
        /// (`ServerOptions.trustedProxies`); `nil` when such a proxy does not say, or has no address to tell.
        public var clientAddress: SocketAddress? {
            if let forwarding = routing.forwarding { forwarding.clientAddress } else { peerAddress }
        }

        /// What stands in the path where the route has a parameter, percent-decoded: `room` of `/chat/:room`, and `*`
        /// for the rest of a path whose route ends in one.
        public var parameters: [String: String] { routing.parameters }

        /// The value that the authorisation hook accepted the request with; `nil` when it gave none, or one of another
        /// type.
        public func value<Value>(as type: Value.Type) -> Value? { routing.value as? Value }

        package init(
            _ head: RequestHead, peerAddress: SocketAddress? = nil, tls: TLSDetails? = nil,
            routing: RequestRouting = RequestRouting()
        ) {
            self.head = head
            self.peerAddress = peerAddress
            self.tls = tls
            self.routing = routing
        }
    }
}

/// What a server found out about a request beyond its head.
package struct RequestRouting: Sendable {
    /// The parameters of the route, by their names.
    package var parameters: [String: String]
    /// What the authorisation hook attached.
    package var value: (any Sendable)?
    /// What trusted proxies say of who asks, where that is not the peer.
    package var forwarding: Forwarding?

    package struct Forwarding: Sendable {
        /// `nil` when they do not know.
        package let clientAddress: SocketAddress?

        package init(clientAddress: SocketAddress?) { self.clientAddress = clientAddress }
    }

    package init(parameters: [String: String] = [:], value: (any Sendable)? = nil) {
        self.parameters = parameters
        self.value = value
    }

    package var isEmpty: Bool { parameters.isEmpty && value == nil && forwarding == nil }
}
