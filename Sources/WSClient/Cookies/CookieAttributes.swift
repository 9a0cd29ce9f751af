internal import WSProtocol

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
