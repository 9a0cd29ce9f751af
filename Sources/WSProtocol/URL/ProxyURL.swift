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
