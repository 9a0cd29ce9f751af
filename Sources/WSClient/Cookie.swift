internal import HansomHTTP
internal import HansomTransport
internal import WSProtocol

/// A cookie as a jar keeps it (RFC 6265bis section 5.7).
public struct Cookie: Sendable, Hashable {
    /// What the server calls it, upper and lower case apart; never empty.
    public let name: String
    /// What is sent back to the server, as it came: quotes belong to it.
    public let value: String
    /// The host that it is for, in lower case.
    public let domain: String
    /// Whether it is for that host alone, and not for those below it.
    public let isHostOnly: Bool
    /// At which path, and at all below it, it is sent; without a `Path` the path of the URL that set it, up to its last
    /// slash (RFC 6265 section 5.1.4).
    public let path: String
    /// When it ends, in seconds since 1970; `nil`: with the jar.
    public let expires: Int64?
    /// Whether it is sent over TLS only.
    public let isSecure: Bool

    /// Whom it belongs to, roughly: the last two labels of its domain. Where these are a suffix that strangers share,
    /// they share the room for cookies too.
    let site: String

    /// The longest cookie that is kept, name, value and attributes (RFC 6265 section 6.1).
    static let mostBytes = 4096

    /// No cookie lives longer, in seconds: 400 days (RFC 6265bis section 5.5).
    private static let longestLife: Int64 = 400 * 86_400

    /// Reads a `Set-Cookie` field (RFC 6265 section 5.2); `nil` where it must be ignored.
    ///
    /// - Parameters:
    ///   - text: the field's value.
    ///   - url: who sent it.
    ///   - now: seconds since 1970.
    ///   - isPublicSuffix: below which domains strangers live side by side, besides those without a dot.
    init?(
        _ text: String, from url: WebSocketURL, now: Int64, _ isPublicSuffix: (String) -> Bool = { _ in false }
    ) {
        guard text.utf8.count <= Cookie.mostBytes, !text.utf8.contains(where: { $0 < 0x20 && $0 != 0x09 || $0 == 0x7F })
        else { return nil }
        // By bytes throughout: as characters, a semicolon and a combining mark behind it would be one, and no
        // semicolon.
        var parts = text.utf8.split(separator: UInt8(ascii: ";"), omittingEmptySubsequences: false)
        guard let (name, value) = Cookie.pair(parts.removeFirst(), needsEquals: true), !name.isEmpty else { return nil }
        let attributes = CookieAttributes(parts.compactMap { Cookie.pair($0, needsEquals: false) }, now: now)
        let host = url.host
        var (domain, isHostOnly) = (host, true)
        if let wanted = attributes.domain {
            guard Cookie.isHost(host, within: wanted), !wanted.hasPrefix(".") else { return nil }
            // A suffix may be a whole country's: a host that is one sets cookies for itself (RFC 6265bis section 5.7).
            let isShared = Cookie.hasOneLabel(wanted) || Cookie.isAddress(host) || isPublicSuffix(wanted)
            guard !isShared || wanted == host else { return nil }
            (domain, isHostOnly) = (wanted, isShared)
        }
        guard url.isSecure || !attributes.isSecure else { return nil }
        self.name = name
        self.value = value
        self.domain = domain
        self.isHostOnly = isHostOnly
        site = Cookie.isAddress(domain) ? domain : domain.split(separator: ".").suffix(2).joined(separator: ".")
        path = attributes.path ?? Cookie.defaultPath(of: url)
        expires = attributes.expires.map { min($0, now.addingReportingOverflow(Cookie.longestLife).partialValue) }
        isSecure = attributes.isSecure
        guard isTrueToItsPrefix(hasDomain: attributes.domain != nil, hasPath: attributes.path != nil) else {
            return nil
        }
    }

    /// Whether it belongs into a request (RFC 6265 section 5.4).
    func isFor(_ url: WebSocketURL, now: Int64) -> Bool {
        guard expires.map({ $0 > now }) ?? true, !isSecure || url.isSecure else { return false }
        guard isHostOnly ? url.host == domain : Cookie.isHost(url.host, within: domain) else { return false }
        return Cookie.isPath(url.target.prefix { $0 != "?" }, within: path)
    }

    /// Whether it takes the place of `other`.
    func replaces(_ other: Cookie) -> Bool { name == other.name && domain == other.domain && path == other.path }

    /// Whether a server would be sent it where it expects `other`, or beside it: the same name, for hosts of which one
    /// lies within the other, at a path below the other's (RFC 6265bis section 5.7).
    func wouldHide(_ other: Cookie) -> Bool {
        name == other.name
            && (Cookie.isHost(domain, within: other.domain) || Cookie.isHost(other.domain, within: domain))
            && Cookie.isPath(path[...], within: other.path)
    }

    /// As a request says it.
    var text: String { "\(name)=\(value)" }

    /// Which are sent first where not all can be.
    var rank: Int { (isSecure ? 0 : 2) + (isHostOnly ? 0 : 1) }

    /// Names that promise something must keep it (RFC 6265bis section 4.1.3).
    private func isTrueToItsPrefix(hasDomain: Bool, hasPath: Bool) -> Bool {
        let name = name.lowercased().utf8
        if name.starts(with: "__secure-".utf8) { return isSecure }
        if name.starts(with: "__host-".utf8) { return isSecure && !hasDomain && hasPath && path == "/" }
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

    /// Whether there is no dot in it but one at its end.
    private static func hasOneLabel(_ domain: String) -> Bool {
        !(domain.hasSuffix(".") ? domain.dropLast() : domain[...]).contains(".")
    }

    /// RFC 6265 section 5.1.3.
    private static func isHost(_ host: String, within domain: String) -> Bool {
        host == domain || host.hasSuffix("." + domain) && !isAddress(host)
    }

    /// RFC 6265 section 5.1.4.
    private static func isPath(_ target: Substring, within path: String) -> Bool {
        guard target.hasPrefix(path) else { return false }
        return target.count == path.count || path.hasSuffix("/") || target.dropFirst(path.count).first == "/"
    }

    private static func isAddress(_ host: String) -> Bool { SocketAddress(numeric: host, port: 0) != nil }

    /// The path up to its last slash (RFC 6265 section 5.1.4).
    private static func defaultPath(of url: WebSocketURL) -> String {
        let path = url.target.prefix { $0 != "?" }
        guard let slash = path.lastIndex(of: "/"), slash > path.startIndex else { return "/" }
        return String(path[..<slash])
    }
}

/// What a `Set-Cookie` field says about its cookie (RFC 6265 sections 5.2.1 to 5.2.5). The last of a kind counts.
struct CookieAttributes {
    private(set) var domain: String?
    private(set) var path: String?
    private(set) var expires: Int64?
    private(set) var isSecure = false

    init(_ pairs: [(name: String, value: String)], now: Int64) {
        var maxAge: Int64?
        for (name, value) in pairs {
            switch name.lowercased() {
            case "expires": expires = HTTPDate.seconds(value) ?? expires
            case "max-age": maxAge = CookieAttributes.maxAge(value) ?? maxAge
            case "domain": domain = CookieAttributes.domain(value) ?? domain
            case "path": path = value.utf8.first == UInt8(ascii: "/") ? value : nil
            case "secure": isSecure = true
            default: break
            }
        }
        guard let maxAge else { return }
        let (end, overflow) = now.addingReportingOverflow(maxAge)
        expires = overflow ? .max : end
    }

    /// Seconds to live; none or less: it is over already (RFC 6265 section 5.2.2).
    private static func maxAge(_ text: String) -> Int64? {
        let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        if text.hasPrefix("-") { return 0 }
        return Int64(digits) ?? .max
    }

    private static func domain(_ text: String) -> String? {
        let name = text.utf8.first == UInt8(ascii: ".") ? text.utf8.dropFirst() : text.utf8[...]
        return name.isEmpty ? nil : String(decoding: name, as: UTF8.self).lowercased()
    }
}
