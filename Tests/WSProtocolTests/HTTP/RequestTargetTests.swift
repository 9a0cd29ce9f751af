import Testing
import WSProtocol

/// Targets taken apart, and paths decoded once (S7).
struct RequestTargetTests {
    @Test(
        arguments: [
            ("/", "/", nil, nil), ("/a/b?c=d?e", "/a/b", "c=d?e", nil), ("/a?", "/a", "", nil), ("*", "*", nil, nil),
            ("http://h:8/a?b", "/a", "b", "h:8"), ("http://h", "/", nil, "h"), ("http://h?b", "/", "b", "h"),
            ("/a?b=http://h/c", "/a", "b=http://h/c", nil), ("x?u=http://h/a", "x", "u=http://h/a", nil), ("h:443", "h:443", nil, nil),
        ] as [(String, String, String?, String?)])
    func `tells path, query and authority apart (S7)`(target: String, path: String, query: String?, authority: String?)
    {
        let parts = RequestTarget(target)
        #expect(parts.path == path && parts.query == query && parts.authority == authority)
    }

    @Test(
        arguments: [
            ("/", [""]), ("/a", ["a"]), ("/a/", ["a", ""]), ("//a", ["", "a"]), ("/a%20b", ["a b"]), ("/a+b", ["a+b"]),
            ("/%61%2Fb", ["a/b"]), ("/%2561", ["%61"]), ("/caf%C3%A9", ["caf\u{E9}"]), ("/...", ["..."]),
            ("/.", nil), ("/..", nil), ("/a/../b", nil), ("/%2e%2E", nil), ("/.%2e/a", nil), ("/a%00", nil),
            ("/%", nil), ("/%4", nil), ("/%zz", nil), ("/%+1", nil), ("/%FF", nil), ("/%C0%AE", nil), ("*", nil),
            ("a/b", nil), ("/%252e%252e", ["%2e%2e"]), ("/..%2Fb", nil), ("/a%2F..", nil), ("/a%2F.%2Fb", nil), ("/a%2F...", ["a/..."]),
        ] as [(String, [String]?)])
    func `decodes segments once, and refuses dots (S7)`(path: String, segments: [String]?) {
        #expect(RequestTarget(path + "?q").segments == segments)
    }
}
