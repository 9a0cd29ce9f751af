public import WSConnection

/// One finished connection, refused handshake, failed TLS handshake or HTTP answer, for a log of who came.
///
/// Nothing in it is a message or a credential: of the target only the path is kept, since tokens travel in queries.
public struct AccessRecord: Sendable, Hashable {
    /// When it began, in seconds since the beginning of 1970.
    public internal(set) var startedAt: Int64 = 0
    /// How long it took or lasted.
    public internal(set) var duration: Duration = .zero
    /// Who asked, as far as is known and trusted (see `ServerOptions.trustedProxies`).
    public internal(set) var clientAddress: SocketAddress?
    /// The request's method, its path as it came, and the version of HTTP.
    public internal(set) var method = ""
    /// The path as it came, percent-encoded, without the query; what else the target was, if it was no path: a URL is logged
    /// with its host, and without its user.
    public internal(set) var path = ""
    /// The answer's status; 101 for a connection, 0 where TLS failed and there was nothing to answer.
    public internal(set) var status = 0
    /// Payload bytes that a connection was sent, or bytes of an answer's content.
    public internal(set) var bytesSent: UInt64 = 0
    /// Payload bytes that came over a connection.
    public internal(set) var bytesReceived: UInt64 = 0
    /// Frames that a connection was sent.
    public internal(set) var framesSent: UInt64 = 0
    /// Frames that came over a connection.
    public internal(set) var framesReceived: UInt64 = 0
    /// How a connection ended; `nil` for an answer.
    public internal(set) var closeCode: WebSocket.CloseCode?
    /// What TLS failed of. The peer has a hand in it.
    public internal(set) var failure: String?
    /// `Referer`, `User-Agent` and `Origin` of the request. Anybody may have written anything there.
    public internal(set) var referer: String?
    /// `User-Agent` of the request.
    public internal(set) var userAgent: String?
    /// `Origin` of the request.
    public internal(set) var origin: String?
    /// The subprotocol of a connection.
    public internal(set) var subprotocol: String?

    init() {}
}
