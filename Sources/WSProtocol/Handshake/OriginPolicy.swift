import HTTPTypes

/// Which web pages may open a connection (RFC 6455 section 10.2).
///
/// Browsers send an `Origin`, and cannot be made to send a false one; so this keeps other sites' pages from using a visitor's
/// cookies. Other clients send none, or what they like: a request without an `Origin` passes every policy.
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
            return "origins: \(Self.shown(text)) matches no page: \(flaw); written as https://example.com or http://localhost:8080"
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

    /// In quotes, all but visible ASCII escaped, no longer than a line.
    private static func shown(_ text: String) -> String {
        let shown = text.unicodeScalars.prefix(200).map { $0.escaped(asASCII: true) }.joined()
        return "\"\(shown)\(text.unicodeScalars.count > 200 ? "..." : "")\""
    }

    /// What is wrong with the origin of a request, in words that name it, or `nil` when nothing is.
    func objection(to head: RequestHead, expected: WebOrigin?) -> String? {
        judge(head, expected).map { "\($0); it came from \(Self.shown(head.fields[.origin] ?? ""))" }
    }

    private func judge(_ head: RequestHead, _ expected: WebOrigin?) -> String? {
        guard let text = head.fields[.origin] else { return nil }
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
