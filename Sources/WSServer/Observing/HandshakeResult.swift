/// What came of an accepted socket, up to the end of its opening handshake.
public struct HandshakeResult: Sendable, Hashable, CustomStringConvertible {
    /// One word: `accepted`, `refused`, `timeout`, `tls`, `proxy`, `displaced` or `gone`.
    public let name: String
    /// The status of a refusal.
    public let status: Int?

    /// It became a connection.
    public static let accepted = HandshakeResult("accepted")
    /// It was not complete in time.
    public static let timedOut = HandshakeResult("timeout")
    /// TLS failed.
    public static let tlsFailed = HandshakeResult("tls")
    /// The PROXY header was missing or malformed, or came from somebody who may not send one.
    public static let proxyRefused = HandshakeResult("proxy")
    /// It was dropped for a newcomer, since there were as many handshakes as may be and it had said least.
    public static let displaced = HandshakeResult("displaced")
    /// The peer went away first, or the server shut down.
    public static let gone = HandshakeResult("gone")

    /// It was answered with this status.
    public static func refused(_ status: Int) -> HandshakeResult { HandshakeResult("refused", status: status) }

    private init(_ name: String, status: Int? = nil) {
        self.name = name
        self.status = status
    }

    public var description: String { status.map { "\(name) \($0)" } ?? name }
}
