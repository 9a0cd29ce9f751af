import HTTPTypes
import HansomTesting
import HansomTransport
import Testing

@testable import HansomHTTP
@testable import WSProtocol
@testable import WSServer

/// What is believed of forwarded headers, and whom.
@Suite(.timeLimit(.minutes(2))) struct TrustedProxiesTests {
    /// A request's fields, from which peer, and what comes of them.
    struct Case: Sendable {
        var fields: [String]
        var client: String?
        var origin: String?
        var peer = "10.0.0.1"
        var isTLS = false
        var headers = ForwardedHeaders.xForwarded

        init(
            _ fields: [String], _ client: String?, _ origin: String? = nil, peer: String = "10.0.0.1",
            isTLS: Bool = false,
            headers: ForwardedHeaders = .xForwarded
        ) {
            (self.fields, self.client, self.origin, self.peer, self.isTLS) = (fields, client, origin, peer, isTLS)
            self.headers = headers
        }
    }

    static func fields(_ lines: [String]) throws -> HTTPFields {
        var parser = RequestHeadParser()
        let text = (["GET / HTTP/1.1", "Host: a.example"] + lines + ["", ""]).joined(separator: "\r\n")
        return try #require(try parser.parse(Array(text.utf8)).head).fields
    }

    static func judge(_ this: Case) throws -> TrustedProxies.Findings {
        let trusted = TrustedProxies(
            ranges: [try IPRange("10.0.0.0/8"), try IPRange("2001:db8::/32"), .unixSockets], headers: this.headers)
        let peer: SocketAddress? = this.peer == "unix" ? .unix(path: "") : SocketAddress(numeric: this.peer, port: 9)
        return trusted.judge(try fields(this.fields), peer: peer, isTLS: this.isTLS)
    }

    static let xForwarded: [Case] = [
        Case([], "10.0.0.1"),
        Case(["X-Forwarded-For: 192.0.2.1"], "192.0.2.1", "http://a.example"),
        Case(["X-Forwarded-For: 192.0.2.1"], "192.0.2.1", "http://a.example", peer: "unix"),
        Case(["X-Forwarded-For: 192.0.2.1"], "192.0.2.1", "http://a.example", peer: "::ffff:10.1.1.1"),
        // Who is not trusted is not believed.
        Case(["X-Forwarded-For: 192.0.2.1", "X-Forwarded-Proto: https"], "203.0.113.9", peer: "203.0.113.9"),
        Case(["X-Forwarded-For: 10.0.0.9"], "203.0.113.9", peer: "203.0.113.9"),
        // The rightmost that is not trusted, whatever the client has written before.
        Case(["X-Forwarded-For: 127.0.0.1, 192.0.2.1"], "192.0.2.1", "http://a.example"),
        Case(["X-Forwarded-For: 1.1.1.1, 192.0.2.1, 10.0.0.2, 10.0.0.3"], "192.0.2.1", "http://a.example"),
        Case(["X-Forwarded-For: 1.1.1.1", "X-Forwarded-For: 192.0.2.1,10.0.0.2"], "192.0.2.1", "http://a.example"),
        Case(["X-Forwarded-For: x, 192.0.2.1"], "192.0.2.1", "http://a.example"),
        // All trusted: the first of them.
        Case(["X-Forwarded-For: 10.0.0.7, 10.0.0.2"], "10.0.0.7", "http://a.example"),
        // A trusted proxy that does not say.
        Case(["X-Forwarded-For: unknown"], nil, "http://a.example"),
        Case(["X-Forwarded-For: 192.0.2.1, unknown, 10.0.0.2"], nil, "http://a.example"),
        Case(["X-Forwarded-For: 192.0.2.1, "], nil, "http://a.example"),
        Case(["X-Forwarded-For: fe80::1%lo"], nil, "http://a.example"),
        // With ports and brackets.
        Case(["X-Forwarded-For: 192.0.2.1:4711"], "192.0.2.1", "http://a.example"),
        Case(["X-Forwarded-For: [2001:db9::1]:4711"], "2001:db9::1", "http://a.example"),
        Case(["X-Forwarded-For: [2001:db9::1]"], "2001:db9::1", "http://a.example"),
        Case(["X-Forwarded-For: 2001:db9::1"], "2001:db9::1", "http://a.example"),
        // The origin.
        Case(["X-Forwarded-Proto: https"], "10.0.0.1", "https://a.example"),
        Case(["X-Forwarded-Proto: WSS"], "10.0.0.1", "https://a.example"),
        Case(["X-Forwarded-Proto: gopher"], "10.0.0.1", "http://a.example"),
        Case(["X-Forwarded-Proto: gopher"], "10.0.0.1", "https://a.example", isTLS: true),
        Case(["X-Forwarded-Proto: http"], "10.0.0.1", "http://a.example", isTLS: true),
        Case(["X-Forwarded-Host: b.example"], "10.0.0.1", "http://b.example"),
        Case(["X-Forwarded-Host: b.example:8443", "X-Forwarded-Proto: https"], "10.0.0.1", "https://b.example:8443"),
        Case(["X-Forwarded-Host: b.example", "X-Forwarded-Port: 8443"], "10.0.0.1", "http://b.example:8443"),
        Case(["X-Forwarded-Host: b.example:1", "X-Forwarded-Port: 2"], "10.0.0.1", "http://b.example:1"),
        Case(["X-Forwarded-Proto: https", "X-Forwarded-Port: 443"], "10.0.0.1", "https://a.example"),
        Case(["X-Forwarded-Port: 99999"], "10.0.0.1", "http://a.example"),
        Case(["X-Forwarded-Host: a b"], "10.0.0.1"),
        // Lists belong together from their ends.
        Case(
            ["X-Forwarded-For: 1.1.1.1, 192.0.2.1", "X-Forwarded-Proto: https, http"], "192.0.2.1", "http://a.example"),
        Case(
            ["X-Forwarded-For: 192.0.2.1, 10.0.0.2", "X-Forwarded-Proto: https, http"], "192.0.2.1", "https://a.example"
        ),
        Case(["X-Forwarded-For: 192.0.2.1, 10.0.0.2", "X-Forwarded-Proto: https"], "192.0.2.1", "https://a.example"),
        // The other kind says nothing.
        Case(["Forwarded: for=192.0.2.1;proto=https"], "10.0.0.1"),
    ]

    static let forwarded: [Case] = [
        Case(["Forwarded: for=192.0.2.1"], "192.0.2.1", "http://a.example"),
        Case(
            ["Forwarded: For=\"[2001:db9::1]:4711\";Proto=https;by=_x;host=b.example"], "2001:db9::1",
            "https://b.example"),
        Case(["Forwarded: for=1.1.1.1;proto=https, for=192.0.2.1;proto=http"], "192.0.2.1", "http://a.example"),
        Case(
            ["Forwarded: for=192.0.2.1;proto=https;host=\"b.example:44\"", "Forwarded: for=10.0.0.2;proto=http"],
            "192.0.2.1", "https://b.example:44"),
        Case(["Forwarded: for = 192.0.2.1"], "10.0.0.1"),
        Case(["Forwarded: for=_hidden"], nil, "http://a.example"),
        Case(["Forwarded: for=unknown;proto=https"], nil, "https://a.example"),
        Case(["Forwarded: proto=https"], "10.0.0.1", "https://a.example"),
        Case(["Forwarded: for=192.0.2.1; proto=https ;"], "192.0.2.1", "https://a.example"),
        Case(["Forwarded: for=1.1.1.1;for=192.0.2.1"], "10.0.0.1"),
        Case(["Forwarded: for=\"192.0.2.1"], "10.0.0.1"),
        Case(["X-Forwarded-For: 192.0.2.1"], "10.0.0.1"),
        Case(["Forwarded: for=192.0.2.1"], "203.0.113.9", peer: "203.0.113.9"),
    ]

    @Test(arguments: xForwarded) func `believes X-Forwarded of trusted proxies only (S5) (S11)`(this: Case) throws {
        let findings = try Self.judge(this)
        #expect(findings.clientAddress?.host.replacing("::ffff:", with: "") == this.client)
        #expect(findings.externalOrigin?.description == this.origin)
    }

    @Test(arguments: forwarded) func `believes Forwarded of trusted proxies only (S5) (S11)`(this: Case) throws {
        var this = this
        this.headers = .forwarded
        let findings = try Self.judge(this)
        #expect(findings.clientAddress?.host == this.client)
        #expect(findings.externalOrigin?.description == this.origin)
    }

    @Test func `is not trapped by any forwarded header (S11)`() throws {
        var random = SplitMix(seed: 3)
        let pieces = [
            "for=", "proto=", "host=", ";", ",", "\"", "\\", "[", "]", ":", "10.0.0.1", "::1", "%", " ", "https", "=",
            "é",
        ]
        for _ in 0..<5_000 {
            let text = (0..<Int(random.next() % 20)).map { _ in pieces[Int(random.next() % UInt64(pieces.count))] }
                .joined()
            for name in ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port"] {
                _ = try Self.judge(
                    Case(["\(name): \(text)"], nil, headers: name == "Forwarded" ? .forwarded : .xForwarded))
            }
        }
    }
}
