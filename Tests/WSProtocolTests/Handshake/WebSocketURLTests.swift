import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct WebSocketURLTests {
    @Test(arguments: [
        ("ws://example.com", "example.com", 80, "/", "example.com", "http://example.com"),
        ("wss://example.com", "example.com", 443, "/", "example.com", "https://example.com"),
        ("http://example.com/a/b", "example.com", 80, "/a/b", "example.com", "http://example.com"),
        ("https://example.com:443/", "example.com", 443, "/", "example.com", "https://example.com"),
        ("WSS://EXAMPLE.com:8443/A?b=C", "example.com", 8443, "/A?b=C", "example.com:8443", "https://example.com:8443"),
        ("ws://h?q=1", "h", 80, "/?q=1", "h", "http://h"), ("ws://h:/x", "h", 80, "/x", "h", "http://h"),
        ("ws://h/?", "h", 80, "/?", "h", "http://h"), ("ws://h/a:b@c", "h", 80, "/a:b@c", "h", "http://h"),
        ("ws://h/%20%C3%a9?%23", "h", 80, "/%20%C3%a9?%23", "h", "http://h"),
        ("ws://[::1]:9000/x", "::1", 9000, "/x", "[::1]:9000", "http://[::1]:9000"),
        ("wss://[2001:DB8::1]", "2001:db8::1", 443, "/", "[2001:db8::1]", "https://[2001:db8::1]"),
        ("ws://127.0.0.1:80", "127.0.0.1", 80, "/", "127.0.0.1", "http://127.0.0.1"),
        ("wss://h:80/", "h", 80, "/", "h:80", "https://h:80"),
        (
            "ws://xn--mnchen-3ya.example", "xn--mnchen-3ya.example", 80, "/", "xn--mnchen-3ya.example",
            "http://xn--mnchen-3ya.example"
        ),
    ])
    func `takes a URL apart (C1)`(
        text: String, host: String, port: Int, target: String, hostHeader: String, origin: String
    ) throws {
        let url = try WebSocketURL(text)
        #expect(url.host == host)
        #expect(url.port == port)
        #expect(url.target == target)
        #expect(url.hostHeader == hostHeader)
        #expect(url.origin.description == origin)
        #expect(url.userinfo == nil)
        #expect(url.unixPath == nil)
        #expect(url.isSecure == origin.hasPrefix("https"))
        #expect(try WebSocketURL(url.description) == url)
    }

    @Test(
        arguments: [
            ("ws://user:pass@h/", "user", "pass", "Basic dXNlcjpwYXNz"),
            ("ws://user@h/", "user", nil, "Basic dXNlcjo="),
            ("ws://a%40b:p%3A%2F%C3%A9:q@h/", "a@b", "p:/é:q", "Basic YUBiOnA6L8OpOnE="),
            ("ws://:p@h", "", "p", "Basic OnA="),
        ] as [(String, String, String?, String)])
    func `decodes user and password (C1)`(text: String, user: String, password: String?, basic: String) throws {
        let url = try WebSocketURL(text)
        #expect(url.userinfo?.user == user)
        #expect(url.userinfo?.password == password)
        #expect(url.userinfo?.basicAuthorization == basic)
        #expect(url.host == "h")
        if let password { #expect(!url.description.contains(password)) }
    }

    @Test(arguments: [
        ("ws+unix:///run/app.sock", "/run/app.sock", "/"),
        ("ws+unix:///run/app.sock:/chat?x=1", "/run/app.sock", "/chat?x=1"),
        ("ws+unix:/run/app.sock:/", "/run/app.sock", "/"), ("ws+unix:///a%20b%3Ac:?q", "/a b:c", "/?q"),
    ])
    func `finds a Unix socket and the target behind it (C1)`(text: String, path: String, target: String) throws {
        let url = try WebSocketURL(text)
        #expect(url.unixPath == path)
        #expect(url.target == target)
        #expect(url.hostHeader == "localhost")
        #expect(!url.isSecure)
        #expect(url.scheme == .wsUnix)
        #expect(url.description == "ws+unix://\(path):\(target)")
    }

    @Test(
        arguments: [
            ("", .scheme("")), ("example.com/x", .scheme("")), ("ftp://h/", .scheme("ftp")), ("//h/", .scheme("")),
            ("ws:/h", .missingAuthority), ("ws:h", .missingAuthority), ("ws://", .missingAuthority),
            ("ws:///x", .missingAuthority),
            ("ws://u@/x", .missingAuthority), ("ws://h/#f", .fragment), ("ws://h/a#", .fragment),
            ("ws://h/a b", .forbiddenByte(0x20, offset: 8)), ("ws://h/\r\nX: y", .forbiddenByte(0x0D, offset: 7)),
            ("ws://h/\0", .forbiddenByte(0, offset: 7)), ("ws://h\t/", .forbiddenByte(9, offset: 6)),
            ("ws://h/\u{7F}", .forbiddenByte(0x7F, offset: 7)), ("ws://h/é", .notASCII(offset: 7)),
            ("ws://münchen.example/", .internationalHost), ("ws://h:0/", .authority("h:0")),
            ("ws://h:65536/", .authority("h:65536")),
            ("ws://h:x/", .authority("h:x")), ("ws://h:-1/", .authority("h:-1")),
            ("ws://h:000080/", .authority("h:000080")),
            ("ws://a:b:c/", .authority("a:b:c")), ("ws://:80/", .authority(":80")), ("ws://[::1/", .authority("[::1")),
            ("ws://[::1]x/", .authority("[::1]x")), ("ws://[fe80::1%eth0]/", .zone("%eth0")),
            ("ws://[fe80::1%25]/", .zone("%25")),
            ("ws://[fe80::1%25a%zz]/", .zone("%25a%zz")), ("ws://[fe80::1%25a%00]/", .zone("%25a%00")),
            ("ws://[1.2.3.4%25eth0]/", .authority("[1.2.3.4]")), ("ws://u:p/w@h/", .userinfo),
            ("ws://u:p?w@h/", .userinfo),
            ("ws://h%41/", .authority("h%41")), ("ws://h\\x/", .authority("h\\x")), ("ws://h/%", .percentEncoding("%")),
            ("ws://h/%4", .percentEncoding("%4")), ("ws://h/%4g", .percentEncoding("%4g")),
            ("ws://h/?%zz", .percentEncoding("%zz")),
            ("ws://u:%zz@h/", .userinfo), ("ws://u:%0D%0A@h/", .userinfo), ("ws://u:%FF@h/", .userinfo),
            ("ws://u@v@h/", .userinfo),
            ("ws://u%3Av:p@h/", .userinfo), ("ws+unix://", .unixPath("")), ("ws+unix:///", .unixPath("/")),
            ("ws+unix://host/x", .unixPath("host/x")), ("ws+unix:///x:y", .unixPath("/x")),
            ("ws+unix:///a%00b", .unixPath("/a%00b")),
            ("ws+unix:///a%FF", .unixPath("/a%FF")), ("ws+unix:///a%4", .percentEncoding("%4")),
        ] as [(String, WebSocketURL.ParseError)])
    func `refuses what is no URL for a WebSocket (C1, T18)`(text: String, error: WebSocketURL.ParseError) {
        #expect(throws: error) { try WebSocketURL(text) }
        #expect(error.description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
    }

    @Test func `keeps the zone of an address apart, since it is this machine's only (C1)`() throws {
        let url = try WebSocketURL("ws://[FE80::1%25eth%2D0]:81/a")
        #expect(url.host == "fe80::1" && url.zone == "eth-0" && url.port == 81)
        #expect(url.localHost == "fe80::1%eth-0")
        #expect(url.hostHeader == "[fe80::1]:81")
        #expect(url.description == "ws://[fe80::1%25eth-0]:81/a")
        #expect(try WebSocketURL(url.description).zone == "eth-0")
        #expect(try WebSocketURL("ws://[fe80::1]/").zone == nil)
    }

    @Test func `a redirect leads through the same interface, and names none (C1, C5)`() throws {
        let url = try WebSocketURL("ws://[fe80::1%25eth0]/a")
        #expect(try url.resolving("/b").localHost == "fe80::1%eth0")
        #expect(try url.resolving("ws://[fe80::1]/b").localHost == "fe80::1%eth0")
        #expect(try url.resolving("//[fe80::1]/b").localHost == "fe80::1%eth0")
        #expect(try url.resolving("ws://[fe80::2]/b").zone == nil)
        #expect(throws: WebSocketURL.ParseError.zone("%eth1")) { try url.resolving("ws://[fe80::1%25eth1]/b") }
        #expect(throws: WebSocketURL.ParseError.zone("%eth0")) {
            try WebSocketURL("ws://a.example/").resolving("ws://[fe80::1%25eth0]/")
        }
    }

    @Test func `tells how to write an international host`() {
        #expect(WebSocketURL.ParseError.internationalHost.description.contains("punycode"))
    }
}
