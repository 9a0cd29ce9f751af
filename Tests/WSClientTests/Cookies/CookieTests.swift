import Testing
import WSProtocol

@testable import WSClient

/// Which cookies are kept, and where they are sent (RFC 6265).
@Suite(.timeLimit(.minutes(5))) struct CookieTests {
    private static let now: Int64 = 1_000_000_000

    /// What a store that was told `fields` by `from` sends to `url`.
    private func sent(_ fields: [String], from: String, to url: String, after seconds: Int64 = 0) throws -> String? {
        var store = CookieStore()
        for field in fields { store.set(field, from: try WebSocketURL(from), now: Self.now) }
        return store.field(for: try WebSocketURL(url), now: Self.now + seconds)
    }

    @Test(
        arguments: [
            ("a=1", "ws://e.com/", "ws://e.com/", "a=1"), ("a=1", "ws://e.com/", "ws://e.com:81/x", "a=1"),
            ("a=1", "ws://e.com/", "wss://e.com/", "a=1"), ("a=1", "ws://e.com/", "ws://sub.e.com/", nil),
            ("a=1", "ws://e.com/", "ws://evile.com/", nil), (" a = 1 2 ; X", "ws://e.com/", "ws://e.com/", "a=1 2"),
            ("a=b=c", "ws://e.com/", "ws://e.com/", "a=b=c"), ("a=\"q\"", "ws://e.com/", "ws://e.com/", "a=\"q\""),
            ("a=", "ws://e.com/", "ws://e.com/", "a="), ("a", "ws://e.com/", "ws://e.com/", nil),
            ("=a", "ws://e.com/", "ws://e.com/", nil), ("", "ws://e.com/", "ws://e.com/", nil),
            ("a=1; Domain=e.com", "ws://s.e.com/", "ws://t.e.com/", "a=1"),
            ("a=1; domain=.E.com", "ws://s.e.com/", "ws://e.com/", "a=1"),
            ("a=1; Domain=e.com", "ws://s.e.com/", "ws://evile.com/", nil),
            ("a=1; Domain=s.e.com", "ws://e.com/", "ws://s.e.com/", nil),
            ("a=1; Domain=f.com", "ws://e.com/", "ws://f.com/", nil),
            ("a=1; Domain=com", "ws://e.com/", "ws://f.com/", nil),
            ("a=1; Domain=com.", "ws://e.com./", "ws://f.com./", nil),
            ("a=1; Domain=com.", "ws://e.com/", "ws://f.com/", nil),
            ("a=1; Domain=..com", "ws://e.com/", "ws://f.com/", nil),
            ("a=1; Domain=e.com.", "ws://s.e.com./", "ws://t.e.com./", "a=1"),
            ("a=1; Domain=.", "ws://e.com./", "ws://f.com./", nil),
            ("a=1; Domain=localhost", "ws://localhost/", "ws://localhost/", "a=1"),
            ("a=1; Domain=localhost", "ws://localhost/", "ws://x.localhost/", nil),
            ("a=1; Domain=localhost", "ws://x.localhost/", "ws://localhost/", nil),
            ("a=1; Domain=", "ws://e.com/", "ws://s.e.com/", nil),
            ("a=1; Domain=0.0.1", "ws://127.0.0.1/", "ws://127.0.0.1/", nil),
            ("a=1; Domain=127.0.0.1", "ws://127.0.0.1/", "ws://127.0.0.1/", "a=1"),
            ("a=1", "ws://[::1]/", "ws://[::1]:8080/", "a=1"),
            ("a=1", "ws+unix:///a.sock:/", "ws+unix:///a.sock:/", "a=1"),
            // To Swift a mark makes one character of itself and what stands before it. To the protocol it does not.
            ("a;\u{301}b=1", "ws://e.com/", "ws://e.com/", nil), ("a=1;\u{301}b", "ws://e.com/", "ws://e.com/", "a=1"),
            ("__Host-\u{301}a=1; Path=/p", "wss://e.com/", "wss://e.com/p", nil),
            ("a=1; Path=/\u{301}", "ws://e.com/", "ws://e.com/", nil),
        ] as [(String, String, String, String?)])
    func `sends a cookie to the hosts that it is for (C5)`(
        field: String, from: String, to: String, expected: String?
    ) throws {
        #expect(try sent([field], from: from, to: to) == expected)
    }

    @Test(
        arguments: [
            ("a=1", "/x/y", "/x", true), ("a=1", "/x/y", "/x/z", true), ("a=1", "/x/y", "/xz", false),
            ("a=1", "/x/y", "/", false), ("a=1", "/x", "/", true), ("a=1; Path=/p", "/x", "/p?q=/", true),
            ("a=1; Path=/p", "/x", "/p/q", true), ("a=1; Path=/p", "/x", "/pq", false),
            ("a=1; Path=/p/", "/x", "/p/q", true), ("a=1; Path=/p/", "/x", "/p", false),
            ("a=1; Path=p", "/x", "/", true),
        ] as [(String, String, String, Bool)])
    func `sends a cookie to the paths that it is for (C5)`(
        field: String, from: String, to: String, isSent: Bool
    ) throws {
        #expect(try (sent([field], from: "ws://e.com" + from, to: "ws://e.com" + to) != nil) == isSent)
    }

    @Test func `sends a secure cookie over TLS only, and takes it from there only (C5)`() throws {
        #expect(try sent(["a=1; Secure"], from: "wss://e.com/", to: "ws://e.com/") == nil)
        #expect(try sent(["a=1; Secure"], from: "wss://e.com/", to: "wss://e.com/") == "a=1")
        #expect(try sent(["a=1; Secure"], from: "ws://e.com/", to: "wss://e.com/") == nil)
    }

    @Test func `lets plain text not overwrite what TLS has set (C5)`() throws {
        var store = CookieStore()
        store.set("a=1; Secure", from: try WebSocketURL("wss://e.com/"), now: 0)
        store.set("a=2", from: try WebSocketURL("ws://e.com/"), now: 0)
        #expect(store.cookies.map(\.value) == ["1"])
    }

    @Test(arguments: [
        ("__Secure-a=1; Secure", true), ("__Secure-a=1", false), ("__Host-a=1; Secure; Path=/", true),
        ("__Host-a=1; Secure; Path=/x", false), ("__Host-a=1; Secure", false), ("__HOST-a=1; Secure", false),
        ("__Host-a=1; Secure; Path=/; Domain=e.com", false),
        ("__host-a=1; Path=/", false),
    ])
    func `holds a name to what it promises (C5)`(field: String, isKept: Bool) throws {
        #expect(try (sent([field], from: "wss://e.com/", to: "wss://e.com/x") != nil) == isKept)
    }

    @Test func `sends the longest path first, then the oldest (C5)`() throws {
        let fields = ["a=1; Path=/", "b=2; Path=/x", "c=3; Path=/x", "a=4; Path=/"]
        #expect(try sent(fields, from: "ws://e.com/", to: "ws://e.com/x") == "b=2; c=3; a=4")
    }

    // MARK: Time

    @Test func `ends a cookie when its time is over (C5)`() throws {
        let fields = ["a=1; Max-Age=10", "b=2; Expires=Sun, 09 Sep 2001 01:47:00 GMT", "c=3"]
        #expect(try sent(fields, from: "ws://e.com/", to: "ws://e.com/") == "a=1; b=2; c=3")
        #expect(try sent(fields, from: "ws://e.com/", to: "ws://e.com/", after: 10) == "b=2; c=3")
        #expect(try sent(fields, from: "ws://e.com/", to: "ws://e.com/", after: 20) == "c=3")
    }

    @Test(arguments: ["a=; Max-Age=0", "a=; Max-Age=-1", "a=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"])
    func `throws a cookie away when its server says so (C5)`(field: String) throws {
        var store = CookieStore()
        let url = try WebSocketURL("ws://e.com/")
        store.set("a=1", from: url, now: Self.now)
        store.set(field, from: url, now: Self.now)
        #expect(store.cookies.isEmpty)
    }

    @Test func `believes Max-Age before Expires, and the longest of lives (C5)`() throws {
        let fields = [
            "a=1; Max-Age=10; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "b=2; Max-Age=99999999999999999999",
            "c=3; Max-Age=9223372036854775807", "d=4; Max-Age=1x",
        ]
        #expect(try sent(fields, from: "ws://e.com/", to: "ws://e.com/") == "a=1; b=2; c=3; d=4")
    }

    // MARK: Bounds

    @Test(arguments: ["a=\r\nX: y", "a\0=1", "a=1; Path=/\u{1}", "a=\u{7F}"])
    func `takes no cookie with a control character in it (C5) (T18)`(field: String) throws {
        #expect(try sent([field], from: "ws://e.com/", to: "ws://e.com/") == nil)
    }

    @Test func `holds no more than it may, and drops the oldest (C5)`() throws {
        var store = CookieStore()
        let url = try WebSocketURL("ws://e.com/")
        store.set("a=" + String(repeating: "x", count: 4096), from: url, now: 0)
        #expect(store.cookies.isEmpty)
        for index in 0..<60 { store.set("c\(index)=1", from: url, now: 0) }
        #expect(store.cookies.count == 50)
        #expect(store.cookies.first?.name == "c10")
        for host in 0..<100 {
            for index in 0..<40 { store.set("c\(index)=1", from: try WebSocketURL("ws://h\(host).com/"), now: 0) }
        }
        #expect(store.cookies.count == 3000)
        // All have 40 but the first, which has 50: it gave ten, and then each in turn gave its oldest.
        #expect(store.cookies.filter { $0.domain == "e.com" }.count < 40)
    }

    /// A store with a session that was begun over TLS.
    private func storeWithSession() throws -> CookieStore {
        var store = CookieStore()
        store.set("id=secret; Secure; Path=/login; Domain=e.com", from: try WebSocketURL("wss://e.com/"), now: Self.now)
        return store
    }

    @Test(
        arguments: [
            ("id=evil", "ws://e.com/login/x", false), ("id=evil; Path=/login", "ws://e.com/", false),
            ("id=evil; Path=/login/x", "ws://e.com/", false), ("id=evil; Path=/login", "ws://s.e.com/", false),
            ("id=evil; Path=/login; Domain=e.com", "ws://s.e.com/", false),
            ("id=; Path=/login; Domain=e.com; Max-Age=0", "ws://e.com/", false),
            // Neither hides it: the one is sent behind it, the others have another name or host.
            ("id=other; Path=/", "ws://e.com/", true), ("id=other; Path=/loginx", "ws://e.com/", true),
            ("ID=other; Path=/login", "ws://e.com/", true), ("id=other; Path=/login", "ws://f.com/", true),
            ("id=other; Path=/login", "wss://s.e.com/", true),
        ])
    func `plain text leaves alone what TLS has set, and does not hide it (C16)`(
        field: String, from: String, isKept: Bool
    ) throws {
        var store = try storeWithSession()
        let wasKept = store.set(field, from: try WebSocketURL(from), now: Self.now)
        #expect(wasKept == isKept)
        #expect(store.cookies.contains { $0.value == "secret" })
        #expect(!store.cookies.contains { $0.value == "evil" })
    }

    @Test func `plain text cannot push out what TLS has set (C16)`() throws {
        var store = CookieStore()
        let (plain, secure) = (try WebSocketURL("ws://e.com/"), try WebSocketURL("wss://e.com/"))
        store.set("id=secret; Secure", from: secure, now: 0)
        for index in 0..<200 { store.set("c\(index)=1", from: plain, now: 0) }
        #expect(store.cookies.count == 50)
        #expect(store.cookies.first?.value == "secret")
        for index in 0..<60 { store.set("s\(index)=1; Secure", from: secure, now: 0) }
        #expect(store.cookies.count == 50)
        let areAllSecure = store.cookies.allSatisfy { $0.isSecure }
        #expect(areAllSecure)
        let late = store.set("late=1", from: plain, now: 0)
        #expect(!late)
        #expect(store.cookies.count == 50)
        // From other hosts of the same site, and with the domain that they share, it is no different.
        for host in 0..<50 {
            let url = try WebSocketURL("ws://h\(host).e.com/")
            for index in 0..<50 {
                store.set("c\(index)=1", from: url, now: 0)
                store.set("d\(host).\(index)=1; Domain=e.com", from: url, now: 0)
            }
        }
        #expect(store.cookies.count == CookieStore.mostOfASite)
        #expect(store.cookies.count { $0.isSecure } == 50)
    }

    @Test func `one site does not fill the jar for the others (C16)`() throws {
        var store = CookieStore()
        for host in 0..<2990 { store.set("id=1", from: try WebSocketURL("ws://a\(host).com/"), now: 0) }
        for host in 0..<20 {
            for index in 0..<10 { store.set("c\(index)=1", from: try WebSocketURL("ws://h\(host).evil.com/"), now: 0) }
        }
        #expect(store.cookies.count <= CookieStore.mostCookies)
        #expect(store.cookies.count { $0.site != "evil.com" } == 2990)
        #expect(store.cookies.count { $0.site == "evil.com" } == 10)
    }

    @Test func `no answer makes a later request too large, or pushes the session out of it (C16)`() throws {
        var store = CookieStore()
        let url = try WebSocketURL("wss://www.e.com/a/b")
        let long = String(repeating: "x", count: 3000)
        for index in 0..<20 {
            store.set(
                "big\(index)=\(long); Path=/a/b; Domain=e.com", from: try WebSocketURL("wss://evil.e.com/"), now: 0)
        }
        store.set("id=secret; Secure; Path=/", from: url, now: 0)
        let field = try #require(store.field(for: url, now: 0))
        #expect(field.utf8.count <= CookieStore.mostFieldBytes)
        #expect(field.hasSuffix("; id=secret"))
        #expect(field.hasPrefix("big0="))
    }

    @Test func `a field is filled to its last byte and no further (C16)`() throws {
        let url = try WebSocketURL("ws://e.com/")
        for spare in [0, 1] {
            var store = CookieStore()
            for name in ["a", "b"] {
                // Two of 3,999 bytes and "; " between them; or one byte more.
                let count = 3997 + (name == "a" ? spare : 0)
                store.set("\(name)=" + String(repeating: "x", count: count), from: url, now: 0)
            }
            let field = try #require(store.field(for: url, now: 0))
            #expect(field.utf8.count <= CookieStore.mostFieldBytes)
            #expect(field.contains("; b=") == (spare == 0), "\(field.utf8.count)")
        }
    }

    @Test func `a list of public suffixes is heeded (C16)`() throws {
        let jar = CookieJar { $0 == "co.uk" }
        #expect(try !jar.set("id=7; Domain=co.uk", from: "wss://e.co.uk/"))
        #expect(try jar.set("id=7; Domain=co.uk", from: "wss://co.uk/"))
        #expect(jar.cookies.map(\.isHostOnly) == [true])
        #expect(try jar.set("id=7; Domain=e.co.uk", from: "wss://www.e.co.uk/"))
    }

    @Test func `no cookie lives longer than 400 days (C16)`() throws {
        let fields = ["a=1; Max-Age=99999999999", "b=2; Expires=Fri, 31 Dec 9999 23:59:59 GMT"]
        #expect(try sent(fields, from: "ws://e.com/", to: "ws://e.com/", after: 400 * 86_400 - 1) == "a=1; b=2")
        #expect(try sent(fields, from: "ws://e.com/", to: "ws://e.com/", after: 400 * 86_400) == nil)
    }

    @Test func `is a jar that can be filled and emptied by hand (C5)`() throws {
        let jar = CookieJar()
        #expect(try jar.set("id=7; Path=/", from: "ws://e.com/"))
        #expect(try !jar.set("id=7; Domain=f.com", from: "ws://e.com/"))
        #expect(jar.cookies.map(\.name) == ["id"])
        #expect(throws: WebSocketError.self) { try jar.set("id=7", from: "nowhere") }
        jar.removeAll()
        #expect(jar.cookies.isEmpty)
        #expect(jar == jar)
        #expect(jar != CookieJar())
    }
}
