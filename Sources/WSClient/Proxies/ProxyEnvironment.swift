internal import Glibc
internal import WSConnection
internal import WSProtocol

/// What environment variables say of proxies, by the rules that curl and Go have made common.
struct ProxyEnvironment: Sendable {
    private let value: @Sendable (String) -> String?

    /// - Parameter value: gives a variable's value, `nil` or an empty text where it is not set.
    init(_ value: @escaping @Sendable (String) -> String?) { self.value = value }

    static let ofThisProgram = ProxyEnvironment { name in
        // Safety: the text is copied before anything can change the environment.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }

    /// The proxy for a URL; `nil`: none.
    ///
    /// - Throws: `.invalidConfiguration` naming the variable that cannot be used.
    func proxy(for url: WebSocketURL) throws(WebSocketError) -> Proxy? {
        // An address with a zone is on a link of this machine: no proxy can reach it.
        guard url.zone == nil, !ProxyEnvironment.isThisMachine(url.host),
            let (name, text) = variable(url.isSecure ? "HTTPS_PROXY" : "HTTP_PROXY") ?? variable("ALL_PROXY"),
            !NoProxyList(variable("NO_PROXY")?.value ?? "").contains(host: url.host, port: url.port)
        else { return nil }
        do {
            return try Proxy(text)
        } catch {
            throw WebSocketError(.invalidConfiguration, "environment variable \(name): \(error.message)")
        }
    }

    /// No proxy leads to the machine that it is asked from.
    private static func isThisMachine(_ host: String) -> Bool {
        host == "localhost" || host.hasSuffix(".localhost")
            || NoProxyList("127.0.0.0/8,::1").contains(host: host, port: 0)
    }

    private func variable(_ name: String) -> (name: String, value: String)? {
        for name in [name.lowercased(), name] {
            // To a CGI program this is the `Proxy` field of somebody's request (CVE-2016-5385).
            if name == "HTTP_PROXY", value("REQUEST_METHOD") != nil { continue }
            if let text = value(name), !text.isEmpty { return (name, text) }
        }
        return nil
    }
}
