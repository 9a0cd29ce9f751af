public import HTTPTypes
internal import HansomHTTP
public import HansomTransport
internal import WSConnection
internal import WSProtocol

/// A proxy that a client goes through: it makes a tunnel to the server, and TLS with the server is spoken inside it.
public struct Proxy: Sendable, Hashable {
    /// How a proxy is spoken to.
    public enum Kind: String, Sendable, Hashable {
        /// HTTP CONNECT (RFC 9110 section 9.3.6); port 8080 unless given.
        case http
        /// HTTP CONNECT, with TLS to the proxy too; port 443 unless given.
        case https
        /// SOCKS5 (RFC 1928); port 1080 unless given. The proxy resolves names.
        case socks5

        var defaultPort: Int {
            switch self {
            case .http: 8080
            case .https: 443
            case .socks5: 1080
            }
        }
    }

    /// User and password: of HTTP's Basic scheme (RFC 7617), or of SOCKS5 (RFC 1929; 1 to 255 bytes each).
    public struct Credentials: Sendable, Hashable {
        /// The name; for HTTP without a colon, which would end it (RFC 7617 section 2).
        public var user: String
        /// The password, not percent-encoded. HTTP's may be empty; SOCKS5's may not.
        public var password: String

        /// Credentials by their parts, not percent-encoded. What the kind of proxy cannot take makes `connect` throw
        /// `.invalidConfiguration`.
        public init(user: String, password: String) {
            self.user = user
            self.password = password
        }

        var basicAuthorization: String { "Basic " + Base64.encode(Array("\(user):\(password)".utf8)) }
    }

    /// How the proxy is spoken to.
    public var kind: Kind
    /// A name or an address; an IPv6 address without brackets, its zone behind a `%`.
    public var host: String
    /// The TCP port at which the proxy listens, 1 to 65535.
    public var port: Int
    /// What the client proves itself with to the proxy; `nil`: nothing. HTTP's are sent with each CONNECT, unasked.
    public var credentials: Credentials?
    /// Further fields of the CONNECT request. The server never sees them. An own `Proxy-Authorization` goes before
    /// `credentials`.
    public var headers: HTTPFields = [:]
    /// How TLS is spoken with the proxy itself (`.https`); by default the proxy must prove who it is.
    public var tls = TLSClientOptions()

    /// A proxy by its parts.
    ///
    /// - Parameter port: default: that of the kind.
    public init(_ kind: Kind, host: String, port: Int? = nil, credentials: Credentials? = nil) {
        self.kind = kind
        self.host = host
        self.port = port ?? kind.defaultPort
        self.credentials = credentials
    }

    /// A proxy by its URL: `http://proxy.example:3128`, `https://user:password@proxy.example`, `socks5://[::1]:1080`.
    /// `socks5h` is the same as `socks5`, and no scheme the same as `http`.
    ///
    /// - Throws: `.invalidConfiguration` saying what is allowed.
    public init(_ url: String) throws(WebSocketError) {
        let parts: ProxyURL
        do {
            parts = try ProxyURL(url)
        } catch {
            throw WebSocketError(.invalidConfiguration, "proxy: \(error)")
        }
        guard let kind = Kind(rawValue: parts.scheme == "socks5h" ? "socks5" : parts.scheme) else {
            throw WebSocketError(
                .invalidConfiguration,
                "proxy: scheme \(parts.scheme.debugDescription); allowed are http, https, socks5 and socks5h")
        }
        self.init(
            kind, host: parts.host, port: parts.port,
            credentials: parts.userinfo.map { Credentials(user: $0.user, password: $0.password ?? "") })
    }

    /// Whom errors name.
    var place: WebSocketError.Place { .init(host: host, port: port) }

    /// How the way to `server` is asked for.
    func tunnel(to server: WebSocketError.Place, _ limits: HeadLimits = .init()) -> any Tunnel {
        switch kind {
        case .http, .https: HTTPTunnel(to: server, through: self, limits)
        case .socks5: SOCKSTunnel(to: server, credentials: credentials)
        }
    }

    /// Checks all that would go on the wire to have a way to `server` made.
    ///
    /// - Throws: `.invalidConfiguration`, without a password.
    func check(reaching server: String) throws(WebSocketError) {
        // Brackets and a port of its own would make two of one. A zone is this machine's business (RFC 4007 section
        // 11).
        let named = host.contains(":") ? String(host.prefix { $0 != "%" }) : host
        guard let authority = Authority(Authority.bracketed(named)), authority.port == nil, !host.hasPrefix("["),
            !host.hasSuffix(":"), (1...65535).contains(port)
        else {
            throw Proxy.misuse(
                "host \(host.debugDescription) and port \(port); allowed are a name or an address, and 1 to 65535")
        }
        let owned: Set<HTTPField.Name> = [.hostField, .contentLength, .transferEncoding]
        if let name = headers.first(where: { owned.contains($0.name) })?.name {
            throw Proxy.misuse("field \(name) is CONNECT's own")
        }
        if kind == .socks5, server.utf8.count > 255 {
            throw Proxy.misuse(
                "a server's name of \(server.utf8.count) bytes; SOCKS5 has room for 255 (RFC 1928 section 5)")
        }
        guard let credentials else { return }
        switch kind {
        case .socks5:
            guard [credentials.user, credentials.password].allSatisfy({ (1...255).contains($0.utf8.count) }) else {
                throw Proxy.misuse("user and password of SOCKS5 have 1 to 255 bytes each (RFC 1929 section 2)")
            }
        case .http, .https:
            guard !credentials.user.utf8.contains(UInt8(ascii: ":")) else {
                throw Proxy.misuse("a user's name has no colon (RFC 7617 section 2)")
            }
        }
    }

    private static func misuse(_ what: String) -> WebSocketError {
        WebSocketError(.invalidConfiguration, "proxy: \(what)")
    }
}

extension Proxy: CustomStringConvertible {
    /// The proxy's URL without its credentials, fit for logs and messages.
    public var description: String { "\(kind.rawValue)://\(place)" }
}

/// Which proxy a client goes through. A Unix-domain socket never has one.
public enum ProxyChoice: Sendable, Hashable {
    /// What the environment variables say: for `wss` `HTTPS_PROXY`, for `ws` `HTTP_PROXY`, for either `ALL_PROXY`,
    /// except for what `NO_PROXY` lists. Names in lower case go before those in capitals.
    case environment
    /// None, whatever the environment says.
    case none
    /// This one.
    case through(Proxy)

    /// The proxy for a URL; `nil`: straight to the server.
    func proxy(
        for url: WebSocketURL, environment: ProxyEnvironment = .ofThisProgram
    ) throws(WebSocketError) -> Proxy? {
        guard url.unixPath == nil else { return nil }
        let proxy: Proxy? =
            switch self {
            case .none: nil
            case .through(let proxy): proxy
            case .environment: try environment.proxy(for: url)
            }
        if let proxy, let zone = url.zone {
            throw WebSocketError(
                .invalidConfiguration,
                "proxy \(proxy): the zone \(zone.debugDescription) of the server's address is this machine's own; connect without a proxy"
            )
        }
        try proxy?.check(reaching: url.host)
        return proxy
    }
}
