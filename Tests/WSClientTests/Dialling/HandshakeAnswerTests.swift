import HTTPTypes
import HansomTesting
import SocketTesting
import Testing
import WSClient

/// What a server may answer to the opening handshake, and what the client makes of it.
@Suite(.timeLimit(.minutes(1))) struct HandshakeAnswerTests {
    /// The error of connecting to a server whose answer `answer` makes out of the request's head.
    private func connectError(
        options: ConnectOptions = .patient, thenFinish: Bool = true, _ answer: @escaping @Sendable (String) -> [UInt8]
    ) async throws -> WebSocketError {
        try await withScriptedServer { socket in
            try await socket.send(answer(try await socket.receiveHead()))
            if thenFinish { await socket.finish() }
            _ = await socket.end()
        } _: { url in
            let error = await failure { _ = try await WebSocket.connect(to: url, options: options) }
            let failed = try #require(error)
            let place = url.dropFirst("ws://".count)
            #expect(failed.message.contains(place), "\(failed) does not name \(place)")
            #expect(failed.phase == .handshake)
            return failed
        }
    }

    // MARK: Bad handshakes

    static let badAnswers: [(String, @Sendable (String) -> String)] = [
        (
            "accept",
            {
                Handshakes.response(
                    to: $0, extra: ["Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA="],
                    without: ["Sec-WebSocket-Accept"])
            }
        ),
        ("accept", { Handshakes.response(to: $0, without: ["Sec-WebSocket-Accept"]) }),
        ("accept", { Handshakes.response(to: $0, extra: ["Sec-WebSocket-Accept: \(Handshakes.accept(of: $0))"]) }),
        ("Upgrade", { Handshakes.response(to: $0, without: ["Upgrade"]) }),
        ("Upgrade", { Handshakes.response(to: $0, extra: ["Upgrade: h2c"], without: ["Upgrade"]) }),
        ("Connection", { Handshakes.response(to: $0, without: ["Connection"]) }),
        ("Connection", { Handshakes.response(to: $0, extra: ["Connection: keep-alive"], without: ["Connection"]) }),
        ("Protocol", { Handshakes.response(to: $0, extra: ["Sec-WebSocket-Protocol: chat"]) }),
        ("Extensions", { Handshakes.response(to: $0, extra: ["Sec-WebSocket-Extensions: permessage-deflate"]) }),
        ("HTTP/1.0", { Handshakes.response(to: $0, statusLine: "HTTP/1.0 101 Switching Protocols") }),
        ("HTTP/2.0", { Handshakes.response(to: $0, statusLine: "HTTP/2.0 101 Switching Protocols") }),
        ("HTTP/1.1", { _ in "hello, this is an SMTP server\r\n" }),
        ("HTTP/1.1", { _ in "\u{1}\u{2}\u{3}" }),
        ("status", { _ in "HTTP/1.1 abc\r\n\r\n" }),
        ("line feed", { _ in "HTTP/1.1 101 Switching Protocols\nUpgrade: websocket\n\n" }),
        ("colon", { _ in "HTTP/1.1 101 Switching Protocols\r\nUpgrade websocket\r\n\r\n" }),
        ("white space", { _ in "HTTP/1.1 101 Switching Protocols\r\n Upgrade: websocket\r\n\r\n" }),
        ("white space", { _ in "HTTP/1.1 101 Switching Protocols\r\nUpgrade : websocket\r\n\r\n" }),
        ("fields named", { Handshakes.response(to: $0, extra: ["Content-Length: 0", "Content-Length: 0"]) }),
        (
            "headLimits.maxLineBytes 8192",
            { Handshakes.response(to: $0, extra: ["X: " + String(repeating: "y", count: 9000)]) }
        ),
        (
            "maxHeadBytes 65536",
            { _ in "HTTP/1.1 101 S\r\n" + String(repeating: "X: \(String(repeating: "y", count: 1000))\r\n", count: 70)
            }
        ),
        ("maxLines", { _ in "HTTP/1.1 101 S\r\n" + String(repeating: "X: y\r\n", count: 200) }),
        ("before its answer", { _ in "" }),
        ("before its answer", { _ in "HTTP/1.1 101 Switching Pro" }),
    ]

    @Test(arguments: 0..<badAnswers.count)
    func `refuses an answer that is no WebSocket handshake, and says what is wrong (C3) (C4)`(index: Int) async throws {
        let (word, answer) = Self.badAnswers[index]
        let error = try await connectError { Array(answer($0).utf8) }
        #expect(error.code == .badHandshake, "\(error)")
        #expect(error.message.lowercased().contains(word.lowercased()), "\(error)")
        #expect(error.response == nil)
    }

    @Test func `refuses a subprotocol that is not among those asked for (C4)`() async throws {
        let error = try await connectError(options: .init(subprotocols: ["a", "b"])) {
            Array(Handshakes.response(to: $0, extra: ["Sec-WebSocket-Protocol: c"]).utf8)
        }
        #expect(error.code == .badHandshake)
    }

    @Test func `says that the peer speaks TLS when it answers with an alert (T33)`() async throws {
        let error = try await connectError { _ in [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x0A] }
        #expect(error.code == .badHandshake)
        #expect(error.message.contains("TLS"))
    }

    @Test func `reports a reset during the handshake (C3) (T30)`() async throws {
        try await withScriptedServer { socket in
            _ = try await socket.receiveHead()
            await socket.reset()
        } _: { url in
            let error = await failure { _ = try await WebSocket.connect(to: url, options: .patient) }
            #expect(error?.code == .connectionLost)
            #expect(error?.phase == .handshake)
            #expect(error?.message.contains(url.dropFirst(5)) == true, "\(String(describing: error))")
        }
    }

    // MARK: Good ones

    @Test(
        arguments: [
            ([], nil), (["Sec-WebSocket-Protocol: b"], "b"), (["Sec-WebSocket-Extensions: "], nil),
            (["Server: x", "Date: y"], nil),
        ] as [([String], String?)])
    func `accepts what the rules allow (C4) (S6)`(extra: [String], subprotocol: String?) async throws {
        try await withScriptedServer { socket in
            try await socket.send(Handshakes.response(to: try await socket.receiveHead(), extra: extra))
            try await socket.answerClose()
        } _: { url in
            try await WebSocket.withConnection(to: url, options: .init(subprotocols: ["a", "b"])) { connection in
                #expect(connection.subprotocol == subprotocol)
                #expect(connection.extensions == [])
                #expect(connection.handshakeHeaders[.upgrade] == "websocket")
                #expect(connection.request == nil)
            }
        }
    }

    @Test func `takes an answer with folded lines (C4, RFC 9112 section 5.2)`() async throws {
        try await withScriptedServer { socket in
            let accept = Handshakes.accept(of: try await socket.receiveHead())
            try await socket.send(
                "HTTP/1.1 101 S\r\nUpgrade:\r\n websocket\r\nConnection: keep-alive,\r\n\tUpgrade\r\nSec-WebSocket-Accept: \(accept)\r\n\r\n"
            )
            try await socket.answerClose()
        } _: { url in
            try await WebSocket.withConnection(to: url, options: .patient) {
                #expect($0.handshakeHeaders[.connection] == "keep-alive, Upgrade")
            }
        }
    }

    @Test func `takes a head as large as it is told to (C2) (C4)`() async throws {
        let long = String(repeating: "y", count: 20_000)
        try await withScriptedServer { socket in
            let request = try await socket.receiveHead()
            try await socket.send(
                Handshakes.response(to: request, extra: ["Via: \(long)"] + Array(repeating: "X: z", count: 300)))
            try await socket.answerClose()
        } _: { url in
            var options = ConnectOptions.patient
            options.headLimits = HeadLimits(maxLineBytes: 32 << 10, maxLines: 400)
            try await WebSocket.withConnection(to: url, options: options) { #expect($0.handshakeHeaders[.via] == long) }
        }
    }

    @Test func `takes no limits that no head could keep (C2)`() async throws {
        var options = ConnectOptions.patient
        options.headLimits.maxLines = 0
        let error = await failure { _ = try await WebSocket.connect(to: "ws://127.0.0.1:9/", options: options) }
        #expect(error?.code == .invalidConfiguration && error?.message.contains("headLimits.maxLines 0") == true)
    }

    @Test func `takes field names and tokens in any case (C4)`() async throws {
        try await withScriptedServer { socket in
            let accept = Handshakes.accept(of: try await socket.receiveHead())
            try await socket.send(
                "HTTP/1.1 101\r\nUPGRADE: WebSocket\r\nconnection: keep-alive, UPGRADE\r\nsec-websocket-accept: \(accept)\r\n\r\n"
            )
            try await socket.answerClose()
        } _: { url in
            try await WebSocket.withConnection(to: url, options: .patient) { #expect($0.state == .open) }
        }
    }

    @Test func `passes over interim answers (RFC 9110 section 15.2) (C4)`() async throws {
        try await withScriptedServer { socket in
            let request = try await socket.receiveHead()
            try await socket.send(
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nServer: x\r\n\r\n"
                    + Handshakes.response(to: request))
            try await socket.answerClose()
        } _: { url in
            try await WebSocket.withConnection(to: url, options: .patient) {
                #expect($0.handshakeHeaders[.server] == nil)
            }
        }
    }

    @Test func `bounds interim answers by the deadline, and their number (C4)`() async throws {
        let error = try await connectError { _ in
            Array(String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 5000).utf8)
        }
        #expect(error.code == .badHandshake)
    }

    @Test func `loses nothing of what comes right behind the 101, wherever it is cut (T31) (W3)`() async throws {
        let length = Handover<Int>()
        let cut = Cut()
        let frames = Frames.text("first") + Frames.frame(9, [1]) + Frames.text("second") + Frames.close(4321, "over")
        try await withScriptedServer { socket in
            let bytes = Array(Handshakes.response(to: try await socket.receiveHead()).utf8) + frames
            length.give(bytes.count)
            try await socket.send(bytes, splitAt: cut.next())
            try await socket.answerClose()
        } _: { url in
            var index = 0
            repeat {
                let ws = try await WebSocket.connect(to: url, options: .patient)
                #expect(try await ws.recv() == .text("first"), "cut at \(index)")
                #expect(try await ws.recv() == .text("second"), "cut at \(index)")
                let error = await failure { _ = try await ws.recv() }
                #expect(error?.close == WebSocket.Close(code: .init(rawValue: 4321), reason: "over"), "cut at \(index)")
                index += 1
            } while await index < length.take()
            #expect(index > 100)
        }
    }

    @Test func `takes an answer that comes one byte at a time (T31)`() async throws {
        try await withScriptedServer { socket in
            let bytes = Array(Handshakes.response(to: try await socket.receiveHead()).utf8) + Frames.text("slow")
            for byte in bytes { try await socket.send([byte]) }
            try await socket.answerClose()
        } _: { url in
            try await WebSocket.withConnection(to: url, options: .patient) { ws in
                let message = try await ws.recv()
                #expect(message == .text("slow"))
            }
        }
    }

    // MARK: Refusals

    private func refusal(
        _ text: String, options: ConnectOptions = .patient, thenFinish: Bool = false
    ) async throws -> WebSocketError.Response {
        let error = try await connectError(options: options, thenFinish: thenFinish) { _ in Array(text.utf8) }
        #expect(error.code == .http, "\(error)")
        return try #require(error.response)
    }

    @Test func `hands over status, headers and body of a refusal (C3)`() async throws {
        let answer = try await refusal(
            "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 9\r\n\r\nwho goes?and more")
        #expect(answer.status == 401)
        #expect(answer.headers[.wwwAuthenticate] == "Basic")
        #expect(answer.body == Array("who goes?".utf8))
    }

    @Test func `reads the chunked body of a refusal (C3)`() async throws {
        let chunks = "5;name=value\r\nwho g\r\n4\r\noes?\r\n0\r\nTrailer: x\r\n\r\n"
        let answer = try await refusal("HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        #expect(answer.body == Array("who goes?".utf8))
    }

    @Test func `reads a chunked body cut at every byte (C3)`() async throws {
        let cut = Cut()
        let text = Array(
            "HTTP/1.1 403 F\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nWiki\r\n00b\r\npedia, in \r\n\r\n0\r\n\r\n".utf8)
        try await withScriptedServer { socket in
            _ = try await socket.receiveHead()
            try await socket.send(text, splitAt: cut.next())
            _ = await socket.end()
        } _: { url in
            for index in 0..<text.count {
                let error = await failure { _ = try await WebSocket.connect(to: url, options: .patient) }
                #expect(error?.response?.body == Array("Wikipedia, in \r".utf8), "cut at \(index)")
            }
        }
    }

    @Test(arguments: [
        ("zz\r\nabc\r\n", ""), ("-1\r\nabc\r\n", ""), ("5\r\nabcdeXX3\r\nfgh\r\n", "abcde"),
        ("+5\r\nhello\r\n0\r\n\r\n", ""),
    ])
    func `ends a chunked body where its form is broken (C3)`(chunks: String, body: String) async throws {
        let answer = try await refusal("HTTP/1.1 403 F\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        #expect(answer.status == 403)
        #expect(answer.body == Array(body.utf8))
    }

    @Test func `keeps what came of a chunk that was not finished (C3)`() async throws {
        let answer = try await refusal(
            "HTTP/1.1 403 F\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nonly this", thenFinish: true)
        #expect(answer.body == Array("only this".utf8))
    }

    @Test(arguments: [
        "Content-Length: 200000\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n30D40\r\n",
        "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFF\r\n", "\r\n",
    ])
    func `keeps 64 KiB of a refusal's body (C3)`(framing: String) async throws {
        let body = String(repeating: "0123456789", count: 20_000)
        let answer = try await refusal("HTTP/1.1 503 Busy\r\n" + framing + body)
        #expect(answer.body == Array(body.utf8.prefix(64 << 10)))
    }

    @Test func `reads a body without a length to the end of the stream (C3)`() async throws {
        let answer = try await refusal("HTTP/1.0 500 Oops\r\n\r\nall of it", thenFinish: true)
        #expect(answer.status == 500)
        #expect(answer.body == Array("all of it".utf8))
    }

    @Test(arguments: [
        "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
    ])
    func `waits for no body where there is none (C3)`(text: String) async throws {
        #expect(try await refusal(text).body.isEmpty)
    }

    static let oddHeads: [(String, String)] = [
        ("X: \(String(repeating: "y", count: 9000))", "headLimits.maxLineBytes"),
        ((0..<120).map { "X-\($0): y" }.joined(separator: "\r\n"), "headLimits.maxLines"),
        ("X: y\r\n folded", ""), ("X : y", "colon"), ("X: y\nZ: z", "line feed"), ("X: y\0", "byte 0x00"),
        ("X", "without a colon"),
        ("Content-Length: 9\r\nContent-Length: 9", "2 fields named"),
    ]

    @Test(arguments: 0..<oddHeads.count)
    func `an odd field takes nothing away of a refusal but itself (C3, C9)`(index: Int) async throws {
        let (lines, words) = Self.oddHeads[index]
        let length = lines.contains("Content-Length") ? "" : "Content-Length: 9\r\n"
        let text = "HTTP/1.1 403 Forbidden\r\nServer: s\r\n\(length)\(lines)\r\n\r\nwho goes?"
        let error = try await connectError(thenFinish: false) { _ in Array(text.utf8) }
        #expect(error.code == .http && error.response?.status == 403, "\(error)")
        #expect(error.response?.body == Array("who goes?".utf8) && error.response?.headers[.server] == "s")
        #expect(!error.mayPass && error.message.contains("403 Forbidden"))
        #expect(words.isEmpty ? !error.message.contains("its head") : error.message.contains(words), "\(error)")
    }

    @Test(arguments: ["HTTP/1.1 403 F\r\nServer: s\r\nX", "HTTP/1.1 403 F\r\n"], [true, false])
    func `takes what has come of a refusal whose head is not complete (C3)`(text: String, isReset: Bool) async throws {
        try await withScriptedServer { socket in
            _ = try await socket.receiveHead()
            try await socket.send(text)
            if isReset { return await socket.reset() }
            await socket.finish()
            _ = await socket.end()
        } _: { url in
            let error = await failure { _ = try await WebSocket.connect(to: url, options: .patient) }
            #expect(error?.code == .http && error?.response?.status == 403, "\(String(describing: error))")
            #expect(error?.response?.headers[.server] == (text.contains("Server") ? "s" : nil))
        }
    }

    @Test func `takes a refusal's head up to its limit, and reads no body behind that (C3)`() async throws {
        let head =
            "HTTP/1.1 403 F\r\nServer: s\r\n"
            + String(repeating: "X: \(String(repeating: "y", count: 1000))\r\n", count: 70)
        let error = try await connectError(thenFinish: false) { _ in Array(head.utf8) }
        #expect(error.response?.status == 403 && error.response?.headers[.server] == "s" && error.response?.body == [])
        #expect(error.message.contains("headLimits.maxHeadBytes"), "\(error)")
    }

    // What never ends is not awaited: these servers send on until they are cut.
    @Test(arguments: ["a", "1\r\na\r\n", "1;a=b\r\na\r\n", "0;"])
    func `reads no more of a refusal than may be worth it (C3, T40)`(chunks: String) async throws {
        try await withScriptedServer { socket in
            _ = try await socket.receiveHead()
            try await socket.send("HTTP/1.1 503 Busy\r\nTransfer-Encoding: chunked\r\n\r\n")
            while true { try await socket.send(String(repeating: chunks, count: 10_000)) }
        } _: { url in
            let error = await failure { _ = try await WebSocket.connect(to: url, options: .patient) }
            #expect(error?.code == .http && error?.response?.status == 503, "\(String(describing: error))")
            #expect((error?.response?.body.count ?? 0) <= 64 << 10)
        }
    }

    @Test func `hands over a redirect as it came where none is to be followed (C3) (C5)`() async throws {
        var options = ConnectOptions.patient
        options.redirects = .none
        let answer = try await refusal(
            "HTTP/1.1 302 Found\r\nLocation: ws://elsewhere/\r\nContent-Length: 0\r\n\r\n", options: options)
        #expect(answer.status == 302)
        #expect(answer.headers[.location] == "ws://elsewhere/")
    }

    @Test func `hands over a refusal whose body was not complete at the deadline (C3)`() async throws {
        let time = ManualTime()
        try await withSchedulers(time: time) { schedulers in
            let part = Handover<Bool>()
            try await withScriptedServer { socket in
                _ = try await socket.receiveHead()
                try await socket.send("HTTP/1.1 429 Too Many\r\nContent-Length: 100\r\n\r\nslow down")
                part.give()
                _ = await socket.end()
            } _: { url in
                let moving = Task {
                    _ = await part.take()
                    // It is in the client's socket, and each turn looks there.
                    await turns(of: schedulers)
                    time.advance(by: .seconds(9))
                }
                let error = await failure {
                    _ = try await WebSocket.connect(to: url, options: .init(scheduler: schedulers.schedulers[0]))
                }
                await moving.value
                #expect(error?.code == .http, "\(String(describing: error))")
                #expect(error?.response?.status == 429)
                #expect(error?.response?.body == Array("slow down".utf8))
            }
        }
    }
}

/// Counts up from 0.
final class Cut: @unchecked Sendable {
    // Safety: one task at a time calls `next`.
    private var index = 0

    func next() -> Int {
        defer { index += 1 }
        return index
    }
}
