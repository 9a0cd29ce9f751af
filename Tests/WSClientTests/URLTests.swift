import Actors
import Foundation
import HTTPTypes
import HansomTesting
import HansomTransport
import SocketTesting
import Testing
import WSClient

/// What a URL and its options make of the request, and what is refused before a byte is sent.
@Suite(.timeLimit(.minutes(1))) struct URLTests {
    /// The head of the request that connecting to `url` sends; `HOST` in it stands for the listener.
    private func request(_ url: String, options: ConnectOptions = .patient) async throws -> String {
        let head = Handover<String>()
        return try await withScriptedServer { socket in
            let request = try await socket.receiveHead()
            head.give(request)
            try await socket.send(Handshakes.response(to: request))
            try await socket.answerClose()
        } _: { base in
            let host = base.dropFirst("ws://".count)
            try await WebSocket.withConnection(
                to: url.replacingOccurrences(of: "HOST", with: host), options: options
            ) { connection in #expect(connection.state == .open) }
            let port = host.split(separator: ":").last ?? ""
            return await head.take().replacingOccurrences(of: ":\(port)", with: ":PORT")
        }
    }

    @Test(arguments: [
        ("ws://HOST", "/"), ("ws://HOST/", "/"), ("http://HOST/chat", "/chat"), ("WS://HOST/a%20b", "/a%20b"),
        ("ws://HOST/a/b?x=1&y=%23", "/a/b?x=1&y=%23"), ("ws://HOST?q", "/?q"),
    ])
    func `asks for path and query as they stand in the URL (C1)`(url: String, target: String) async throws {
        let head = try await request(url)
        #expect(head.hasPrefix("GET \(target) HTTP/1.1\r\n"))
        #expect(Handshakes.field("Host", of: head) == "127.0.0.1:PORT")
        #expect(Handshakes.field("Upgrade", of: head) == "websocket")
        #expect(Handshakes.field("Connection", of: head) == "Upgrade")
        #expect(Handshakes.field("Sec-WebSocket-Version", of: head) == "13")
        #expect(Data(base64Encoded: Handshakes.field("Sec-WebSocket-Key", of: head) ?? "")?.count == 16)
        #expect(Handshakes.field("Authorization", of: head) == nil)
        #expect(Handshakes.field("Sec-WebSocket-Protocol", of: head) == nil)
    }

    @Test func `makes a new key for each connection (C1)`() async throws {
        let first = try await request("ws://HOST")
        let second = try await request("ws://HOST")
        #expect(Handshakes.field("Sec-WebSocket-Key", of: first) != Handshakes.field("Sec-WebSocket-Key", of: second))
    }

    @Test(arguments: [
        ("ws://user:secret@HOST/", "user:secret"), ("ws://user@HOST/", "user:"),
        ("ws://us%40er:pa%3Ass%20w%C3%B6rd@HOST/", "us@er:pa:ss wörd"),
    ])
    func `turns user and password into Authorization (C1)`(url: String, credentials: String) async throws {
        let head = try await request(url)
        #expect(Handshakes.field("Authorization", of: head) == "Basic " + Data(credentials.utf8).base64EncodedString())
        #expect(Handshakes.field("Host", of: head) == "127.0.0.1:PORT")
    }

    @Test func `keeps an Authorization that was given beside user and password (C1)`() async throws {
        let head = try await request(
            "ws://user:secret@HOST/", options: .init(headers: [.authorization: "Bearer token"]))
        #expect(Handshakes.field("Authorization", of: head) == "Bearer token")
        #expect(!head.contains("Basic"))
    }

    @Test func `sends headers and subprotocols in order, and cookies in one field (C2)`() async throws {
        var headers = HTTPFields()
        headers.append(HTTPField(name: .origin, value: "https://example.com"))
        headers.append(HTTPField(name: .cookie, value: "a=1"))
        headers.append(HTTPField(name: .cookie, value: "b=2"))
        let head = try await request(
            "ws://HOST", options: .init(headers: headers, subprotocols: ["superchat", "chat"]))
        #expect(Handshakes.field("Sec-WebSocket-Protocol", of: head) == "superchat, chat")
        #expect(head.contains("Origin: https://example.com\r\nCookie: a=1; b=2\r\n"))
    }

    @Test(.enabled(if: Machine.hasIPv6)) func `connects to an IPv6 literal (C1)`() async throws {
        let address = try #require(SocketAddress(numeric: "::1", port: 0))
        try await withScriptedServer(on: address) { socket in
            let request = try await socket.receiveHead()
            #expect(Handshakes.field("Host", of: request)?.hasPrefix("[::1]:") == true)
            try await socket.send(Handshakes.response(to: request))
            try await socket.answerClose()
        } _: { url in
            #expect(url.hasPrefix("ws://[::1]:"))
            try await WebSocket.withConnection(to: url, options: .patient) { connection in
                #expect(connection.peerAddress?.host == "::1")
                #expect(connection.localAddress?.port != connection.peerAddress?.port)
            }
        }
    }

    @Test func `connects to a name, at whichever of its addresses somebody listens (C1)`() async throws {
        let head = Handover<String>()
        try await withScriptedServer { socket in
            let request = try await socket.receiveHead()
            head.give(request)
            try await socket.send(Handshakes.response(to: request))
            try await socket.answerClose()
        } _: { url in
            let named = url.replacingOccurrences(of: "127.0.0.1", with: "localhost")
            try await WebSocket.withConnection(to: named, options: .patient) {
                #expect($0.peerAddress?.host == "127.0.0.1")
            }
            #expect(Handshakes.field("Host", of: await head.take())?.hasPrefix("localhost:") == true)
        }
    }

    @Test func `connects over a Unix-domain socket (C1)`() async throws {
        let path = NSTemporaryDirectory() + "hansom-client-\(UUID()).sock"
        try await withScriptedServer(on: .unix(path: path)) { socket in
            let request = try await socket.receiveHead()
            #expect(request.hasPrefix("GET /target?q=1 HTTP/1.1\r\n"))
            #expect(Handshakes.field("Host", of: request) == "localhost")
            try await socket.send(Array((Handshakes.response(to: request)).utf8) + Frames.text("over unix"))
            try await socket.answerClose()
        } _: { _ in
            try await WebSocket.withConnection(to: "ws+unix://\(path):/target?q=1") { connection in
                let message = try await connection.recv()
                #expect(message == .text("over unix"))
            }
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    // MARK: Refused before a byte is sent

    /// Whether `connect` refuses with `.invalidConfiguration`, and the listener hears nothing of it.
    private func expectRefused(_ url: String, _ options: ConnectOptions = .patient) async throws -> WebSocketError {
        let listener = try RawListener.listen()
        let host = listener.url.dropFirst("ws://".count)
        let error = await failure {
            _ = try await WebSocket.connect(to: url.replacingOccurrences(of: "HOST", with: host), options: options)
        }
        let connections = await listener.drain()
        await listener.close()
        #expect(connections == 0, "a connection was made")
        #expect(error?.code == .invalidConfiguration, "\(String(describing: error))")
        return try #require(error)
    }

    @Test(arguments: [
        "ws://HOST/a b", "ws://HOST/\r\nX: y", "ws://HOST/\n", "ws://HOST/\0", "ws://HOST/\u{7F}", "ws://HOST\r\n/",
        "ws://HOST/?q=\r\nHost: evil", "ws://us\r\ner@HOST/", "ws://us%0D%0Aer@HOST/", "ws://u:p%00@HOST/",
        "ws://HOST/#fragment", "ws://HOST#", "ftp://HOST/", "HOST/", "", "ws:", "ws://", "ws:///path", "ws://HOST/%zz",
        "ws://HOST/ä", "ws://mün.example/", "ws://HOST:0/", "ws://[::1", "ws://[zz]/", "ws://127.0.0.1:70000/",
        "ws://127.0.0.1:-1/", "ws://a,b/", "ws+unix://", "ws+unix://relative", "ws+unix:///a%00b:/", "ws+unix:///",
    ])
    func `refuses a URL that cannot be used before a byte is sent (C1) (T18)`(url: String) async throws {
        let error = try await expectRefused(url)
        #expect(!error.description.contains("p%00"), "names a password")
    }

    @Test(arguments: [
        ["a b"], ["a\r\nX: y"], ["a\0"], [""], ["a,b"], ["ä"], ["chat", "chat"], ["chat", "evil\n"],
    ])
    func `refuses a subprotocol that is no token before a byte is sent (C1) (T18)`(subprotocols: [String]) async throws
    {
        _ = try await expectRefused("ws://HOST/", .init(subprotocols: subprotocols))
    }

    @Test(arguments: [
        "Host", "upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Protocol",
        "Sec-WebSocket-Extensions", "Sec-WebSocket-Accept", "Content-Length", "Transfer-Encoding",
    ])
    func `refuses a header that the handshake sends itself (C2)`(name: String) async throws {
        let name = try #require(HTTPField.Name(name))
        let error = try await expectRefused("ws://HOST/", .init(headers: [name: "1"]))
        #expect(error.message.lowercased().contains(name.canonicalName))
    }

    @Test(arguments: ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\0X-Evil: 1", "a\r\n\r\nX-Evil: 1"])
    func `lets no header value begin a line of its own (C1) (T18)`(value: String) async throws {
        let name = try #require(HTTPField.Name("X-Value"))
        let head = try await request("ws://HOST/", options: .init(headers: [name: value]))
        #expect(Handshakes.field("X-Evil", of: head) == nil)
        #expect(!head.contains("\0"))
        #expect(head.components(separatedBy: "\r\n\r\n").count == 2)
        #expect(Handshakes.field("X-Value", of: head)?.contains("X-Evil: 1") == true)
    }

    @Test func `refuses a Unix socket path that no address can hold (C1)`() async throws {
        // Cut short, it would be the path of another server.
        let directory = "/tmp/" + String(repeating: "d", count: 100)
        let error = await failure { _ = try await WebSocket.connect(to: "ws+unix://\(directory)/abc:/") }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("107") == true)
    }
}
