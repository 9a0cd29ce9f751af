import HTTPTypes
import HansomTesting
import SocketTesting
import Testing
import WSClient

/// Redirects on the wire.
@Suite(.timeLimit(.minutes(1))) struct RedirectTests {
    /// A server that sends whoever asks for `/` on to `location`, `HOST` in it replaced by its own host and port, and
    /// serves everyone else.
    private func withRedirects<R>(
        _ location: String, extra: [String] = [], heads: Heads = Heads(), _ body: (String) async throws -> R
    ) async throws -> R {
        try await withScriptedServer { socket in
            let request = try await socket.receiveHead()
            heads.append(request)
            guard request.hasPrefix("GET / ") else {
                try await socket.send(Handshakes.response(to: request))
                try await socket.answerClose()
                return
            }
            let host = Handshakes.field("Host", of: request) ?? ""
            let target = location.replacing("HOST", with: host)
            let fields = (["Location: \(target)", "Content-Length: 0"] + extra).map { $0 + "\r\n" }.joined()
            try await socket.send("HTTP/1.1 302 Found\r\n\(fields)\r\n")
            _ = await socket.end()
        } _: {
            try await body($0)
        }
    }

    @Test(arguments: ["/next", "next?x=1", "ws://HOST/next", "http://HOST/next", "//HOST/next#part"])
    func `follows a redirect, with a new key (C5)`(location: String) async throws {
        let heads = Heads()
        try await withRedirects(location, heads: heads) { url in
            var options = ConnectOptions.patient
            options.headers[.authorization] = "Bearer token"
            options.subprotocols = ["chat"]
            try await WebSocket.withConnection(to: url, options: options) { #expect($0.state == .open) }
        }
        let all = heads.all
        #expect(all.count == 2)
        #expect(all[1].hasPrefix("GET /next"))
        #expect(all.map { Handshakes.field("Authorization", of: $0) } == ["Bearer token", "Bearer token"])
        #expect(all.map { Handshakes.field("Sec-WebSocket-Protocol", of: $0) } == ["chat", "chat"])
        let keys = all.map { Handshakes.field("Sec-WebSocket-Key", of: $0) }
        #expect(keys[0] != keys[1])
    }

    @Test(arguments: [
        "X: \(String(repeating: "y", count: 9000))", "X: y\r\n folded", "X : y", "Content-Length: 0", "Location: /next",
        "no colon",
    ])
    func `follows a redirect whose head is odd elsewhere (C3, C5)`(line: String) async throws {
        let heads = Heads()
        try await withRedirects("/next", extra: [line], heads: heads) { url in
            try await WebSocket.withConnection(to: url, options: .patient) { #expect($0.state == .open) }
        }
        #expect(heads.all.count == 2)
    }

    @Test func `follows no redirect that names two places (C5)`() async throws {
        try await withRedirects("/next", extra: ["Location: /other"]) { url in
            let error = await failure { _ = try await WebSocket.connect(to: url, options: .patient) }
            #expect(error?.code == .http && error?.response?.status == 302)
        }
    }

    @Test func `lets neither credentials nor cookies cross an origin (C5) (T22)`() async throws {
        let (heads, others) = (Heads(), Heads())
        let jar = CookieJar()
        try await withScriptedServer { socket in
            let request = try await socket.receiveHead()
            others.append(request)
            try await socket.send(Handshakes.response(to: request))
            try await socket.answerClose()
        } _: { other in
            // Another name for the same machine, so that the host differs too.
            let elsewhere = other.replacing("127.0.0.1", with: "localhost") + "/next"
            try await withRedirects(elsewhere, heads: heads) { url in
                var options = ConnectOptions.patient
                options.headers = [.authorization: "Bearer token", .cookie: "own=1", .origin: "https://o.example"]
                options.cookies = jar
                try jar.set("jar=2", from: url)
                try await WebSocket.withConnection(to: url, options: options) { #expect($0.state == .open) }
            }
        }
        #expect(heads.all.map { Handshakes.field("Cookie", of: $0) } == ["own=1; jar=2"])
        #expect(heads.all.map { Handshakes.field("Authorization", of: $0) } == ["Bearer token"])
        #expect(others.all.map { Handshakes.field("Cookie", of: $0) } == [nil])
        #expect(others.all.map { Handshakes.field("Authorization", of: $0) } == [nil])
        #expect(others.all.map { Handshakes.field("Origin", of: $0) } == ["https://o.example"])
    }

    @Test(arguments: [1, 3, 10]) func `gives up after so many redirects (C3) (C5)`(limit: Int) async throws {
        let heads = Heads()
        try await withRedirects("/", heads: heads) { url in
            var options = ConnectOptions.patient
            options.redirects.limit = limit
            let error = await failure { _ = try await WebSocket.connect(to: url, options: options) }
            #expect(error?.code == .tooManyRedirects)
            #expect(error?.response?.status == 302)
            #expect(error?.response?.headers[.location] == "/")
            #expect(error?.message.contains("after \(limit) redirects") == true)
            #expect(error?.host == "127.0.0.1")
        }
        #expect(heads.all.count == limit + 1)
        #expect(ConnectOptions().redirects.limit == 10)
    }

    @Test(arguments: ["ftp://HOST/", "ws+unix:///run/docker.sock:/", "/a b", "ws://HOST:99999/", "ws://"])
    func `goes nowhere that a WebSocket cannot be, or must not (C3) (C5)`(location: String) async throws {
        try await withRedirects(location) { url in
            let error = await failure { _ = try await WebSocket.connect(to: url, options: .patient) }
            #expect(error?.code == .badRedirect, "\(String(describing: error))")
            #expect(error?.response?.status == 302)
            #expect(error?.message.contains(url.dropFirst(5)) == true)
        }
    }

    @Test func `says which server it was that refused, after a redirect (C3) (C5)`() async throws {
        let listener = try RawListener.listen()
        await listener.close()
        try await withRedirects(listener.url) { url in
            let error = await failure { _ = try await WebSocket.connect(to: url, options: .patient) }
            #expect(error?.code == .refused)
            #expect(error?.port == listener.address.port)
        }
    }

    // MARK: Cookies

    @Test func `keeps the cookies of every answer, and sends them from then on (C5)`() async throws {
        let heads = Heads()
        let jar = CookieJar()
        var options = ConnectOptions.patient
        options.cookies = jar
        let asked = options
        try await withRedirects(
            "/next", extra: ["Set-Cookie: a=1; Path=/", "Set-Cookie: b=2; Path=/other"], heads: heads
        ) {
            url in
            try await WebSocket.withConnection(to: url, options: asked) { #expect($0.state == .open) }
            try await WebSocket.withConnection(to: url + "/other", options: asked) { #expect($0.state == .open) }
        }
        #expect(heads.all.map { Handshakes.field("Cookie", of: $0) } == [nil, "a=1", "b=2; a=1"])
        #expect(jar.cookies.map(\.name) == ["a", "b"])
    }

    @Test(arguments: ["101", "401"]) func `keeps the cookies of an upgrade and of a refusal (C5)`(status: String)
        async throws
    {
        var options = ConnectOptions.patient
        options.cookies = CookieJar()
        let asked = options
        try await withScriptedServer { socket in
            let request = try await socket.receiveHead()
            if status == "401" {
                return try await socket.send("HTTP/1.1 401 No\r\nSet-Cookie: a=1\r\nContent-Length: 0\r\n\r\n")
            }
            try await socket.send(Handshakes.response(to: request, extra: ["Set-Cookie: a=1"]))
            try await socket.answerClose()
        } _: { url in
            _ = await failure { try await WebSocket.withConnection(to: url, options: asked) { _ in } }
        }
        #expect(asked.cookies?.cookies.map(\.value) == ["1"])
    }
}

/// Gathers requests.
final class Heads: Sendable {
    private let probe = Probe<String>()

    func append(_ head: String) { probe.record(head) }

    var all: [String] { probe.values }
}
