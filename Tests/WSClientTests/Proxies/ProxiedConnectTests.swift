import Actors
import HTTPTypes
import SocketTesting
import Testing
import WSClient

/// Connecting through a scripted proxy, which then plays the server too.
@Suite(.timeLimit(.minutes(1))) struct ProxiedConnectTests {
    private static let target = "ws://far.example:81/chat"

    private func options(_ kind: Proxy.Kind, _ proxyURL: String) throws -> ConnectOptions {
        let parts = proxyURL.split(separator: ":")
        var options = ConnectOptions.patient
        let port = try #require(parts.last.flatMap { Int($0) })
        options.proxy = .through(
            Proxy(kind, host: "127.0.0.1", port: port, credentials: .init(user: "me", password: "secret")))
        return options
    }

    /// The error of going through a proxy that says `words`, one after each thing that it hears.
    private func failed(
        _ kind: Proxy.Kind, _ words: [[UInt8]], thenReset: Bool = false
    ) async throws -> WebSocketError {
        try await withScriptedServer { socket in
            for word in words {
                if kind == .socks5 { _ = try await socket.receive(4) } else { _ = try await socket.receiveHead() }
                try await socket.send(word)
            }
            if words.isEmpty { _ = try await socket.receive(4) }
            if thenReset { return await socket.reset() }
            await socket.finish()
            _ = await socket.end()
        } _: { proxyURL in
            let options = try options(kind, proxyURL)
            let error = await failure { _ = try await WebSocket.connect(to: Self.target, options: options) }
            let found = try #require(error)
            #expect(found.phase == .proxy, "\(found)")
            #expect(found.host == "127.0.0.1")
            #expect(proxyURL.hasSuffix(":\(found.port ?? 0)"))
            // Both are named, and no secret.
            #expect(found.message.contains("\(kind.rawValue)\(proxyURL.dropFirst(2))") || found.code == .connectionLost)
            #expect(found.message.contains("far.example:81"), "\(found)")
            #expect(!found.message.contains("secret"))
            return found
        }
    }

    @Test func `goes through an HTTP proxy, which sees nothing of the request but host and port (C6)`() async throws {
        try await withScriptedServer { socket in
            let connect = try await socket.receiveHead()
            #expect(connect.hasPrefix("CONNECT far.example:81 HTTP/1.1\r\nHost: far.example:81\r\n"))
            #expect(Handshakes.field("Proxy-Authorization", of: connect) == "Basic bWU6c2VjcmV0")
            #expect(Handshakes.field("Authorization", of: connect) == nil)
            try await socket.send("HTTP/1.0 200 Connection established\r\n\r\n")
            let request = try await socket.receiveHead()
            #expect(request.hasPrefix("GET /chat HTTP/1.1\r\nHost: far.example:81\r\n"))
            #expect(Handshakes.field("Proxy-Authorization", of: request) == nil)
            #expect(Handshakes.field("Authorization", of: request) == "Bearer token")
            try await socket.send(Array(Handshakes.response(to: request).utf8) + Frames.text("through"))
            try await socket.answerClose()
        } _: { proxyURL in
            var options = try options(.http, proxyURL)
            options.headers[.authorization] = "Bearer token"
            try await WebSocket.withConnection(to: Self.target, options: options) { ws in
                let message = try await ws.recv()
                #expect(message == .text("through"))
                #expect("\(ws.peerAddress?.description ?? "")" == proxyURL.dropFirst(5))
            }
        }
    }

    @Test func `goes through a SOCKS5 proxy that wants user and password (C6)`() async throws {
        try await withScriptedServer { socket in
            #expect(try await socket.receive(4) == [5, 2, 0, 2])
            try await socket.send([5, 2])
            #expect(try await socket.receive(11) == [1, 2] + Array("me".utf8) + [6] + Array("secret".utf8))
            try await socket.send([1, 0])
            #expect(try await socket.receive(18) == [5, 1, 0, 3, 11] + Array("far.example".utf8) + [0, 81])
            try await socket.send([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
            let request = try await socket.receiveHead()
            try await socket.send(Array(Handshakes.response(to: request).utf8) + Frames.text("through"))
            try await socket.answerClose()
        } _: { proxyURL in
            try await WebSocket.withConnection(to: Self.target, options: options(.socks5, proxyURL)) { ws in
                let message = try await ws.recv()
                #expect(message == .text("through"))
            }
        }
    }

    @Test func `hands over the answer of an HTTP proxy that refuses (C3) (C6) (T28)`() async throws {
        let answer = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic\r\nContent-Length: 100\r\n\r\nno further"
        let error = try await failed(.http, [Array(answer.utf8)])
        #expect(error.code == .proxy)
        #expect(error.response?.status == 407)
        #expect(error.response?.headers[.proxyAuthenticate] == "Basic")
        #expect(error.response?.body == Array("no further".utf8))
    }

    @Test(arguments: ["SSH-2.0-x\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 forged\r\n\r\n", "", "HTTP/1.1 2"])
    func `refuses an HTTP proxy that answers garbage or nothing (C3) (C6) (T28)`(answer: String) async throws {
        #expect(try await failed(.http, [Array(answer.utf8)]).code == .proxy)
    }

    @Test(arguments: [
        [[5, 255]], [[5, 2]], [[5, 0], [5, 5, 0, 1, 0, 0, 0, 0, 0, 0]], [[72, 84, 84, 80]], [[5]], [[]],
    ])
    func `refuses a SOCKS5 proxy that answers no, garbage or nothing (C3) (C6) (T28)`(words: [[UInt8]]) async throws {
        #expect(try await failed(.socks5, words).code == .proxy)
    }

    @Test(arguments: [(Proxy.Kind.http, []), (.http, [Array("HTTP/1.1 2".utf8)]), (.socks5, []), (.socks5, [[5, 0]])])
    func `reports a proxy that resets the connection (C3) (C6) (T30)`(
        kind: Proxy.Kind, words: [[UInt8]]
    ) async throws {
        #expect(try await failed(kind, words, thenReset: true).code == .proxy)
    }

    @Test func `says that it is the proxy which cannot be reached (C3) (C6)`() async throws {
        let listener = try RawListener.listen()
        await listener.close()
        var options = try options(.socks5, listener.url)
        var error = await failure { _ = try await WebSocket.connect(to: Self.target, options: options) }
        #expect(error?.code == .refused)
        #expect(error?.phase == .connect)
        #expect(error?.message.contains("proxy socks5://\(listener.address)") == true, "\(String(describing: error))")
        options.proxy = .through(Proxy(.http, host: String(repeating: "a", count: 64) + ".invalid"))
        error = await failure { _ = try await WebSocket.connect(to: Self.target, options: options) }
        #expect(error?.code == .resolution)
        #expect(error?.message.contains("proxy http://aaa") == true, "\(String(describing: error))")
    }

    @Test func `refuses a proxy that cannot be used, or a variable, before anything is sent (C6) (T18)`() async throws {
        var options = ConnectOptions.patient
        options.proxy = .through(Proxy(.http, host: "evil\r\nX: y"))
        let error = await failure { _ = try await WebSocket.connect(to: Self.target, options: options) }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func `never asks a proxy for a Unix-domain socket (C6)`() async throws {
        var options = ConnectOptions.patient
        options.proxy = .through(Proxy(.http, host: "127.0.0.1", port: 9))
        let error = await failure { _ = try await WebSocket.connect(to: "ws+unix:///none.sock:/", options: options) }
        #expect(error?.code == .refused)
        #expect(error?.host == "/none.sock")
        #expect(error?.port == nil)
    }
}
