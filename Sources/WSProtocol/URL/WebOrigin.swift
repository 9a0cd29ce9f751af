/// Scheme, host and port: what browsers call an origin (RFC 6454 section 4).
public struct WebOrigin: Hashable, Sendable {
    /// `http` or `https`, or whatever scheme came, in lower case.
    public let scheme: String
    /// In lower case; an IPv6 literal without its brackets.
    public let host: String
    /// The scheme's own port when none was given: 443 for `https` and `wss`, else 80.
    public let port: Int

    public init(scheme: String, host: String, port: Int) {
        self.scheme = scheme.asciiLowercased
        self.host = host.asciiLowercased
        self.port = port
    }

    /// Reads `scheme://host[:port]` (RFC 6454 section 6.2).
    ///
    /// - Returns: `nil` for anything else, such as `null` or an origin with a path.
    public init?(_ text: String) {
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")), text[colon...].hasPrefix("://") else {
            return nil
        }
        let scheme = String(text[..<colon])
        guard let authority = Authority(String(text[colon...].dropFirst(3))), scheme.isToken else { return nil }
        self.init(
            scheme: scheme, host: authority.host,
            port: authority.port ?? Self.defaultPort(isSecure: ["https", "wss"].contains(scheme.asciiLowercased)))
    }

    static func defaultPort(isSecure: Bool) -> Int { isSecure ? 443 : 80 }
}

extension WebOrigin: CustomStringConvertible {
    /// As a browser writes it: without the port when it is the scheme's own.
    public var description: String {
        let host = Authority.bracketed(host)
        let isDefault = port == Self.defaultPort(isSecure: ["https", "wss"].contains(scheme))
        return "\(scheme)://\(host)\(isDefault ? "" : ":\(port)")"
    }
}
