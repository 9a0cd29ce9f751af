internal import Actors
internal import Glibc
internal import HTTPTypes
internal import WSConnection
internal import WSProtocol

/// Keeps the cookies that servers set, and sends each back to where it belongs (RFC 6265bis).
///
/// One jar may serve any number of connections, at once too. It lives in memory, and is bounded: 50 cookies of a
/// domain, 180 of all domains that end in the same two labels, 3,000 in all, 4 KiB each, 400 days at most. Where there
/// is no room, those that are not `Secure` go first, the oldest first; in a full jar, of the site that has most. A
/// request's `Cookie` field is bounded at 8,000 bytes: those that are `Secure`, and for one host alone, come first. So
/// one server cannot push out what another has set, nor make the requests to another too large.
///
/// What was set over TLS, an answer without TLS cannot replace, hide or push out.
///
/// Without a list of public suffixes it takes a cookie for `co.uk` from any host below it; it takes none for a domain
/// without a dot.
public final class CookieJar: Sendable, Hashable {
    private let storage: Storage
    private let isPublicSuffix: @Sendable (String) -> Bool

    private final class Storage: @unchecked Sendable {
        // Safety: `store` is touched with `lock` held.
        let lock = Lock()
        var store = CookieStore()
    }

    /// An empty jar.
    ///
    /// - Parameter isPublicSuffix: says of a domain (in lower case) whether strangers live side by side below it, as
    ///   below `co.uk` or `github.io` (publicsuffix.org has a list). No host may set a cookie for such a domain, but
    ///   one that is it, for itself alone. Default: none is, except those without a dot. It is called for each cookie
    ///   with a `Domain`.
    public init(isPublicSuffix: @escaping @Sendable (_ domain: String) -> Bool = { _ in false }) {
        storage = Storage()
        self.isPublicSuffix = isPublicSuffix
    }

    /// The cookies in it, oldest first; some may have expired.
    public var cookies: [Cookie] { storage.lock.withLock { storage.store.cookies } }

    /// Puts a cookie in, as if a server had sent it.
    ///
    /// - Parameters:
    ///   - field: what `Set-Cookie` would say: `id=7; Path=/; Secure`.
    ///   - url: whose answer it would stand in.
    /// - Returns: whether the rules allow it.
    /// - Throws: `.invalidConfiguration` for a URL that cannot be used.
    @discardableResult
    public func set(_ field: String, from url: String) throws(WebSocketError) -> Bool {
        do {
            return take(field, from: try WebSocketURL(url))
        } catch {
            throw WebSocketError(.invalidConfiguration, "\(error)")
        }
    }

    /// Throws all away.
    public func removeAll() { storage.lock.withLock { storage.store = CookieStore() } }

    public static func == (a: CookieJar, b: CookieJar) -> Bool { a === b }

    public func hash(into hasher: inout Hasher) { hasher.combine(ObjectIdentifier(self)) }

    /// Keeps what an answer sets.
    func take(_ fields: HTTPFields, from url: WebSocketURL) {
        for field in fields[values: .setCookie] { take(field, from: url) }
    }

    /// What a request says.
    func field(for url: WebSocketURL) -> String? {
        let now = CookieJar.now
        return storage.lock.withLock { storage.store.field(for: url, now: now) }
    }

    @discardableResult
    private func take(_ field: String, from url: WebSocketURL) -> Bool {
        let now = CookieJar.now
        // The user's code is asked before the lock is taken.
        guard let cookie = Cookie(field, from: url, now: now, isPublicSuffix) else { return false }
        return storage.lock.withLock { storage.store.keep(cookie, from: url, now: now) }
    }

    /// Cookies end by the calendar, not by a scheduler's clock.
    private static var now: Int64 { Int64(time(nil)) }
}

/// Cookies, and the rules of keeping and sending them (RFC 6265bis sections 5.7 and 5.8). Time is passed in.
struct CookieStore {
    /// Oldest first.
    private(set) var cookies: [Cookie] = []

    /// RFC 6265bis section 6.1 asks for at least as many of each.
    static let mostCookies = 3000
    static let mostOfADomain = 50
    /// Of all domains that end alike: whoever has many hosts is not to have the jar.
    static let mostOfASite = 180
    /// The longest `Cookie` field. Many servers refuse a line of 8 KiB, so more would make every later request fail.
    static let mostFieldBytes = 8000

    /// Keeps the cookie of a `Set-Cookie` field; says whether it was one that may be kept, or that ends another.
    ///
    /// - Parameter isPublicSuffix: below which domains strangers live side by side.
    @discardableResult
    mutating func set(
        _ field: String, from url: WebSocketURL, now: Int64, isPublicSuffix: (String) -> Bool = { _ in false }
    ) -> Bool {
        guard let cookie = Cookie(field, from: url, now: now, isPublicSuffix) else { return false }
        return keep(cookie, from: url, now: now)
    }

    /// The same, with a cookie that was read before.
    mutating func keep(_ cookie: Cookie, from url: WebSocketURL, now: Int64) -> Bool {
        cookies.removeAll { $0.expires.map { $0 <= now } ?? false }
        // An origin without TLS must not replace, hide or end what one with TLS has set.
        if !url.isSecure, cookies.contains(where: { $0.isSecure && cookie.wouldHide($0) }) { return false }
        let isOver = cookie.expires.map { $0 <= now } ?? false
        if let index = cookies.firstIndex(where: cookie.replaces) {
            // It keeps its place, which is its age.
            cookies[index] = cookie
            if isOver { cookies.remove(at: index) }
            return true
        }
        guard !isOver else { return true }
        guard makeRoom(for: cookie) else { return false }
        cookies.append(cookie)
        return true
    }

    /// What a request's `Cookie` field says; `nil`: nothing.
    func field(for url: WebSocketURL, now: Int64) -> String? {
        var room = Self.mostFieldBytes
        let chosen = cookies.enumerated().filter { $0.element.isFor(url, now: now) }
            // Where not all fit: those over TLS first, then those of this host alone, then the oldest.
            .sorted { a, b in (a.element.rank, a.offset) < (b.element.rank, b.offset) }
            .filter { _, cookie in
                let count = cookie.text.utf8.count + 2
                guard count <= room + 2 else { return false }
                room -= count
                return true
            }
        // The longest path first, then the oldest.
        let sorted = chosen.sorted { a, b in
            let (left, right) = (a.element.path.utf8.count, b.element.path.utf8.count)
            return left == right ? a.offset < b.offset : left > right
        }
        return sorted.isEmpty ? nil : sorted.map(\.element.text).joined(separator: "; ")
    }

    // MARK: Bounds

    /// Drops whom a newcomer displaces; says whether there is room for it then.
    private mutating func makeRoom(for cookie: Cookie) -> Bool {
        guard makeRoom(for: cookie, among: { $0.domain == cookie.domain }, most: Self.mostOfADomain),
            makeRoom(for: cookie, among: { $0.site == cookie.site }, most: Self.mostOfASite)
        else { return false }
        guard cookies.count >= Self.mostCookies else { return true }
        // Where there is no room at all, the site that has most of it gives some.
        var counts: [String: Int] = [:]
        for cookie in cookies { counts[cookie.site, default: 0] += 1 }
        counts[cookie.site, default: 0] += 1
        // With several of the same size, the one whose cookie is oldest.
        let largest = counts.values.max() ?? 0
        let site = cookies.first { counts[$0.site] == largest }?.site ?? cookie.site
        return drop(among: { $0.site == site }, for: cookie)
    }

    private mutating func makeRoom(for cookie: Cookie, among isOne: (Cookie) -> Bool, most: Int) -> Bool {
        cookies.count(where: isOne) < most || drop(among: isOne, for: cookie)
    }

    /// Drops the oldest that is not `Secure`, else the oldest: but a `Secure` one makes no room for one that is not
    /// (RFC 6265bis section 5.7), or plain text could push out what TLS has set.
    private mutating func drop(among isOne: (Cookie) -> Bool, for cookie: Cookie) -> Bool {
        if let oldest = cookies.firstIndex(where: { isOne($0) && !$0.isSecure }) {
            cookies.remove(at: oldest)
            return true
        }
        guard cookie.isSecure, let oldest = cookies.firstIndex(where: isOne) else { return false }
        cookies.remove(at: oldest)
        return true
    }
}
