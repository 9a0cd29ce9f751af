internal import HansomTransport
internal import WSProtocol

/// A cookie as a jar keeps it (RFC 6265 section 5.3).
public struct Cookie: Sendable, Hashable {
    public let name: String
    public let value: String
    /// The host that it is for, in lower case.
    public let domain: String
    /// Whether it is for that host alone, and not for those below it.
    public let isHostOnly: Bool
    public let path: String
    /// When it ends, in seconds since 1970; `nil`: with the jar.
    public let expires: Int64?
    /// Whether it is sent over TLS only.
    public let isSecure: Bool

    /// The longest cookie that is kept, name, value and attributes (RFC 6265 section 6.1).
    static let mostBytes = 4096

    /// Reads a `Set-Cookie` field (RFC 6265 section 5.2); `nil` where it must be ignored.
    ///
    /// - Parameters:
    ///   - text: the field's value.
    ///   - url: who sent it.
    ///   - now: seconds since 1970.
    init?(_ text: String, from url: WebSocketURL, now: Int64) {
        guard text.utf8.count <= Cookie.mostBytes, !text.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F })
        else { return nil }
        // By bytes throughout: as characters, a semicolon and a combining mark behind it would be one, and no semicolon.
        var parts = text.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        guard let (name, value) = Cookie.pair(parts.removeFirst(), needsEquals: true), !name.isEmpty else { return nil }
        let attributes = CookieAttributes(parts.compactMap { Cookie.pair($0, needsEquals: false) }, now: now)
        let host = url.host
        var (domain, isHostOnly) = (host, true)
        if let wanted = attributes.domain {
            guard Cookie.mayHost(host, setFor: wanted) else { return nil }
            (domain, isHostOnly) = (wanted, wanted == host && Cookie.isAddress(host))
        }
        guard url.isSecure || !attributes.isSecure else { return nil }
        self.name = name
        self.value = value
        self.domain = domain
        self.isHostOnly = isHostOnly
        path = attributes.path ?? Cookie.defaultPath(of: url)
        expires = attributes.expires
        isSecure = attributes.isSecure
        guard isTrueToItsPrefix(hasDomain: attributes.domain != nil) else { return nil }
    }

    /// Whether it belongs into a request (RFC 6265 section 5.4).
    func isFor(_ url: WebSocketURL, now: Int64) -> Bool {
        guard expires.map({ $0 > now }) ?? true, !isSecure || url.isSecure else { return false }
        guard isHostOnly ? url.host == domain : Cookie.isHost(url.host, within: domain) else { return false }
        let target = url.target.prefix { $0 != "?" }
        guard target.hasPrefix(path) else { return false }
        return target.count == path.count || path.hasSuffix("/") || target.dropFirst(path.count).first == "/"
    }

    /// Whether it takes the place of `other`.
    func replaces(_ other: Cookie) -> Bool { name == other.name && domain == other.domain && path == other.path }

    /// Names that promise something must keep it (RFC 6265bis section 4.1.3).
    private func isTrueToItsPrefix(hasDomain: Bool) -> Bool {
        let name = name.lowercased().utf8
        if name.starts(with: "__secure-".utf8) { return isSecure }
        if name.starts(with: "__host-".utf8) { return isSecure && !hasDomain && path == "/" }
        return true
    }

    private static func pair(_ text: Substring.UTF8View, needsEquals: Bool) -> (String, String)? {
        guard let equals = text.firstIndex(of: UInt8(ascii: "=")) else {
            return needsEquals ? nil : (trimmed(text), "")
        }
        return (trimmed(text[..<equals]), trimmed(text[equals...].dropFirst()))
    }

    private static func trimmed(_ text: Substring.UTF8View) -> String {
        String(decoding: text.trimmingWhitespace, as: UTF8.self)
    }

    /// Whether a host may set a cookie for `domain`: for itself and what is above it, but for nothing without a dot in it,
    /// since that may be a whole country's.
    private static func mayHost(_ host: String, setFor domain: String) -> Bool {
        host == domain || domain.contains(".") && isHost(host, within: domain)
    }

    /// RFC 6265 section 5.1.3.
    private static func isHost(_ host: String, within domain: String) -> Bool {
        host == domain || host.hasSuffix("." + domain) && !isAddress(host)
    }

    private static func isAddress(_ host: String) -> Bool { SocketAddress(numeric: host, port: 0) != nil }

    /// The path up to its last slash (RFC 6265 section 5.1.4).
    private static func defaultPath(of url: WebSocketURL) -> String {
        let path = url.target.prefix { $0 != "?" }
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}
