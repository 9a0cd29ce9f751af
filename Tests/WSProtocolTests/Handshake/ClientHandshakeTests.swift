import HTTPTypes
import HansomHTTP
import ProtocolTesting
import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct ClientHandshakeTests {
    private static let key = Array("the sample nonce".utf8)

    private func handshake(
        target: String = "/chat?x=1", host: String = "server.example.com", fields: HTTPFields = [:],
        subprotocols: [String] = [],
        key: [UInt8] = key
    ) throws(HandshakeMisuse) -> ClientHandshake {
        try ClientHandshake(target: target, host: host, fields: fields, subprotocols: subprotocols, key: key)
    }

    private func answer(_ changes: KeyValuePairs<String, String?> = [:], status: Int = 101) -> ResponseHead {
        var fields: HTTPFields = [
            .upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        ]
        for (name, value) in changes { fields[fieldName(name)] = value }
        return ResponseHead(status: status, fields: fields)
    }

    @Test func `asks as RFC 6455 section 1.2 does`() throws {
        let made = try handshake(fields: [.authorization: "Bearer t"], subprotocols: ["chat", "superchat"])
        #expect(made.key == "dGhlIHNhbXBsZSBub25jZQ==")
        #expect(
            String(decoding: made.requestBytes, as: UTF8.self) == """
                GET /chat?x=1 HTTP/1.1\r
                Host: server.example.com\r
                Upgrade: websocket\r
                Connection: Upgrade\r
                Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r
                Sec-WebSocket-Version: 13\r
                Sec-WebSocket-Protocol: chat, superchat\r
                Authorization: Bearer t\r
                \r\n
                """)
    }

    @Test func `agrees with our server`() throws {
        let made = try handshake(subprotocols: ["a", "b"])
        var requests = RequestHeadParser()
        let request = try #require(try requests.parse(made.requestBytes).head)
        let acceptance = try expectAccepted(request, .init(subprotocols: .preferring(["b"])))
        var responses = ResponseHeadParser()
        let response = try #require(try responses.parse(acceptance.responseBytes).head)
        #expect(response.isUpgrade)
        let negotiated = try made.verify(response)
        #expect(negotiated.subprotocol == "b")
        #expect(negotiated.extensions.isEmpty)
    }

    @Test(arguments: ["\r", "\n", "\0", "\r\nX: y", " ", "\u{7F}", "é", "\t"])
    func `lets no control or foreign byte into target, host or protocol (T18)`(bad: String) {
        #expect(throws: HandshakeMisuse.target("/a\(bad)b")) { try handshake(target: "/a\(bad)b") }
        #expect(throws: HandshakeMisuse.host("h\(bad)b")) { try handshake(host: "h\(bad)b") }
        #expect(throws: HandshakeMisuse.subprotocol("p\(bad)q")) { try handshake(subprotocols: ["ok", "p\(bad)q"]) }
    }

    @Test(arguments: ["", "chat", "#", "/a#b", "http://h/"])
    func `takes paths only for a target`(target: String) {
        #expect(throws: HandshakeMisuse.target(target)) { try handshake(target: target) }
    }

    @Test func `lets no line end of a field value reach the wire (T18)`() throws {
        let made = try handshake(fields: [.userAgent: "a\r\nX-Evil: b\0c"])
        let lines = String(decoding: made.requestBytes, as: UTF8.self).split(
            separator: "\r\n", omittingEmptySubsequences: false)
        #expect(lines.count == 9)
        #expect(lines.contains("User-Agent: a  X-Evil: b c"))
        let escape = HTTPFields([HTTPField(name: .userAgent, lenientValue: [0x1B])])
        #expect(throws: HandshakeMisuse.fieldValue(name: "User-Agent")) { try handshake(fields: escape) }
    }

    @Test(arguments: [
        "Host", "Upgrade", "connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version", "SEC-WEBSOCKET-PROTOCOL",
        "Sec-WebSocket-Extensions", "Sec-WebSocket-Accept", "Content-Length", "Transfer-Encoding",
    ])
    func `lets nobody set its own fields`(name: String) {
        #expect(throws: HandshakeMisuse.reservedField(name: name)) {
            try handshake(fields: HTTPFields(named: [name: "x"]))
        }
    }

    @Test func `checks key and protocols`() {
        #expect(throws: HandshakeMisuse.keyLength(15)) { try handshake(key: Array(Self.key.dropLast())) }
        #expect(throws: HandshakeMisuse.duplicateSubprotocol("a")) { try handshake(subprotocols: ["a", "b", "a"]) }
        #expect(throws: HandshakeMisuse.subprotocol("")) { try handshake(subprotocols: [""]) }
        #expect(throws: HandshakeMisuse.host("")) { try handshake(host: "") }
    }

    @Test func `takes no subprotocol as an answer (C4)`() throws {
        let negotiated = try handshake(subprotocols: ["a"]).verify(answer())
        #expect(negotiated.subprotocol == nil)
    }

    @Test func `takes an empty list of extensions`() throws {
        let negotiated = try handshake().verify(answer(["Sec-WebSocket-Extensions": " , "]))
        #expect(negotiated.extensions.isEmpty)
    }

    @Test(
        arguments: [
            ("Upgrade", nil, .upgrade(nil)), ("Upgrade", "h2c", .upgrade("h2c")), ("Connection", nil, .connection(nil)),
            ("Connection", "close", .connection("close")), ("Sec-WebSocket-Accept", nil, .accept(nil)),
            ("Sec-WebSocket-Accept", "wrong", .accept("wrong")), ("Sec-WebSocket-Protocol", "c", .subprotocol("c")),
            ("Sec-WebSocket-Protocol", "a, b", .subprotocol("a, b")),
            ("Sec-WebSocket-Extensions", "x", .extensions("x")),
            ("Sec-WebSocket-Extensions", ";", .extensions(";")),
        ] as [(String, String?, HandshakeFailure)])
    func `checks the answer in full (C4)`(name: String, value: String?, failure: HandshakeFailure) throws {
        let made = try handshake(subprotocols: ["a", "b"])
        #expect(throws: failure) { try made.verify(answer([name: value])) }
        #expect(failure.description.contains("(RFC 6455 section 4.1)"))
        #expect(failure.description.contains(value ?? "missing"))
    }

    @Test func `hands out a head that is no 101 (C3)`() throws {
        let refusal = answer(["Retry-After": "5"], status: 503)
        #expect(!refusal.isUpgrade)
        let made = try handshake()
        #expect(throws: HandshakeFailure.status(refusal)) { try made.verify(refusal) }
        #expect(HandshakeFailure.status(refusal).description.contains("503 \"Service Unavailable\""))
    }

    @Test func `says in every misuse what came and which section it breaks`() {
        let misuses: [HandshakeMisuse] = [
            .target("\r\u{1B}"), .host("\r"), .subprotocol("\n"), .duplicateSubprotocol("a"), .fieldValue(name: "X"),
            .reservedField(name: "Host"), .keyLength(3),
        ]
        for misuse in misuses {
            #expect(misuse.description.contains(" section "))
            #expect(misuse.description.utf8.allSatisfy { $0 >= 0x20 })
        }
    }
}
