import Actors
import Foundation
import HansomTesting
import SocketTesting
import Testing
import WSServer

/// The opening handshake over real sockets: what is accepted, and how the rest is refused.
@Suite(.serialized, .timeLimit(.minutes(1))) struct HandshakeTests {
    @Test func `answers the example of RFC 6455 section 1.3 (S4)`() async throws {
        try await ServerHarness.with { harness in
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request("/chat?room=1"))
            let head = try await socket.receiveHead()
            #expect(head.hasPrefix("HTTP/1.1 101 Switching Protocols\r\n"))
            #expect(Handshakes.field("Sec-WebSocket-Accept", of: head) == Handshakes.acceptKey)
            #expect(Handshakes.field("Upgrade", of: head) == "websocket")
            #expect(Handshakes.field("Connection", of: head) == "Upgrade")
            #expect(Handshakes.field("Sec-WebSocket-Protocol", of: head) == nil)
            #expect(Handshakes.field("Sec-WebSocket-Extensions", of: head) == nil)
        }
    }

    // MARK: Refusals

    static let refused: [(Int, String, String)] = [
        (405, "POST", Handshakes.request().replacingOccurrences(of: "GET", with: "POST")),
        (405, "HEAD", Handshakes.request().replacingOccurrences(of: "GET", with: "HEAD")),
        (505, "HTTP/1.0", Handshakes.request().replacingOccurrences(of: "HTTP/1.1", with: "HTTP/1.0")),
        (505, "HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        (400, "Host", Handshakes.request(without: ["Host"])),
        (400, "Host", Handshakes.request(host: "a b")),
        (400, "Host", Handshakes.request(extra: ["Host: other"])),
        (426, "websocket", Handshakes.request(without: ["Upgrade"])),
        (426, "websocket", "GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        (400, "Connection", Handshakes.request(without: ["Connection"])),
        (400, "Connection", Handshakes.request(extra: ["Connection: keep-alive"], without: ["Connection"])),
        (426, "13", Handshakes.request(without: ["Sec-WebSocket-Version"])),
        (426, "13", Handshakes.request(extra: ["Sec-WebSocket-Version: 8"], without: ["Sec-WebSocket-Version"])),
        (400, "Key", Handshakes.request(without: ["Sec-WebSocket-Key"])),
        (400, "Key", Handshakes.request(extra: ["Sec-WebSocket-Key: c2hvcnQ="], without: ["Sec-WebSocket-Key"])),
        (
            400, "Key",
            Handshakes.request(extra: ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="], without: ["Sec-WebSocket-Key"])
        ),
        (400, "key", Handshakes.request(extra: ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="])),
        (400, "content", Handshakes.request(extra: ["Content-Length: 5"]) + "hello"),
        (400, "content", Handshakes.request(extra: ["Transfer-Encoding: chunked"])),
        (400, "Transfer-Encoding", Handshakes.request(extra: ["Content-Length: 0", "Transfer-Encoding: chunked"])),
        (400, "folded", Handshakes.request(extra: ["X: a", " b"])),
        (400, "colon", Handshakes.request(extra: ["X : a"])),
        (400, "colon", Handshakes.request(extra: ["no colon"])),
        (400, "line feed", Handshakes.request().replacingOccurrences(of: "\r\n", with: "\n")),
        (400, "value", Handshakes.request(extra: ["X: a\0b"])),
        (400, "name", Handshakes.request(extra: ["X\u{E4}: b"])),
        (400, "target", Handshakes.request("/a#b")),
        (400, "OPTIONS", Handshakes.request("*")),
        (400, "path", Handshakes.request("foo")),
        (400, "path", Handshakes.request("?x")),
        (400, "CONNECT", Handshakes.request("a.example:80")),
        (400, "path", Handshakes.request("http://[::1/")),
        (400, "path", Handshakes.request("http://u:p@a.example/")),
        (400, "path", Handshakes.request("ws://a.example/")),
        (421, "TLS", Handshakes.request("https://a.example/")),
        (405, "OPTIONS", Handshakes.request("*").replacingOccurrences(of: "GET", with: "OPTIONS")),
        (405, "CONNECT", Handshakes.request("a.example:80").replacingOccurrences(of: "GET", with: "CONNECT")),
        (400, "target", Handshakes.request("/\u{E4}")),
        (400, "parts", Handshakes.request("/a b")),
        (400, "method", "\u{1}\u{2}\u{3}\u{4}\r\n\r\n"),
        (414, "maxLineBytes", Handshakes.request("/" + String(repeating: "a", count: 9000))),
        (431, "maxLineBytes", Handshakes.request(extra: ["X: " + String(repeating: "a", count: 65_536)])),
        (431, "maxLines", Handshakes.request(extra: Array(repeating: "X: y", count: 2000))),
        (
            431, "maxHeadBytes",
            Handshakes.request(extra: Array(repeating: "X: " + String(repeating: "y", count: 8000), count: 90))
        ),
        (400, "Protocol", Handshakes.request(extra: ["Sec-WebSocket-Protocol: a b c"])),
        (400, "Extensions", Handshakes.request(extra: ["Sec-WebSocket-Extensions: ;;;"])),
    ]

    @Test(arguments: 0..<refused.count)
    func `refuses with a complete answer that says why (S4) (T16) (T19) (T20)`(index: Int) async throws {
        let (status, word, request) = Self.refused[index]
        try await ServerHarness.with { harness in
            let answer = try await harness.answer(to: request)
            // An answer to HEAD tells of content and has none (RFC 9110 section 9.3.2).
            if word == "HEAD" {
                #expect(answer.hasPrefix("HTTP/1.1 405 ") && answer.hasSuffix("\r\n\r\n"))
                return
            }
            expectRefusal(answer, status, "")
            #expect(answer.lowercased().contains(word.lowercased()), "\(answer)")
            if word == "13" { #expect(Handshakes.field("Sec-WebSocket-Version", of: answer) == "13") }
            if status == 405 { #expect(Handshakes.field("Allow", of: answer) == "GET") }
            if status == 426 { #expect(Handshakes.field("Upgrade", of: answer) == "websocket") }
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `takes a URL as a target, whose host counts (S5) (S7)`() async throws {
        let seen = Handover<[String?]>()
        try await ServerHarness.with(handler: { ws in
            seen.give([
                ws.request?.target, ws.request?.path, ws.request?.query,
                ws.request?.headers[fields: .init("Host")!].first?.value,
            ])
        }) { harness in
            let target = "http://A.example:8/chat?x"
            for (origin, status) in [("http://127.0.0.1", 403), ("http://a.example:8", 101)] {
                let socket = try await harness.raw()
                try await socket.send(Handshakes.request(target, extra: ["Origin: \(origin)"]))
                #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 \(status) "))
                await socket.close()
            }
            #expect(await seen.take() == [target, "/chat", "x", "A.example:8"])
        }
    }

    @Test func `takes heads as large as it is told to (S4)`() async throws {
        let cookie = String(repeating: "c", count: 20_000)
        var options = ServerOptions()
        options.headLimits = HeadLimits(maxLineBytes: 32 << 10, maxLines: 300)
        try await ServerHarness.with(
            options,
            handler: { ws in
                try await ws.send(.text("\(ws.request?.headers[.cookie]?.count ?? 0) \(ws.handshakeHeaders.count)"))
            }
        ) { harness in
            let socket = try await harness.raw()
            try await socket.send(
                Handshakes.request(extra: ["Cookie: \(cookie)"] + Array(repeating: "X: y", count: 200)))
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
            #expect(try await socket.receiveFrame()?.payload == Array("20000 206".utf8))
            let long = try await harness.answer(to: Handshakes.request(extra: ["Cookie: \(cookie)\(cookie)"]))
            expectRefusal(long, 431, "headLimits.maxLineBytes 32768")
        }
        options.headLimits.maxHeadBytes = 0
        let refused = await failure {
            _ = try await WebSocketServer.listen(port: 0, options: options, handler: ServerHarness.echo)
        }
        #expect(
            refused?.code == .invalidConfiguration && refused?.message.contains("headLimits.maxHeadBytes 0") == true)
    }

    @Test func `names TLS when it is spoken to a plain port (T33)`() async throws {
        try await ServerHarness.with { harness in
            let answer = try await harness.answer(to: [0x16, 3, 1, 0, 5, 1, 0, 0, 1, 0])
            expectRefusal(answer, 400, "TLS")
        }
    }

    @Test func `takes one line too many of what a browser sends for what it is (T20)`() async throws {
        try await ServerHarness.with { harness in
            let request = Handshakes.request(extra: ["X-Name: M\u{FC}ller", "Cookie: a=\u{1F695}"])
            let socket = try await harness.raw()
            try await socket.send(request)
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
        }
    }

    @Test func `lets a refusal arrive though the peer is still sending (S4)`() async throws {
        try await ServerHarness.with { harness in
            let socket = try await harness.raw()
            try await socket.send("BAD\r\n\r\n")
            // Closing at once would answer this with a reset, which may overtake the refusal.
            try await socket.send([UInt8](repeating: 0x41, count: 300_000))
            expectRefusal(String(decoding: try await socket.receiveAll(), as: UTF8.self), 400)
            await socket.finish()
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `counts refused peers that stay, and lets them go at the close timeout (S3) (S4)`() async throws {
        let time = ManualTime()
        var options = ServerOptions()
        options.maxHandshakes = 3
        try await ServerHarness.with(options, time: time) { harness in
            var stayers: [RawSocket] = []
            for _ in 0..<3 {
                let socket = try await harness.raw()
                try await socket.send("BAD\r\n\r\n")
                #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 400 "))
                stayers.append(socket)
            }
            let next = try await harness.raw()
            try await next.send(Handshakes.request())
            // Three stay, so that the fourth is left in the backlog: three alarms and that of who looks for
            // a handshake that can go, three sockets of the server's.
            #expect(
                await eventually(within: .seconds(2)) {
                    await harness.hasOnly(
                        Remains(processes: harness.processes, alarms: 4, watches: 3, sockets: 1 + 3 + 4))
                })
            await turns(of: harness.schedulers)
            let remains = await harness.remains
            #expect(
                remains == Remains(processes: harness.processes, alarms: 4, watches: 3, sockets: 1 + 3 + 4),
                "\(remains)")
            time.advance(by: .seconds(10))
            #expect(try await next.receiveHead().hasPrefix("HTTP/1.1 101 "))
            for socket in stayers { #expect(await socket.end() != .reset) }
        }
    }

    // MARK: Time

    @Test(arguments: ["", "G", "GET / HTTP/1.1\r\n", Handshakes.request().dropLast(1).description])
    func `cuts a handshake that is not complete at its deadline (S4) (T17)`(part: String) async throws {
        let time = ManualTime()
        try await ServerHarness.with(time: time) { harness in
            let socket = try await harness.raw()
            if !part.isEmpty { try await socket.send(part) }
            #expect(await eventually { await Remains.count(harness.schedulers).alarms == 1 })
            time.advance(by: .milliseconds(9999))
            await turns(of: harness.schedulers)
            #expect(await Remains.count(harness.schedulers).alarms == 1)
            time.advance(by: .milliseconds(1))
            _ = await socket.end()
            await socket.close()
            #expect(await harness.isIdleAgain())
            #expect(harness.server.connectionCount == 0)
        }
    }

    @Test func `does not let a dribbled byte put the deadline off (S4) (T17)`() async throws {
        let time = ManualTime()
        try await ServerHarness.with(time: time) { harness in
            let socket = try await harness.raw()
            let bytes = Array(Handshakes.request().utf8)
            for byte in bytes[..<10] {
                try await socket.send([byte])
                await turns(of: harness.schedulers)
                time.advance(by: .seconds(1))
            }
            _ = await socket.end()
            await socket.close()
            #expect(await harness.isIdleAgain())
        }
    }

    @Test func `accepts a head that comes one byte at a time within the deadline (S4)`() async throws {
        let time = ManualTime()
        try await ServerHarness.with(time: time) { harness in
            let socket = try await harness.raw()
            for byte in Handshakes.request().utf8 {
                try await socket.send([byte])
                await turns(of: harness.schedulers, 1)
                time.advance(by: .milliseconds(10))
            }
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
            try await socket.send(Frames.maskedText("slow but fine"))
            let frame = try #require(try await socket.receiveFrame())
            #expect(frame.payload == Array("slow but fine".utf8))
        }
    }

    @Test func `loses nothing of what comes right behind the request, wherever it is cut (T31) (W3) (W4)`() async throws
    {
        let received = Received()
        try await ServerHarness.with(handler: { ws in
            var messages: [WebSocket.Message] = []
            for try await message in ws { messages.append(message) }
            await received.add(messages)
        }) { harness in
            let request = Array(Handshakes.request().utf8)
            let all = request + Frames.maskedText("one") + Frames.maskedText("two") + Frames.close(1000, isMasked: true)
            for index in 0...all.count {
                let socket = try await harness.raw()
                try await socket.send(all, splitAt: index)
                _ = try await socket.receiveHead()
                #expect(try await socket.receiveClose() == .init(1000), "cut at \(index)")
                #expect(await socket.end() == .endOfStream)
                await socket.close()
            }
            #expect(await harness.isIdleAgain())
            #expect(await received.all == Array(repeating: [.text("one"), .text("two")], count: all.count + 1))
        }
    }

    private actor Received {
        private(set) var all: [[WebSocket.Message]] = []

        func add(_ messages: [WebSocket.Message]) { all.append(messages) }
    }

    // MARK: Origin

    @Test(
        arguments: [
            (nil, nil), ("http://127.0.0.1:PORT", nil), ("HTTP://127.0.0.1:PORT", nil),
            ("https://127.0.0.1:PORT", "scheme"),
            ("http://127.0.0.1:1", "port"), ("http://127.0.0.1", "port"), ("http://evil.example:PORT", "host"),
            ("null", "origin"),
            ("http://127.0.0.1:PORT.evil.example", "origin"), ("http://127.0.0.1:PORT/path", "origin"),
        ] as [(String?, String?)])
    func `lets in its own origin only (S5) (T21)`(origin: String?, differs: String?) async throws {
        try await ServerHarness.with { harness in
            let port = String(harness.port ?? 0)
            let extra = origin.map { ["Origin: " + $0.replacingOccurrences(of: "PORT", with: port)] } ?? []
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request(host: "127.0.0.1:\(port)", extra: extra))
            guard let differs else {
                #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
                return
            }
            expectRefusal(String(decoding: try await socket.receiveAll(), as: UTF8.self), 403, differs)
        }
    }

    @Test(arguments: [
        ("https://a.example", true), ("https://b.example:8443", true), ("https://b.example", false),
        ("http://a.example", false),
        ("https://evila.example", false), ("https://A.EXAMPLE", true),
    ])
    func `lets in the origins of a list (S5)`(origin: String, isAllowed: Bool) async throws {
        var options = ServerOptions()
        options.origins = .list(["https://a.example", "https://b.example:8443"])
        try await ServerHarness.with(options) { harness in
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request(extra: ["Origin: " + origin]))
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 \(isAllowed ? 101 : 403) "))
        }
    }

    @Test func `asks a closure about an origin, and allows any where told (S5)`() async throws {
        var options = ServerOptions()
        options.origins = .custom { origin, head in origin == "app://x" && head.target == "/in" }
        try await ServerHarness.with(options) { harness in
            let refused = try await harness.answer(to: Handshakes.request("/out", extra: ["Origin: app://x"]))
            expectRefusal(refused, 403)
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request("/in", extra: ["Origin: app://x"]))
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
        }
        options.origins = .any
        try await ServerHarness.with(options) { harness in
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request(extra: ["Origin: null"]))
            #expect(try await socket.receiveHead().hasPrefix("HTTP/1.1 101 "))
        }
    }

    // MARK: Subprotocols

    @Test(
        arguments: [
            ("chat, superchat", "superchat"), ("chat", "chat"), ("other,chat", "chat"), ("other", nil), (nil, nil),
            ("chat\r\nSec-WebSocket-Protocol: superchat", "superchat"),
        ] as [(String?, String?)])
    func `picks the subprotocol that it likes best of those offered (S6)`(offer: String?, picked: String?) async throws
    {
        var options = ServerOptions()
        options.subprotocols = .preferring(["superchat", "chat"])
        try await ServerHarness.with(options, handler: { ws in try await ws.send(.text(ws.subprotocol ?? "none")) }) {
            harness in
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request(extra: offer.map { ["Sec-WebSocket-Protocol: " + $0] } ?? []))
            let head = try await socket.receiveHead()
            #expect(Handshakes.field("Sec-WebSocket-Protocol", of: head) == picked)
            #expect(try await socket.receiveFrame()?.payload == Array((picked ?? "none").utf8))
        }
    }

    @Test func `refuses a client that offers no subprotocol where one is required (S6)`() async throws {
        var options = ServerOptions()
        options.subprotocols = .preferring(["chat"], isRequired: true)
        try await ServerHarness.with(options) { harness in
            expectRefusal(try await harness.answer(to: Handshakes.request()), 400, "chat")
        }
    }

    @Test func `lets a closure pick a subprotocol, of those offered (S6)`() async throws {
        var options = ServerOptions()
        options.subprotocols = .choosing { offers, head in head.target == "/bad" ? "unasked" : offers.last }
        try await ServerHarness.with(options) { harness in
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request(extra: ["Sec-WebSocket-Protocol: a, b"]))
            #expect(Handshakes.field("Sec-WebSocket-Protocol", of: try await socket.receiveHead()) == "b")
            let bad = try await harness.answer(to: Handshakes.request("/bad", extra: ["Sec-WebSocket-Protocol: a"]))
            expectRefusal(bad, 500)
        }
    }

    @Test func `tells the handler of the request (W18)`() async throws {
        let seen = Handover<[String?]>()
        try await ServerHarness.with(handler: { ws in
            seen.give([
                ws.request?.method, ws.request?.path, ws.request?.query, ws.handshakeHeaders[.userAgent],
                ws.peerAddress?.host, ws.localAddress?.host, ws.tls.map { "\($0)" },
            ])
        }) { harness in
            let socket = try await harness.raw()
            try await socket.send(Handshakes.request("/a/b?c=d?e", extra: ["User-Agent: test"]))
            _ = try await socket.receiveHead()
            #expect(await seen.take() == ["GET", "/a/b", "c=d?e", "test", "127.0.0.1", "127.0.0.1", nil])
        }
    }

    // MARK: Rude peers

    @Test(arguments: [0, 1, 20, 100])
    func `survives a reset or an end in the middle of a head (T30)`(count: Int) async throws {
        try await ServerHarness.with { harness in
            for isReset in [true, false] {
                let socket = try await harness.raw()
                if count > 0 { try await socket.send(Array(Handshakes.request().utf8.prefix(count))) }
                #expect(await eventually { await Remains.count(harness.schedulers).alarms == 1 })
                if isReset { await socket.reset() } else { await socket.close() }
                #expect(await harness.isIdleAgain())
            }
            let good = try await harness.rawUpgraded()
            await good.close()
        }
    }
}
