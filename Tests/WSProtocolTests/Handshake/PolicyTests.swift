import HTTPTypes
import ProtocolTesting
import Testing
import WSProtocol

@Suite(.timeLimit(.minutes(2))) struct PolicyTests {
    @Test(
        arguments: [
            ("http://server.example.com", false), ("http://server.example.com:80", false),
            ("HTTP://Server.Example.COM", false),
            ("https://server.example.com", true), ("https://server.example.com:443", true), (nil, false), (nil, true),
        ] as [(String?, Bool)])
    func `lets the same origin in, and requests without one (S5)`(origin: String?, isTLS: Bool) throws {
        try expectAccepted(makeRequest(["Origin": origin]), .init(isTLS: isTLS))
    }

    @Test(arguments: [
        ("https://server.example.com", "scheme https differs from http"),
        ("http://evil.example", "host evil.example differs"),
        ("http://server.example.com:8080", "port 8080 differs from 80"), ("null", "not a scheme, a host and a port"),
        ("http://server.example.com/", "not a scheme"),
        ("http://server.example.com, http://evil.example", "not a scheme"),
        ("", "not a scheme"), ("://x", "not a scheme"), ("http:/x", "not a scheme"),
    ])
    func `refuses another origin, and says what differs (T21)`(origin: String, words: String) throws {
        try expectRefused(makeRequest(["Origin": origin]), status: 403, saying: words)
    }

    @Test func `compares with the port of the request, IPv6 too (S5)`() throws {
        try expectAccepted(makeRequest(["Host": "[::1]:8080", "Origin": "http://[::1]:8080"]))
        try expectRefused(
            makeRequest(["Host": "h:8080", "Origin": "http://h"]), status: 403, saying: "port 80 differs from 8080")
    }

    @Test func `compares with the origin that a trusted proxy names (S5)`() throws {
        let outside = WebOrigin(scheme: "https", host: "Public.Example", port: 443)
        let head = try makeRequest(["Origin": "https://public.example"])
        try expectAccepted(head, .init(externalOrigin: outside))
        try expectRefused(head, status: 403, saying: "scheme")
    }

    @Test func `asks a list or a closure instead (S5)`() throws {
        let head = try makeRequest(["Origin": "https://app.example:443"])
        try expectAccepted(head, .init(origin: .any))
        try expectAccepted(head, .init(origin: .list(["http://x.example", "https://app.example"])))
        try expectRefused(head, .init(origin: .list(["https://x.example", "nonsense"])), status: 403, saying: "among")
        try expectAccepted(makeRequest(["Origin": "null"]), .init(origin: .list(["null"])))
        try expectAccepted(head, .init(origin: .custom { $0 == "https://app.example:443" && $1.target == "/chat" }))
        try expectRefused(head, .init(origin: .custom { _, _ in false }), status: 403, saying: "not allowed")
    }

    @Test func `writes an origin as browsers do`() {
        #expect(WebOrigin(scheme: "https", host: "A.example", port: 443).description == "https://a.example")
        #expect(WebOrigin(scheme: "http", host: "::1", port: 8080).description == "http://[::1]:8080")
    }

    @Test(
        arguments: [
            (SubprotocolPolicy.none, nil), (.preferring(["c", "b", "a"]), "b"), (.preferring(["x"]), nil),
            (.preferring(["a"], isRequired: true), "a"), (.choosing { offers, _ in offers.last }, "b"),
            (.choosing { _, _ in nil }, nil),
        ] as [(SubprotocolPolicy, String?)])
    func `picks a subprotocol in the server's order (S6)`(policy: SubprotocolPolicy, expected: String?) throws {
        let acceptance = try expectAccepted(
            makeRequest(["Sec-WebSocket-Protocol": "a, b"]), .init(subprotocols: policy))
        #expect(acceptance.subprotocol == expected)
        #expect(acceptance.fields[.secWebSocketProtocol] == expected)
    }

    @Test(arguments: [nil, "x, y"])
    func `refuses a client without a required subprotocol (S6)`(offers: String?) throws {
        let rules = ServerHandshake.Rules(subprotocols: .preferring(["a", "b"], isRequired: true))
        try expectRefused(
            makeRequest(["Sec-WebSocket-Protocol": offers]), rules, status: 400, saying: "spoken here: a, b")
    }

    @Test func `will not pick a subprotocol that was not offered (C4)`() throws {
        let rules = ServerHandshake.Rules(subprotocols: .choosing { _, _ in "mine" })
        try expectRefused(makeRequest(), rules, status: 500, saying: "not offered")
    }
}
