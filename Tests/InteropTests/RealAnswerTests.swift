import HTTPTypes
import SocketTesting
import Testing
import WSClient

/// Refusals, redirects and cookies of a real server.
@Suite(.timeLimit(.minutes(2))) struct RealAnswerTests {
    private func options() -> ConnectOptions { ConnectOptions(connectTimeout: .seconds(50)) }

    @Test(arguments: [401, 403, 404, 429, 503])
    func `hands over status, headers and body of nginx's refusal (C3)`(status: Int) async throws {
        let server = "location / { add_header X-Why because always; return \(status) \"not you: \(status)\"; }"
        try await RealPart.nginx(server) { nginx in
            let error = await failure {
                _ = try await WebSocket.connect(to: "ws://127.0.0.1:\(nginx.port)/", options: options())
            }
            #expect(error?.code == .http)
            #expect(error?.phase == .handshake)
            #expect(error?.host == "127.0.0.1")
            #expect(error?.port == nginx.port)
            #expect(error?.response?.status == status)
            #expect(error?.response?.headers[HTTPField.Name("X-Why")!] == "because")
            #expect(error?.response?.body == Array("not you: \(status)".utf8))
            #expect(error?.message.contains("127.0.0.1:\(nginx.port) answered \(status)") == true)
        }
    }

    @Test func `shows user and password of the URL to nginx (C1)`() async throws {
        try await EchoServer.run { port in
            // me:secret
            let locked = """
                set $ok 0; if ($http_authorization = "Basic bWU6c2VjcmV0") { set $ok 1; }
                if ($ok = 0) { return 401; }
                """
            try await RealPart.nginx(locked + RealPart.passing(to: port)) { nginx in
                try await ReverseProxyTests.converse(at: "ws://me:secret@127.0.0.1:\(nginx.port)/", options())
                let error = await failure {
                    _ = try await WebSocket.connect(to: "ws://me:wrong@127.0.0.1:\(nginx.port)/", options: options())
                }
                #expect(error?.response?.status == 401)
                #expect(error?.description.contains("wrong") == false)
            }
        }
    }

    @Test(arguments: [301, 302, 303, 307, 308])
    func `follows nginx's redirects to the server behind it (C5)`(status: Int) async throws {
        try await EchoServer.run { port in
            let server = "location = /old { return \(status) http://127.0.0.1:\(port)/new; }"
            try await RealPart.nginx(server) { nginx in
                try await ReverseProxyTests.converse(at: "ws://127.0.0.1:\(nginx.port)/old", options())
            }
        }
    }

    @Test func `does not follow nginx from TLS to plain text, unless told to (C5) (T22)`() async throws {
        let certificates = try await Certificates.shared
        try await EchoServer.run { port in
            let server = "location / { return 302 http://127.0.0.1:\(port)/; }"
            try await RealPart.nginx(server, identity: certificates.path("server")) { nginx in
                var options = ConnectOptions(connectTimeout: .seconds(50), tls: certificates.trust())
                let error = await failure {
                    _ = try await WebSocket.connect(to: "wss://127.0.0.1:\(nginx.port)/", options: options)
                }
                #expect(error?.code == .badRedirect)
                #expect(error?.message.contains("allowsInsecure") == true, "\(String(describing: error))")
                options.redirects.allowsInsecure = true
                let ws = try await WebSocket.connect(to: "wss://127.0.0.1:\(nginx.port)/", options: options)
                #expect(ws.tls == nil)
                try await ws.close()
            }
        }
    }

    @Test func `comes to an end where nginx sends it round in a circle (C5)`() async throws {
        try await RealPart.nginx("location / { return 302 /again; }") { nginx in
            let error = await failure {
                _ = try await WebSocket.connect(to: "ws://127.0.0.1:\(nginx.port)/", options: options())
            }
            #expect(error?.code == .tooManyRedirects)
        }
    }

    @Test func `brings nginx the cookie that nginx gave it (C5)`() async throws {
        try await EchoServer.run { port in
            let server = """
                location = /login { add_header Set-Cookie "session=abc; Path=/; HttpOnly" always; return 302 /chat; }
                if ($cookie_session = "") { set $asks "no"; }
                location /chat { if ($cookie_session != "abc") { return 403; } rewrite ^ / last; }
                """
            try await RealPart.nginx(server + RealPart.passing(to: port)) { nginx in
                let url = "ws://127.0.0.1:\(nginx.port)"
                var options = options()
                let error = await failure { _ = try await WebSocket.connect(to: url + "/login", options: options) }
                #expect(error?.response?.status == 403)
                options.cookies = CookieJar()
                try await ReverseProxyTests.converse(at: url + "/login", options)
                // And the next time it need not log in.
                try await ReverseProxyTests.converse(at: url + "/chat", options)
                #expect(options.cookies?.cookies.map(\.value) == ["abc"])
            }
        }
    }
}
