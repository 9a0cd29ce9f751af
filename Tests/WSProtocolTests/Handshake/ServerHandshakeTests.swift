import HTTPTypes
import HansomHTTP
import ProtocolTesting
import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct ServerHandshakeTests {
    @Test func `grants the request of RFC 6455 section 1.2 (S4)`() throws {
        let acceptance = try expectAccepted(makeRequest())
        #expect(acceptance.acceptKey == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
        #expect(acceptance.subprotocol == nil)
        #expect(
            String(decoding: acceptance.responseBytes, as: UTF8.self) == """
                HTTP/1.1 101 Switching Protocols\r
                Upgrade: websocket\r
                Connection: Upgrade\r
                Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r
                \r\n
                """)
    }

    @Test func `reads Upgrade and Connection as lists, whatever the case`() throws {
        let head = try makeRequest(["Upgrade": "h2c, \tWebSocket", "Connection": "keep-alive , UPGRADE"])
        #expect(head.isUpgrade)
        _ = try expectAccepted(head)
    }

    @Test(
        arguments: [
            ("Upgrade", nil, 426, "only WebSocket"), ("Upgrade", "h2c", 426, "only WebSocket"),
            ("Upgrade", "websockets", 426, "only WebSocket"), ("Connection", nil, 400, "Connection does not list"),
            ("Connection", "close", 400, "Connection does not list"), ("Sec-WebSocket-Version", nil, 426, "not 13"),
            ("Sec-WebSocket-Version", "8", 426, "not 13"), ("Sec-WebSocket-Version", "13, 8", 426, "not 13"),
            ("Sec-WebSocket-Key", nil, 400, "16 bytes"), ("Sec-WebSocket-Key", "", 400, "16 bytes"),
            ("Sec-WebSocket-Key", "AAAA", 400, "16 bytes"),
            ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAAA=", 400, "16 bytes"),
            ("Sec-WebSocket-Key", "!!!!!!!!!!!!!!!!!!!!!!==", 400, "16 bytes"), ("Content-Length", "5", 400, "content"),
            ("Transfer-Encoding", "chunked", 400, "content"), ("Sec-WebSocket-Protocol", "a b", 400, "list of tokens"),
            ("Sec-WebSocket-Protocol", "é", 400, "list of tokens"),
            ("Sec-WebSocket-Extensions", "a;;", 400, "list of extensions"),
        ] as [(String, String?, Int, String)])
    func `refuses with a whole HTTP answer (S4)`(name: String, value: String?, status: Int, words: String) throws {
        let refusal = try expectRefused(makeRequest([name: value]), status: status, saying: words)
        let upgrade = refusal.fields[.upgrade]
        #expect(upgrade == (status == 426 ? "websocket" : nil))
        let expectsVersion = name == "Sec-WebSocket-Version"
        #expect(refusal.fields[.secWebSocketVersion] == (expectsVersion ? "13" : nil))
    }

    @Test(arguments: [
        ("Sec-WebSocket-Version", "8"), ("Sec-WebSocket-Version", nil), ("Sec-WebSocket-Key", nil),
        ("Sec-WebSocket-Key", "short"),
    ])
    func `a request without a key or of another version is no upgrade, though it wants to be (S7)`(
        name: String, value: String?
    ) throws {
        let head = try makeRequest([name: value])
        #expect(!head.isUpgrade && head.asksForWebSocket)
    }

    @Test func `tells a plain GET that this is a WebSocket (S4)`() throws {
        let head = try makeRequest(["Upgrade": nil, "Connection": nil, "Sec-WebSocket-Key": nil])
        #expect(!head.isUpgrade)
        try expectRefused(head, status: 426, saying: "only WebSocket")
    }

    @Test func `refuses other methods, and says which it allows (S4)`() throws {
        let head = try makeRequest(line: "POST /chat HTTP/1.1")
        #expect(!head.isUpgrade)
        let refusal = try expectRefused(head, status: 405, saying: "POST")
        #expect(refusal.fields[.allow] == "GET")
    }

    @Test func `checks heads that another parser made`() throws {
        try expectRefused(RequestHead(target: "/", fields: [:]), status: 400, saying: "no Host")
        let twoKeys = HTTPFields(named: ["Host": "h", "Sec-WebSocket-Key": "a", "Sec-WebSocket-Key": "b"])
        try expectRefused(RequestHead(target: "/", fields: twoKeys), status: 400, saying: "2 fields named")
    }

    @Test func `lists what extensions were offered, and agrees to none`() throws {
        let acceptance = try expectAccepted(makeRequest(["Sec-WebSocket-Extensions": "permessage-deflate; a=1, bogus"]))
        #expect(
            acceptance.offers == [
                ExtensionOffer(name: "permessage-deflate", parameters: [.init(name: "a", value: "1")]),
                ExtensionOffer(name: "bogus"),
            ])
        #expect(acceptance.fields[.secWebSocketExtensions] == nil)
    }

    @Test func `adds the owner's fields, but not over its own`() throws {
        let rules = ServerHandshake.Rules(fields: [.server: "hansom", .upgrade: "other", .contentLength: "3"])
        let acceptance = try expectAccepted(makeRequest(), rules)
        #expect(acceptance.fields[.server] == "hansom")
        #expect(acceptance.fields[.upgrade] == "websocket")
        #expect(acceptance.fields[.contentLength] == nil)
    }

    @Test func `makes an answer of a head that could not be read`() {
        let refusal = Refusal(HeadError(status: 431, message: "too much"))
        let text = String(decoding: refusal.bytes, as: UTF8.self)
        #expect(text.hasPrefix("HTTP/1.1 431 Request Header Fields Too Large\r\n"))
        #expect(text.hasSuffix("\r\n\r\ntoo much"))
        let odd = Refusal(
            status: 599, reason: "odd", fields: [.contentType: "text/html", .transferEncoding: "chunked"])
        #expect(odd.fields[.contentType] == "text/html")
        #expect(odd.fields[.transferEncoding] == nil)
        #expect(String(decoding: odd.bytes, as: UTF8.self).hasPrefix("HTTP/1.1 599 \r\n"))
    }
}

/// Expects that a request is granted.
@discardableResult
func expectAccepted(
    _ head: RequestHead, _ rules: ServerHandshake.Rules = .init(), sourceLocation: SourceLocation = #_sourceLocation
) throws -> Acceptance {
    switch ServerHandshake.evaluate(head, rules: rules) {
    case .accept(let acceptance): return acceptance
    case .refuse(let refusal):
        Issue.record("refused: \(refusal)", sourceLocation: sourceLocation)
        throw refusal
    }
}

/// Expects that a request is refused, in a complete answer.
@discardableResult
func expectRefused(
    _ head: RequestHead, _ rules: ServerHandshake.Rules = .init(), status: Int, saying words: String,
    sourceLocation: SourceLocation = #_sourceLocation
) throws -> Refusal {
    guard case .refuse(let refusal) = ServerHandshake.evaluate(head, rules: rules) else {
        throw HeadError(status: 101, message: "granted what should be refused")
    }
    #expect(refusal.status == status, sourceLocation: sourceLocation)
    #expect(refusal.reason.contains(words), "\(refusal.reason)", sourceLocation: sourceLocation)
    var parser = ResponseHeadParser()
    let (consumed, answer) = try parser.parse(refusal.bytes)
    #expect(answer?.status == status, sourceLocation: sourceLocation)
    #expect(answer?.reasonPhrase.isEmpty == false, sourceLocation: sourceLocation)
    #expect(answer?.fields[.contentLength] == "\(refusal.bytes.count - consumed)", sourceLocation: sourceLocation)
    #expect(answer?.fields[.connection]?.hasPrefix("close") == true, sourceLocation: sourceLocation)
    return refusal
}
