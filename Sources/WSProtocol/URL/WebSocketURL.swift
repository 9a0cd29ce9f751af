/// Where a WebSocket is to be reached (RFC 6455 section 3, RFC 3986).
///
/// `ws`, `wss`, `http` and `https` URLs, and `ws+unix:///path/to/socket:/target` for a Unix socket.
public struct WebSocketURL: Hashable, Sendable {
    /// What the URL may begin with.
    public enum Scheme: String, Hashable, Sendable {
        case ws
        case wss
        case http
        case https
        case wsUnix = "ws+unix"
    }

    /// Name and password, percent-decoded (RFC 3986 section 3.2.1).
    public struct UserInfo: Hashable, Sendable {
        public let user: String
        public let password: String?

        /// The value of an `Authorization` field for them (RFC 7617 section 2).
        public var basicAuthorization: String { "Basic " + Base64.encode(Array("\(user):\(password ?? "")".utf8)) }
    }

    public let scheme: Scheme
    public let userinfo: UserInfo?
    /// In lower case; an IPv6 literal without its brackets and zone; `localhost` for a Unix socket.
    public let host: String
    /// The interface through which an IPv6 address is reached (RFC 6874): the `eth0` of `[fe80::1%25eth0]`. It means
    /// something on this machine only, and is never sent.
    public let zone: String?
    /// As given, or the scheme's own.
    public let port: Int
    /// Path and query as they go on the wire, `/` at least.
    public let target: String
    /// The socket's path, percent-decoded, for a Unix socket.
    public let unixPath: String?

    /// Whether TLS is spoken.
    public var isSecure: Bool { scheme == .wss || scheme == .https }

    /// The host as this machine finds it: an IPv6 literal with its zone behind a `%`.
    package var localHost: String { zone.map { "\(host)%\($0)" } ?? host }

    /// The value of `Host` (RFC 9110 section 7.2): without the port when it is the scheme's own.
    public var hostHeader: String {
        let host = Authority.bracketed(host)
        return port == WebOrigin.defaultPort(isSecure: isSecure) ? host : "\(host):\(port)"
    }

    /// The origin in web terms: `http` or `https`, host and port. Credentials do not cross it.
    public var origin: WebOrigin { WebOrigin(scheme: isSecure ? "https" : "http", host: host, port: port) }

    /// - Throws: `ParseError` saying what came and what is allowed.
    public init(_ text: String) throws(ParseError) {
        var parser = try Parser(text)
        scheme = try parser.scheme()
        if scheme == .wsUnix {
            (userinfo, host, zone) = (nil, "localhost", nil)
            port = WebOrigin.defaultPort(isSecure: false)
            unixPath = try parser.unixPath()
        } else {
            let (userinfo, authority, zone) = try parser.authority()
            self.zone = zone
            self.userinfo = userinfo
            host = authority.host
            port = authority.port ?? WebOrigin.defaultPort(isSecure: scheme == .wss || scheme == .https)
            unixPath = nil
        }
        target = try parser.target()
    }

    /// The same server, asked for something else.
    init(_ other: WebSocketURL, target: String) { self.init(other, zone: other.zone, target: target) }

    /// The same, reached through an interface.
    init(_ other: WebSocketURL, zone: String?, target: String) {
        self.zone = zone
        scheme = other.scheme
        userinfo = other.userinfo
        host = other.host
        port = other.port
        unixPath = other.unixPath
        self.target = target
    }
}

extension WebSocketURL: CustomStringConvertible {
    /// The URL without its password, fit for logs and messages.
    public var description: String {
        if let unixPath { return "\(scheme.rawValue)://\(unixPath):\(target)" }
        let user = userinfo.map { "\($0.user)@" } ?? ""
        guard let zone else { return "\(scheme.rawValue)://\(user)\(hostHeader)\(target)" }
        let place = hostHeader.replacing("]", with: "%25\(zone)]", maxReplacements: 1)
        return "\(scheme.rawValue)://\(user)\(place)\(target)"
    }
}
