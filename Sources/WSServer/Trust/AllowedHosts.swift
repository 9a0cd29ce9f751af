internal import HansomHTTP
internal import WSProtocol

/// The hosts as which a server may be asked, where not any will do.
struct AllowedHosts: Sendable {
    private struct Rule: Sendable {
        let host: String
        /// Whether it stands for every name below `host`, and not for that itself.
        let isBelow: Bool
        /// `nil`: any.
        let port: Int?
    }

    /// Why a text is no rule.
    struct Flaw: Error { let reason: String }

    private let rules: [Rule]

    /// - Parameter texts: hosts as in `Host`: `example.com`, `localhost:8080`, `[::1]`; or `*.example.com`.
    init(_ texts: [String]) throws(Flaw) {
        guard !texts.isEmpty else {
            throw Flaw(reason: "allowedHosts is empty: nobody could ask; name a host, or use nil")
        }
        var rules: [Rule] = []
        for text in texts { rules.append(try AllowedHosts.rule(text)) }
        self.rules = rules
    }

    private static func rule(_ text: String) throws(Flaw) -> Rule {
        let isBelow = text.hasPrefix("*.")
        let name = isBelow ? String(text.dropFirst(2)) : text
        guard let authority = Authority(name), !(isBelow && authority.host.utf8.contains(UInt8(ascii: ":"))) else {
            throw Flaw(
                reason: "allowedHosts \(text.debugDescription) matches no host; "
                    + "written as example.com, localhost:8080, [::1] or *.example.com, without a scheme or path")
        }
        return Rule(host: withoutDot(authority.host), isBelow: isBelow, port: authority.port)
    }

    /// Whether the server may be asked so.
    ///
    /// - Parameter origin: scheme, host and port as the client sees them.
    func allow(_ origin: WebOrigin) -> Bool {
        let host = AllowedHosts.withoutDot(origin.host)
        return rules.contains { rule in
            (rule.port ?? origin.port) == origin.port
                && (rule.isBelow
                    ? host.hasSuffix("." + rule.host) && host.utf8.count > rule.host.utf8.count + 1 : host == rule.host)
        }
    }

    /// `example.com.` is the same name, written in full.
    private static func withoutDot(_ host: String) -> String { host.hasSuffix(".") ? String(host.dropLast()) : host }
}
