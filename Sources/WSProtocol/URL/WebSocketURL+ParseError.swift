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
