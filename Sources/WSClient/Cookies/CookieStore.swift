internal import WSProtocol

/// Cookies, and the rules of keeping and sending them (RFC 6265 sections 5.3 and 5.4). Time is passed in.
struct CookieStore {
    /// Oldest first.
    private(set) var cookies: [Cookie] = []

    /// RFC 6265 section 6.1 asks for at least as many.
    static let mostCookies = 3000
    static let mostOfADomain = 50

    /// Keeps the cookie of a `Set-Cookie` field; says whether it was one that may be kept, or that ends another.
    @discardableResult
    mutating func set(_ field: String, from url: WebSocketURL, now: Int64) -> Bool {
        guard let cookie = Cookie(field, from: url, now: now) else { return false }
        cookies.removeAll { $0.expires.map { $0 <= now } ?? false }
        if let index = cookies.firstIndex(where: cookie.replaces) {
            // An origin without TLS must not overwrite what one with TLS has set (RFC 6265bis section 5.7).
            if cookies[index].isSecure, !url.isSecure { return false }
            // It keeps its place, which is its age.
            cookies[index] = cookie
            if cookie.expires.map({ $0 <= now }) ?? false { cookies.remove(at: index) }
            return true
        }
        guard cookie.expires.map({ $0 > now }) ?? true else { return true }
        makeRoom(for: cookie)
        cookies.append(cookie)
        return true
    }

    /// What a request's `Cookie` field says; `nil`: nothing.
    func field(for url: WebSocketURL, now: Int64) -> String? {
        let fitting = cookies.filter { $0.isFor(url, now: now) }.enumerated()
        // The longest path first, then the oldest.
        let sorted = fitting.sorted { a, b in
            let (left, right) = (a.element.path.utf8.count, b.element.path.utf8.count)
            return left == right ? a.offset < b.offset : left > right
        }
        return sorted.isEmpty ? nil : sorted.map { "\($0.element.name)=\($0.element.value)" }.joined(separator: "; ")
    }

    private mutating func makeRoom(for cookie: Cookie) {
        if cookies.count(where: { $0.domain == cookie.domain }) >= CookieStore.mostOfADomain,
            let oldest = cookies.firstIndex(where: { $0.domain == cookie.domain })
        {
            cookies.remove(at: oldest)
        }
        if cookies.count >= CookieStore.mostCookies { cookies.removeFirst() }
    }
}
