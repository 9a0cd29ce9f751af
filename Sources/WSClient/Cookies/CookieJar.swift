internal import Actors
internal import Glibc
internal import HTTPTypes
internal import WSConnection
internal import WSProtocol

/// Keeps the cookies that servers set, and sends each back to where it belongs (RFC 6265bis).
///
/// One jar may serve any number of connections, at once too. It lives in memory, and is bounded: 50 cookies of a domain, 180 of
/// all domains that end in the same two labels, 3,000 in all, 4 KiB each, 400 days at most. Where there is no room, those
/// that are not `Secure` go first, the oldest first; in a full jar, of the site that has most. A request's `Cookie` field is
/// bounded at 8,000 bytes: those that are `Secure`, and for one host alone, come first. So one server cannot push out what
/// another has set, nor make the requests to another too large.
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
    /// - Parameter isPublicSuffix: says of a domain (in lower case) whether strangers live side by side below it, as below
    ///   `co.uk` or `github.io` (publicsuffix.org has a list). No host may set a cookie for such a domain, but one that is it,
    ///   for itself alone. Default: none is, except those without a dot. It is called for each cookie with a `Domain`.
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
