import Testing
import WSProtocol

/// References such as `Location` holds (RFC 3986 section 5), and what a proxy's URL consists of.
@Suite(.timeLimit(.minutes(2))) struct ReferenceTests {
    /// RFC 3986 section 5.4, as far as a WebSocket has it.
    @Test(
        arguments: [
            ("g", "/b/c/g"), ("./g", "/b/c/g"), ("g/", "/b/c/g/"), ("/g", "/g"), ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"), ("g#s", "/b/c/g"), (";x", "/b/c/;x"), ("", "/b/c/d;p?q"), (".", "/b/c/"),
            ("./", "/b/c/"),
            ("..", "/b/"), ("../", "/b/"), ("../g", "/b/g"), ("../..", "/"), ("../../", "/"), ("../../g", "/g"),
            ("../../../g", "/g"), ("/./g", "/g"), ("/../g", "/g"), ("g.", "/b/c/g."), (".g", "/b/c/.g"),
            ("g..", "/b/c/g.."),
            ("./../g", "/b/g"), ("./g/.", "/b/c/g/"), ("g/./h", "/b/c/g/h"), ("g/../h", "/b/c/h"),
            ("g;x=1/../y", "/b/c/y"), ("g?y/./x", "/b/c/g?y/./x"), ("//", nil), ("%zz", nil), ("a b", nil),
            ("1:2", "/b/c/1:2"),
        ] as [(String, String?)])
    func `resolves a reference (C5)`(reference: String, target: String?) throws {
        let base = try WebSocketURL("ws://a.example/b/c/d;p?q")
        guard let target else {
            #expect(throws: WebSocketURL.ParseError.self) { try base.resolving(reference) }
            return
        }
        let resolved = try base.resolving(reference)
        #expect(resolved.target == target)
        #expect(resolved.host == "a.example")
    }

    @Test(arguments: [
        ("//b.example/x", "wss://b.example/x"), ("ws://b.example", "ws://b.example/"),
        ("HTTPS://b.example:1/", "https://b.example:1/"),
        ("?x=http://c.example", "wss://a.example/?x=http://c.example"), ("/x:y", "wss://a.example/x:y"),
    ])
    func `goes to another server where the reference says so (C5)`(reference: String, url: String) throws {
        #expect(try WebSocketURL("wss://a.example/").resolving(reference).description == url)
    }

    @Test func `stays at a Unix socket, unless the reference leads away (C5)`() throws {
        let base = try WebSocketURL("ws+unix:///run/a.sock:/x/y")
        #expect(try base.resolving("z").description == "ws+unix:///run/a.sock:/x/z")
        #expect(try base.resolving("//b.example/").description == "ws://b.example/")
    }

    @Test(
        arguments: [
            ("proxy.example", "http", "proxy.example", nil), ("Proxy.example:3128", "http", "proxy.example", 3128),
            ("SOCKS5://[::1]:1080/", "socks5", "::1", 1080), ("http://u:p@h", "http", "h", nil),
            ("weird+thing://h", "weird+thing", "h", nil), ("http://[fe80::1%25lo]:1", "http", "fe80::1%lo", 1),
        ] as [(String, String, String, Int?)])
    func `takes a proxy's URL apart (C6)`(text: String, scheme: String, host: String, port: Int?) throws {
        let url = try ProxyURL(text)
        #expect(url.scheme == scheme)
        #expect(url.host == host)
        #expect(url.port == port)
    }

    @Test(arguments: ["", "http://", "http://h/path", "http://h?q", "h:99999", "a b", "h#f", "http://u:%zz@h"])
    func `refuses what is no proxy's URL (C6) (T18)`(text: String) {
        #expect(throws: WebSocketURL.ParseError.self) { try ProxyURL(text) }
    }
}
