import HTTPTypes
public import HansomHTTP

/// Which web pages may open a connection (RFC 6455 section 10.2).
///
/// Browsers send an `Origin`, and cannot be made to send a false one; so this keeps other sites' pages from using a
/// visitor's cookies. Other clients send none, or what they like: a request without an `Origin` passes every policy.
public enum OriginPolicy: Sendable {
    /// Scheme, host and port must be those of the request itself.
    case sameOrigin
    /// All may.
    case any
    /// One of these, each written as `https://example.com` or `http://localhost:8080`.
    case list([String])
    /// What the closure says of the `Origin` field and the request.
    case custom(@Sendable (String, RequestHead) -> Bool)

    /// What is wrong with it: an origin in a list that no page can have. `nil` when nothing is.
    package var objection: String? {
        guard case .list(let origins) = self else { return nil }
        for text in origins {
            guard let flaw = Self.flaw(text) else { continue }
            return
                "origins: \(text.quotedASCII) matches no page: \(flaw); written as https://example.com or http://localhost:8080"
        }
        return nil
    }

    /// Why no browser sends it (RFC 6454 section 6.2).
    private static func flaw(_ text: String) -> String? {
        if text == "null" || text == "file://" { return nil }
        if text.contains("*") { return "* stands for nothing here, name each origin or allow any" }
        guard text.contains("://") else { return "it has no scheme" }
        guard let origin = WebOrigin(text) else {
            return "it is more than a scheme, a host and a port, or one of them is malformed"
        }
        return ["ws", "wss"].contains(origin.scheme) ? "pages come by http or https, not by \(origin.scheme)" : nil
    }

    /// What is wrong with the origin of a request, in words that name it, or `nil` when nothing is.
    ///
    /// - Parameters:
    ///   - isTLS: whether the request came over TLS.
    ///   - external: the origin that the client sees, where a trusted proxy says so.
    func objection(to head: RequestHead, isTLS: Bool, external: WebOrigin?) -> String? {
        guard let origin = head.lines.value(of: .origin) else { return nil }
        if case .any = self { return nil }
        if case .sameOrigin = self, external == nil, Self.isOwn(origin, head, isTLS: isTLS) { return nil }
        let text = String(decoding: origin, as: UTF8.self)
        let expected = external ?? ServerHandshake.requestOrigin(head, isTLS: isTLS)
        return judge(text, head, expected).map { "\($0); it came from \(text.quotedASCII)" }
    }

    /// Whether an origin is, byte by byte, that of the request itself, whose `Host` was found to be one. It may be so
    /// otherwise too, with a port that goes without saying.
    private static func isOwn(_ origin: ArraySlice<UInt8>, _ head: RequestHead, isTLS: Bool) -> Bool {
        guard RequestTarget.isPath(head.target), let host = head.lines.value(of: .host) else { return false }
        let scheme = isTLS ? "https://".utf8 : "http://".utf8
        return origin.count == scheme.count + host.count && origin.starts(with: scheme)
            && origin.suffix(host.count).elementsEqual(host)
    }

    private func judge(_ text: String, _ head: RequestHead, _ expected: WebOrigin?) -> String? {
        switch self {
        case .any:
            return nil
        case .custom(let allows):
            return allows(text, head) ? nil : "origin not allowed"
        case .list(let allowed):
            let isListed = allowed.contains { $0 == text || WebOrigin($0).map { $0 == WebOrigin(text) } ?? false }
            return isListed ? nil : "origin not among the allowed ones"
        case .sameOrigin:
            guard let origin = WebOrigin(text) else { return "origin is not a scheme, a host and a port" }
            guard let expected else { return "request without a host to compare the origin with" }
            return Self.difference(origin, expected)
        }
    }

    private static func difference(_ origin: WebOrigin, _ expected: WebOrigin) -> String? {
        if origin.scheme != expected.scheme {
            return "origin's scheme \(origin.scheme) differs from \(expected.scheme)"
        }
        if origin.host != expected.host { return "origin's host \(origin.host) differs from \(expected.host)" }
        return origin.port == expected.port ? nil : "origin's port \(origin.port) differs from \(expected.port)"
    }
}

/// How a server picks one of the subprotocols that the client offers (RFC 6455 section 4.2.2).
public enum SubprotocolPolicy: Sendable {
    /// None is ever picked.
    case none
    /// The first of these that the client offers; `isRequired` refuses a client that offers none of them.
    case preferring([String], isRequired: Bool = false)
    /// What the closure picks from the client's offers, in their order; `nil` picks none.
    case choosing(@Sendable ([String], RequestHead) -> String?)

    /// What is wrong with it: a name that no client can offer, or that is never reached. `nil` when nothing is.
    package var objection: String? {
        guard case .preferring(let names, let isRequired) = self else { return nil }
        if names.isEmpty && isRequired { return "subprotocols: one is required, and none is named" }
        var seen: Set<String> = []
        for name in names {
            guard name.isToken else {
                return
                    "subprotocols: \(name.debugDescription) is no token, so no client offers it (RFC 6455 section 4.1)"
            }
            guard seen.insert(name).inserted else { return "subprotocols: \(name) is there twice" }
        }
        return nil
    }
}

/// Scheme, host and port: what browsers call an origin (RFC 6454 section 4).
public struct WebOrigin: Hashable, Sendable {
    /// `http` or `https`, or whatever scheme came, in lower case.
    public let scheme: String
    /// In lower case; an IPv6 literal without its brackets.
    public let host: String
    /// The scheme's own port when none was given: 443 for `https` and `wss`, else 80.
    public let port: Int

    /// An origin by its parts: scheme and host are put into lower case, the port is taken as it is.
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
