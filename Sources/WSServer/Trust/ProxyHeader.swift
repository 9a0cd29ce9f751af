internal import HansomTransport

/// What a proxy says of a connection in front of its bytes (the PROXY protocol of HAProxy, versions 1 and 2).
struct ProxyHeader: Sendable, Hashable {
    /// The two ends of the connection that the proxy took.
    struct Ends: Sendable, Hashable {
        /// Who connected to the proxy.
        var source: SocketAddress
        /// Where it connected to.
        var destination: SocketAddress
    }

    /// `nil` when the proxy speaks for itself (a health check: LOCAL) or does not know (UNKNOWN, UNSPEC): the connection's
    /// own ends count then.
    var ends: Ends?
    /// Whether the client spoke TLS to the proxy, where the proxy says so (PP2_TYPE_SSL).
    var isSecure: Bool?

    /// A header that is none.
    struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        /// What came, and what is allowed.
        let description: String

        init(_ description: String) { self.description = "PROXY protocol: \(description)" }
    }
}
