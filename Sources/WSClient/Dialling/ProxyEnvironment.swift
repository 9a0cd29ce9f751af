internal import Glibc
internal import HansomHTTP
internal import HansomTransport
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

/// What `NO_PROXY` lists: the hosts that are reached without a proxy.
///
/// Separated by commas or spaces: `example.com` (it and every name that ends in `.example.com`), `.example.com` or
/// `*.example.com` (those names only), an address, a network `10.0.0.0/8`, each with a `:port` or without; `*` for all.
struct NoProxyList {
    private enum Rule {
        case everything
        /// The name, if the flag says so, and all names below it.
        case name(String, itself: Bool, port: Int?)
        case network(IPRange, port: Int?)
    }

    private let rules: [Rule]

    init(_ text: String) {
        rules = text.split { $0 == "," || $0 == " " || $0 == "\t" }.compactMap { NoProxyList.rule(String($0)) }
    }

    /// - Parameter host: in lower case; an IPv6 literal without its brackets.
    func contains(host: String, port: Int) -> Bool {
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        let address = SocketAddress(numeric: name, port: 0)
        return rules.contains { rule in
            switch rule {
            case .everything: return true
            case .name(let suffix, let itself, let wanted):
                guard address == nil, wanted == nil || wanted == port else { return false }
                // With its dot: `evilexample.com` is not below `example.com`.
                return itself && name == suffix || name.hasSuffix("." + suffix)
            case .network(let range, let wanted):
                guard let address, wanted == nil || wanted == port else { return false }
                return range.contains(address)
            }
        }
    }

    private static func rule(_ entry: String) -> Rule? {
        let entry = entry.lowercased()
        if entry == "*" { return .everything }
        if entry.utf8.contains(UInt8(ascii: "/")) { return (try? IPRange(entry)).map { .network($0, port: nil) } }
        let (host, port) = split(entry)
        if let address = SocketAddress(numeric: host, port: 0) { return .network(IPRange(address), port: port) }
        var name = host.hasSuffix(".") ? String(host.dropLast()) : host
        let isBelowOnly = name.hasPrefix(".") || name.hasPrefix("*.")
        if isBelowOnly { name = String(name.drop { $0 == "*" || $0 == "." }) }
        return name.isEmpty ? nil : .name(name, itself: !isBelowOnly, port: port)
    }

    /// Takes a port off, if there is one; an IPv6 address has colons of its own.
    private static func split(_ entry: String) -> (host: String, port: Int?) {
        if SocketAddress(numeric: entry, port: 0) != nil { return (entry, nil) }
        guard let colon = entry.lastIndex(of: ":"), let port = Int(entry[entry.index(after: colon)...]) else {
            return (unbracketed(entry[...]), nil)
        }
        return (unbracketed(entry[..<colon]), port)
    }

    private static func unbracketed(_ host: Substring) -> String {
        host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : String(host)
    }
}
