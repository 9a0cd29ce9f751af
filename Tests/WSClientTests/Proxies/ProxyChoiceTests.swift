import Testing
import WSConnection
import WSProtocol

@testable import WSClient

/// Which proxy is taken for which URL.
@Suite(.timeLimit(.minutes(2))) struct ProxyChoiceTests {
    private func proxy(_ url: String, _ variables: [String: String]) throws -> String? {
        let environment = ProxyEnvironment { variables[$0] }
        let found = try ProxyChoice.environment.proxy(for: WebSocketURL(url), environment: environment)
        return found?.description
    }

    // MARK: The environment

    @Test(
        arguments: [
            ("wss://a.example/", ["HTTPS_PROXY": "http://p:1"], "http://p:1"),
            ("https://a.example/", ["https_proxy": "p:1"], "http://p:1"),
            ("wss://a.example/", ["HTTP_PROXY": "http://p:1"], nil),
            ("ws://a.example/", ["HTTPS_PROXY": "http://p:1"], nil),
            ("ws://a.example/", ["HTTP_PROXY": "http://p:1"], "http://p:1"),
            ("ws://a.example/", ["HTTP_PROXY": "http://p:1", "REQUEST_METHOD": "GET"], nil),
            ("ws://a.example/", ["http_proxy": "http://p:1", "REQUEST_METHOD": "GET"], "http://p:1"),
            ("ws://a.example/", ["ALL_PROXY": "socks5h://p"], "socks5://p:1080"),
            ("wss://a.example/", ["ALL_PROXY": "socks5://p:1", "HTTPS_PROXY": "https://q"], "https://q:443"),
            ("wss://a.example/", ["HTTPS_PROXY": "http://p:1", "https_proxy": "http://q:2"], "http://q:2"),
            ("wss://a.example/", ["HTTPS_PROXY": "", "ALL_PROXY": "http://p"], "http://p:8080"),
            ("wss://a.example/", ["HTTPS_PROXY": "http://p:1", "NO_PROXY": "b.example, a.example"], nil),
            ("wss://a.example/", ["HTTPS_PROXY": "http://p:1", "no_proxy": "*"], nil),
            ("ws://localhost:8080/", ["ALL_PROXY": "http://p:1"], nil),
            ("ws://app.localhost/", ["ALL_PROXY": "http://p:1"], nil),
            ("ws://127.1.2.3/", ["ALL_PROXY": "http://p:1"], nil),
            ("ws://[::1]/", ["ALL_PROXY": "http://p:1"], nil),
            ("ws+unix:///run/a.sock:/", ["ALL_PROXY": "http://p:1"], nil), ("wss://a.example/", [:], nil),
            ("ws://[fe80::1%25lo]/", ["ALL_PROXY": "http://p:1"], nil),
        ] as [(String, [String: String], String?)])
    func `takes the proxy that the environment names (C6)`(
        url: String, variables: [String: String], expected: String?
    ) throws {
        #expect(try proxy(url, variables) == expected)
    }

    @Test(arguments: ["socks4://p", "http://", "http://p:0", "http://p/path", "http://a b", "p:1:2"])
    func `names the variable that cannot be used (C6)`(value: String) {
        let error = #expect(throws: WebSocketError.self) {
            try proxy("wss://a.example/", ["HTTPS_PROXY": value])
        }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("HTTPS_PROXY") == true)
    }

    // MARK: NO_PROXY

    @Test(
        arguments: [
            ("example.com", "example.com", 80, true), ("example.com", "a.example.com", 80, true),
            ("example.com", "evilexample.com", 80, false), ("example.com", "example.com.evil", 80, false),
            (".example.com", "a.b.example.com", 80, true), (".example.com", "example.com", 80, false),
            (".example.com", "evilexample.com", 80, false), ("*.example.com", "a.example.com", 80, true),
            ("*.example.com", "example.com", 80, false), ("EXAMPLE.com", "example.com", 80, true),
            ("example.com", "example.com.", 80, true), ("example.com.", "example.com", 80, true),
            ("example.com:8080", "example.com", 8080, true), ("example.com:8080", "example.com", 80, false),
            ("a, b\tc d", "c", 80, true), ("a,,b", "b", 1, true), ("", "a", 1, false), (",", "a", 1, false),
            ("*", "a", 1, true), ("10.0.0.0/8", "10.255.0.1", 80, true), ("10.0.0.0/8", "11.0.0.1", 80, false),
            ("10.0.0.0/9", "10.127.0.1", 80, true), ("10.0.0.0/9", "10.128.0.1", 80, false),
            ("0.0.0.0/0", "8.8.8.8", 80, true), ("0.0.0.0/0", "::1", 80, false), ("192.0.2.1", "192.0.2.1", 80, true),
            ("192.0.2.1:81", "192.0.2.1", 80, false), ("192.0.2.1/32", "192.0.2.2", 80, false),
            ("2001:db8::/33", "2001:db8:7fff::1", 80, true), ("2001:db8::/33", "2001:db8:8000::1", 80, false),
            ("[2001:db8::1]:443", "2001:db8::1", 443, true), ("2001:db8::1", "2001:db8:0::1", 443, true),
            ("10.0.0.0/33", "10.0.0.0", 80, false), ("10.0.0.0/-1", "10.0.0.0", 80, false),
            ("0.2.1", "192.0.2.1", 80, false),
            ("2.1", "192.0.2.1", 80, false), ("10.0.0.0/8", "10.example.com", 80, false),
        ] as [(String, String, Int, Bool)])
    func `reads NO_PROXY by names, suffixes and networks (C6)`(list: String, host: String, port: Int, isListed: Bool) {
        #expect(NoProxyList(list).contains(host: host, port: port) == isListed)
    }

    // MARK: A proxy's URL

    @Test func `takes a proxy's URL apart (C6)`() throws {
        let proxy = try Proxy("https://us%40er:pa%3Ass@[2001:DB8::1]:3128/")
        #expect(proxy.kind == .https)
        #expect(proxy.host == "2001:db8::1")
        #expect(proxy.port == 3128)
        #expect(proxy.credentials == .init(user: "us@er", password: "pa:ss"))
        #expect(proxy.description == "https://[2001:db8::1]:3128")
    }

    @Test(arguments: [
        "http://p\r\nX: y", "http://p\0", "http://a:b%0D%0A@p", "ftp://user:secret@p", "http://us:er:secret@",
    ])
    func `refuses a proxy's URL that cannot be used, without its password (C6) (T18)`(url: String) {
        let error = #expect(throws: WebSocketError.self) { try Proxy(url) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("secret") == false)
    }

    @Test func `refuses a name that SOCKS5 has no room for (C6)`() throws {
        let url = try WebSocketURL("ws://\(String(repeating: "a", count: 256))/")
        #expect(throws: WebSocketError.self) { try ProxyChoice.through(Proxy(.socks5, host: "p")).proxy(for: url) }
        #expect(try ProxyChoice.through(Proxy(.http, host: "p")).proxy(for: url) != nil)
    }

    @Test(arguments: [
        Proxy(.http, host: "p\r\nX: y"), Proxy(.http, host: "p\0"), Proxy(.http, host: ""), Proxy(.http, host: "p:81"),
        Proxy(.http, host: "[::1]"), Proxy(.http, host: "p", port: 0), Proxy(.http, host: "p", port: 65536),
        Proxy(.http, host: "p", credentials: .init(user: "a:b", password: "")),
        Proxy(.socks5, host: "p", credentials: .init(user: "", password: "x")),
        Proxy(.socks5, host: "p", credentials: .init(user: String(repeating: "x", count: 256), password: "x")),
        {
            var proxy = Proxy(.http, host: "p")
            proxy.headers = [.contentLength: "10"]
            return proxy
        }(),
    ])
    func `refuses a proxy that cannot be used before anything is sent (C6) (T18)`(proxy: Proxy) throws {
        let url = try WebSocketURL("ws://a.example/")
        let error = #expect(throws: WebSocketError.self) { try ProxyChoice.through(proxy).proxy(for: url) }
        #expect(error?.code == .invalidConfiguration)
    }
}
