internal import HansomHTTP

/// Where a WebSocket is to be reached (RFC 6455 section 3, RFC 3986).
///
/// `ws`, `wss`, `http` and `https` URLs, and `ws+unix:///path/to/socket:/target` for a Unix socket.
public struct WebSocketURL: Hashable, Sendable {
    /// What the URL may begin with.
    public enum Scheme: String, Hashable, Sendable {
        /// Plain, by default at port 80.
        case ws
        /// Over TLS, by default at port 443.
        case wss
        /// The same as `ws`.
        case http
        /// The same as `wss`.
        case https
        /// Plain, at a Unix-domain socket.
        case wsUnix = "ws+unix"
    }

    /// Name and password, percent-decoded (RFC 3986 section 3.2.1).
    public struct UserInfo: Hashable, Sendable {
        /// What stands before the first colon; without one, all of it.
        public let user: String
        /// What stands behind the first colon; `nil` without one. Printing the URL leaves it out.
        public let password: String?

        /// The value of an `Authorization` field for them (RFC 7617 section 2).
        public var basicAuthorization: String { "Basic " + Base64.encode(Array("\(user):\(password ?? "")".utf8)) }
    }

    /// What the URL begins with; it decides about TLS and the default port.
    public let scheme: Scheme
    /// What stands before the `@`; `nil` without one, and for a Unix socket.
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

extension WebSocketURL {
    /// What is wrong with a URL. None of these repeats the URL as a whole, for it may hold a password.
    public enum ParseError: Error, Hashable, Sendable {
        /// A space, a control character, CR, LF or NUL.
        case forbiddenByte(UInt8, offset: Int)
        /// A character that is not ASCII, outside the host.
        case notASCII(offset: Int)
        /// A host that is not ASCII.
        case internationalHost
        /// A scheme that is not for WebSockets, or none.
        case scheme(String)
        /// No `//` with a host behind it.
        case missingAuthority
        /// A host or port that cannot be one.
        case authority(String)
        /// A zone of an IPv6 address that is not written as RFC 6874 has it.
        case zone(String)
        /// A path behind a proxy's host and port.
        case proxyPath
        /// A user or password that is malformed.
        case userinfo
        /// A `#` and what follows (RFC 6455 section 3).
        case fragment
        /// A `%` without two hexadecimal digits behind it.
        case percentEncoding(String)
        /// A Unix socket's path that is empty or malformed.
        case unixPath(String)
    }
}

extension WebSocketURL.ParseError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .forbiddenByte(let byte, let offset):
            "\(byte.shown) at offset \(offset) of the URL; spaces and controls are percent-encoded (RFC 3986 section 2)"
        case .notASCII(let offset):
            "non-ASCII character at offset \(offset) of the URL; it must be percent-encoded (RFC 3986 section 2.1)"
        case .internationalHost:
            "non-ASCII host; write it in punycode, as in xn--mnchen-3ya.example (RFC 5891 section 4.4)"
        case .scheme(let scheme):
            "scheme \(scheme.debugDescription); allowed are ws, wss, http, https and ws+unix (RFC 6455 section 3)"
        case .missingAuthority:
            "no // and host behind the scheme (RFC 6455 section 3)"
        case .authority(let text):
            "host and port \(text.debugDescription); allowed is a name, an IPv4 or [IPv6] address, and a port of 1 to 65535 "
                + "(RFC 3986 section 3.2)"
        case .zone(let text):
            "zone \(text.debugDescription) of an IPv6 address; it is written %25 and the interface, as in [fe80::1%25eth0] (RFC 6874)"
        case .proxyPath:
            "a path behind host and port; a proxy's URL has none, leave it away"
        case .userinfo:
            "malformed user or password; '@', ':', '/', controls and the like are percent-encoded (RFC 3986 section 3.2.1)"
        case .fragment:
            "fragment; a WebSocket URL has none, and '#' is written %23 (RFC 6455 section 3)"
        case .percentEncoding(let text):
            "\(text.debugDescription) where two hexadecimal digits follow a '%' (RFC 3986 section 2.1)"
        case .unixPath(let path):
            "Unix socket path \(path.debugDescription); allowed is ws+unix:///path/to/socket:/target"
        }
    }
}

extension WebSocketURL {
    /// Takes a URL apart from the left (RFC 3986 section 3).
    struct Parser {
        private var rest: ArraySlice<UInt8>

        /// Checks what holds for the URL as a whole.
        init(_ text: String) throws(ParseError) {
            let bytes = Array(text.utf8)
            if let offset = bytes.firstIndex(where: { $0 <= 0x20 || $0 == 0x7F }) {
                throw .forbiddenByte(bytes[offset], offset: offset)
            }
            guard !bytes.contains(UInt8(ascii: "#")) else { throw .fragment }
            rest = ArraySlice(bytes)
        }

        mutating func scheme() throws(ParseError) -> Scheme {
            guard let colon = rest.firstIndex(of: UInt8(ascii: ":")) else { throw .scheme("") }
            let name = Self.text(rest[..<colon]).asciiLowercased
            guard let scheme = Scheme(rawValue: name) else { throw .scheme(name) }
            rest = rest[(colon + 1)...]
            return scheme
        }

        /// Who and where; a zone (RFC 6874) is apart, since it is for this machine only.
        mutating func authority() throws(ParseError) -> (UserInfo?, Authority, zone: String?) {
            let delimiters = [UInt8(ascii: "/"), UInt8(ascii: "?")]
            guard rest.starts(with: "//".utf8) else { throw .missingAuthority }
            rest = rest.dropFirst(2)
            var host = rest.prefix { !delimiters.contains($0) }
            rest = rest[host.endIndex...]
            var userinfo: UserInfo?
            if let at = host.lastIndex(of: UInt8(ascii: "@")) {
                userinfo = try Self.userinfo(host[..<at])
                host = host[(at + 1)...]
            }
            guard !host.isEmpty else { throw .missingAuthority }
            guard host.allSatisfy({ $0 < 0x80 }) else { throw .internationalHost }
            var text = Self.text(host)
            let zone = try Self.takeZone(from: &text)
            guard let authority = Authority(text) else {
                // What looks like a host may be the first half of a password with a slash in it.
                throw rest.contains(UInt8(ascii: "@")) ? .userinfo : .authority(text)
            }
            return (userinfo, authority, zone)
        }

        /// Takes the zone out of an IPv6 literal in brackets, and returns it decoded.
        private static func takeZone(from host: inout String) throws(ParseError) -> String? {
            guard host.hasPrefix("["), let end = host.firstIndex(of: "]"),
                let percent = host[..<end].firstIndex(of: "%")
            else { return nil }
            let written = host[percent..<end]
            guard written.hasPrefix("%25"), written.count > 3,
                let decoded = try? percentDecoded(ArraySlice(written.dropFirst(3).utf8)),
                decoded.allSatisfy({ (0x21...0x7E).contains($0) })
            else { throw .zone(String(written)) }
            host.removeSubrange(percent..<end)
            return String(decoding: decoded, as: UTF8.self)
        }

        /// Path and query, a path of `/` put before a query that has none.
        mutating func target() throws(ParseError) -> String {
            if let bad = rest.firstIndex(where: { $0 >= 0x80 }) { throw .notASCII(offset: bad) }
            _ = try Self.percentDecoded(rest)
            let target = Self.text(rest)
            return rest.first == UInt8(ascii: "/") ? target : "/" + target
        }

        /// The socket's path, up to the colon before the target.
        mutating func unixPath() throws(ParseError) -> String {
            if rest.starts(with: "//".utf8) { rest = rest.dropFirst(2) }
            let path = rest.prefix { $0 != UInt8(ascii: ":") }
            rest = rest[path.endIndex...].dropFirst()
            let decoded = try Self.percentDecoded(path)
            guard path.first == UInt8(ascii: "/"), path.count > 1, !decoded.contains(0),
                let text = String(validating: decoded, as: UTF8.self),
                rest.isEmpty || rest.first == UInt8(ascii: "/") || rest.first == UInt8(ascii: "?")
            else { throw .unixPath(Self.text(path)) }
            return text
        }

        private static func userinfo(_ bytes: ArraySlice<UInt8>) throws(ParseError) -> UserInfo {
            let parts = bytes.split(separator: UInt8(ascii: ":"), maxSplits: 1, omittingEmptySubsequences: false)
            var texts: [String] = []
            for part in parts {
                // Not as `percentEncoding`, which would repeat a piece of the password.
                guard let decoded = try? percentDecoded(part), !part.contains(UInt8(ascii: "@")),
                    decoded.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
                    let text = String(validating: decoded, as: UTF8.self)
                else { throw .userinfo }
                texts.append(text)
            }
            // Basic authentication ends the name at the first colon (RFC 7617 section 2).
            guard !texts[0].utf8.contains(UInt8(ascii: ":")) else { throw .userinfo }
            return UserInfo(user: texts[0], password: texts.count == 2 ? texts[1] : nil)
        }

        private static func percentDecoded(_ bytes: ArraySlice<UInt8>) throws(ParseError) -> [UInt8] {
            do {
                return try PercentEncoding.decoded(bytes)
            } catch {
                throw .percentEncoding(error.text)
            }
        }

        private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }
    }
}

extension WebSocketURL {
    /// Where a reference leads that was found here, as `Location` has one (RFC 3986 section 5.2, RFC 9110 section
    /// 10.2.2). Its fragment is dropped: it is for whoever shows the page.
    ///
    /// - Throws: `ParseError` where it leads to nothing that a WebSocket could be opened at.
    package func resolving(_ reference: String) throws(ParseError) -> WebSocketURL {
        let reference = String(reference.prefix { $0 != "#" })
        if Self.hasScheme(reference) { return try reached(from: WebSocketURL(reference)) }
        if reference.hasPrefix("//") {
            return try reached(from: WebSocketURL((isSecure ? "wss:" : "ws:") + reference))
        }
        if reference.isEmpty { return self }
        var parser = try Parser(reference)
        let relative = try parser.target()
        if reference.hasPrefix("/") { return WebSocketURL(self, target: Self.withoutDots(relative)) }
        let path = target.prefix { $0 != "?" }
        if reference.hasPrefix("?") { return WebSocketURL(self, target: path + reference) }
        let directory = path.dropLast(path.reversed().prefix { $0 != "/" }.count)
        return WebSocketURL(self, target: Self.withoutDots(String(directory) + relative.dropFirst()))
    }

    /// A server is not told our zone, so it cannot repeat it: its own address is reached through the same interface.
    /// Another machine's zone says nothing here.
    private func reached(from other: WebSocketURL) throws(ParseError) -> WebSocketURL {
        if let named = other.zone, named != zone { throw .zone("%\(named)") }
        guard other.host == host, other.zone != zone else { return other }
        return WebSocketURL(other, zone: zone, target: other.target)
    }

    /// Whether a colon ends a scheme, and is not a part of a path (RFC 3986 section 4.2).
    private static func hasScheme(_ reference: String) -> Bool {
        guard let first = reference.utf8.first, first.isASCIILetter,
            let end = reference.utf8.first(where: {
                [UInt8(ascii: ":"), UInt8(ascii: "/"), UInt8(ascii: "?")].contains($0)
            })
        else { return false }
        return end == UInt8(ascii: ":")
    }

    /// A target whose path has no `.` and `..` any more (RFC 3986 section 5.2.4).
    private static func withoutDots(_ target: String) -> String {
        let path = target.prefix { $0 != "?" }
        var kept: [Substring] = []
        let segments = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            let isLast = index == segments.count - 1
            switch segment {
            case ".": if isLast { kept.append("") }
            case "..":
                if !kept.isEmpty { kept.removeLast() }
                if isLast { kept.append("") }
            default: kept.append(segment)
            }
        }
        return "/" + kept.joined(separator: "/") + target[path.endIndex...]
    }
}

/// A proxy as users and environment variables write it: `[scheme://][user:password@]host[:port][/]`.
package struct ProxyURL: Hashable, Sendable {
    /// In lower case; `http` when none is written, as all the world has it.
    package let scheme: String
    package let userinfo: WebSocketURL.UserInfo?
    /// In lower case; an IPv6 literal without its brackets, its zone behind a `%`.
    package let host: String
    package let port: Int?

    /// - Throws: `ParseError` saying what came and what is allowed, without a password.
    package init(_ text: String) throws(WebSocketURL.ParseError) {
        var parts = (scheme: "http", rest: Substring(text))
        if let slashes = text.firstRange(of: "://") {
            parts = (text[..<slashes.lowerBound].lowercased(), text[slashes.upperBound...])
        }
        scheme = parts.scheme
        var parser = try WebSocketURL.Parser("//" + parts.rest)
        let (userinfo, authority, zone) = try parser.authority()
        guard try parser.target() == "/" else { throw .proxyPath }
        self.userinfo = userinfo
        host = authority.host + (zone.map { "%\($0)" } ?? "")
        port = authority.port
    }
}
