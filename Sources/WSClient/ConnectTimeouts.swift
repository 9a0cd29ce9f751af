/// How long each step of connecting may take, beside `connectTimeout` for all of them together.
///
/// A redirect begins every step anew.
public struct ConnectTimeouts: Sendable, Hashable {
    /// Finding the addresses of a name. Default: no limit of its own, as for all of these.
    public var resolution: Duration? = nil
    /// Until one of the addresses, the server's or the proxy's, has taken the TCP connection.
    public var tcp: Duration? = nil
    /// Until the proxy has made the way to the server; TLS with the proxy included.
    public var proxy: Duration? = nil
    /// The TLS handshake with the server.
    public var tls: Duration? = nil
    /// The WebSocket handshake, from the request's first byte to the end of the answer.
    public var handshake: Duration? = nil
    /// From the request's last byte to the end of the answer's head.
    public var responseHead: Duration? = nil

    public init() {}
}
