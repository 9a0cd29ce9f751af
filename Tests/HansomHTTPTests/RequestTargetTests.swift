import HTTPTypes
import HansomHTTP
import ProtocolTesting
import Testing
import WSProtocol

/// Targets taken apart, and paths decoded once (S7).
@Suite(.timeLimit(.minutes(2))) struct RequestTargetTests {
    @Test(
        arguments: [
            ("/", "/", nil, nil), ("/a/b?c=d?e", "/a/b", "c=d?e", nil), ("/a?", "/a", "", nil), ("*", "*", nil, nil),
            ("http://h:8/a?b", "/a", "b", "h:8"), ("http://h", "/", nil, "h"), ("http://h?b", "/", "b", "h"),
            ("/a?b=http://h/c", "/a", "b=http://h/c", nil), ("x?u=http://h/a", "x", "u=http://h/a", nil),
            ("h:443", "h:443", nil, nil),
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
            ("a/b", nil), ("/%252e%252e", ["%2e%2e"]), ("/..%2Fb", nil), ("/a%2F..", nil), ("/a%2F.%2Fb", nil),
            ("/a%2F...", ["a/..."]),
        ] as [(String, [String]?)])
    func `decodes segments once, and refuses dots (S7)`(path: String, segments: [String]?) {
        #expect(RequestTarget(path + "?q").segments == segments)
    }

    @Test(
        arguments: [
            ("/", .origin), ("/a?b", .origin), ("//a", .origin), ("http://h", .absolute),
            ("HTTPS://H:1/a?b", .absolute),
            ("http://[::1]/", .absolute), ("*", .asterisk), ("h:443", .authority), ("[::1]:80", .authority),
            ("", nil), ("foo", nil), ("?x", nil), ("**", nil), ("*/", nil), ("h", nil), ("h:", nil), ("h:0", nil),
            ("u@h:80", nil),
            ("http://", nil), ("http:///a", nil), ("http://[::1/", nil), ("http://u:p@h/", nil), ("http://h:x/", nil),
            ("http:/h/", nil), ("ws://h/", nil), ("ftp://h/", nil), ("://h/", nil),
        ] as [(String, RequestTarget.Form?)])
    func `knows the four forms of a target (S7, RFC 9112 section 3.2)`(target: String, form: RequestTarget.Form?) {
        #expect(RequestTarget(target).form == form)
    }

    @Test(
        arguments: [
            ("GET /a", nil), ("GET http://a.example/", nil), ("POST https://a.example", nil), ("OPTIONS *", nil),
            ("OPTIONS /a", nil),
            ("CONNECT a.example:80", nil),
            ("GET *", "3.2.4"), ("CONNECT *", "3.2.4"), ("GET a.example:80", "3.2.3"), ("GET foo", "not a path"),
            ("GET ?x", "not a path"),
            ("GET http://[::1/", "not a path"), ("GET ws://a.example/", "not a path"),
            ("CONNECT /a", "not a host and port"),
            ("CONNECT http://a.example/", "not a host and port"), ("CONNECT a.example", "not a host and port"),
        ] as [(String, String?)])
    func `tells which form a method has (S7, RFC 9112 section 3.2)`(line: String, words: String?) throws {
        let head = try makeRequest(line: "\(line) HTTP/1.1")
        guard let words else { return try head.checkTarget() }
        let error = #expect(throws: HeadError.self) { try head.checkTarget() }
        #expect(error?.status == 400 && error?.message.contains(words) == true, "\(String(describing: error))")
        // The handshake by itself says the same, or that it is no GET.
        guard case .refuse(let refusal) = ServerHandshake.evaluate(head) else {
            Issue.record("accepted")
            return
        }
        #expect(refusal.status == 400)
    }

    @Test(arguments: [
        ("/a@b?c", "/a@b"), ("*", "*"), ("foo?x", "foo"), ("u:p@h:80", "h:80"), ("http://u:p@h/a@b?c", "http://h/a@b"),
        ("http://h:8/a", "http://h:8/a"), ("http://h?u@x", "http://h"), ("http://u@v@h", "http://h"),
    ])
    func `shows targets without queries and users (S13)`(target: String, shown: String) {
        #expect(RequestTarget.withoutSecrets(target) == shown)
    }

    @Test func `the host of a URL counts, not the one of Host (S5, S7, RFC 9112 section 3.2.2)`() throws {
        let head = try makeRequest(["Origin": "http://A.example:8"], line: "GET http://a.Example:8/chat HTTP/1.1")
        #expect(head.fields[.hostField] == "a.Example:8" && head.target == "http://a.Example:8/chat")
        guard case .accept = ServerHandshake.evaluate(head) else {
            Issue.record("refused")
            return
        }
        // Also for a head that was not read by our parser.
        var other = head
        other.fields[.hostField] = "evil.example"
        guard case .accept = ServerHandshake.evaluate(other) else {
            Issue.record("refused")
            return
        }
        #expect(try makeRequest(line: "GET http://[::1/ HTTP/1.1").fields[.hostField] == "server.example.com")
    }
}
