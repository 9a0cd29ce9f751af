// swift-format-ignore-file: NeverForceUnwrap

import HTTPTypes
import HansomHTTP
import Testing
import WSProtocol

@testable import WSClient

/// Where redirects lead, and what goes along.
@Suite(.timeLimit(.minutes(2))) struct HopTests {
    private func follow(
        _ location: String, from url: String = "wss://a.example/x/y?q", _ rules: Redirects = .init()
    ) throws -> Hop {
        var tls = TLSClientOptions()
        tls.serverName = "inner.example"
        tls.identity = .pem(certificateChain: [1], privateKey: [2])
        let headers: HTTPFields = [
            .authorization: "Bearer secret", .cookie: "a=1", .origin: "https://o.example", .proxyAuthorization: "x",
            HTTPField.Name("X-Key")!: "mine",
        ]
        return try Hop(WebSocketURL(url), headers: headers, tls: tls).following(location, rules)
    }

    @Test(arguments: [
        ("wss://b.example/", "wss://b.example/"), ("https://b.example:8443/z", "https://b.example:8443/z"),
        ("//b.example/z", "wss://b.example/z"), ("/z?r", "wss://a.example/z?r"), ("z", "wss://a.example/x/z"),
        ("../z", "wss://a.example/z"), ("../../../z", "wss://a.example/z"), ("./", "wss://a.example/x/"),
        ("/a/./b/../c", "wss://a.example/a/c"), ("/a/..", "wss://a.example/"), ("?r=1", "wss://a.example/x/y?r=1"),
        ("", "wss://a.example/x/y?q"), ("#part", "wss://a.example/x/y?q"), ("/z#part", "wss://a.example/z"),
        ("/a:b", "wss://a.example/a:b"), ("z?u=../..", "wss://a.example/x/z?u=../.."),
    ])
    func `resolves what Location says (RFC 3986 section 5.2) (C5)`(location: String, target: String) throws {
        #expect(try follow(location).url.description == target)
    }

    @Test(arguments: [
        "ftp://b.example/", "javascript:alert(1)", "wss://", "wss://b.example/\r\nX: y", "/a b", "/ä",
        "wss://ä.example/",
        "wss://b.example:0/", "mailto:x",
    ])
    func `refuses a Location that no WebSocket can be opened at (C5) (T18)`(location: String) {
        #expect(throws: Hop.Objection.self) { try follow(location) }
    }

    @Test func `keeps everything within the origin (C5)`() throws {
        for location in ["/z", "wss://a.example:443/z", "https://A.example/z"] {
            let hop = try follow(location)
            #expect(hop.headers[.authorization] == "Bearer secret", "\(location)")
            #expect(hop.headers[.cookie] == "a=1")
            #expect(hop.tls.identity != nil)
            #expect(hop.tls.serverName == "inner.example")
        }
    }

    @Test(arguments: ["wss://b.example/", "wss://a.example:8443/", "//sub.a.example/", "wss://a.example.evil/"])
    func `leaves what proves who one is behind when it leaves the origin, for good (C5) (T22)`(location: String) throws
    {
        let hop = try follow(location)
        let back = try hop.following("wss://a.example/", .init())
        for hop in [hop, back] {
            #expect(hop.headers[.authorization] == nil)
            #expect(hop.headers[.cookie] == nil)
            #expect(hop.headers[.proxyAuthorization] == nil)
            #expect(hop.headers[.origin] == "https://o.example")
            #expect(hop.headers[HTTPField.Name("X-Key")!] == "mine")
            #expect(hop.tls.identity == nil)
            #expect(hop.tls.serverName == nil)
        }
    }

    @Test func `leaves the header fields behind that one calls private (C5) (T22)`() throws {
        var rules = Redirects()
        rules.privateHeaders = [HTTPField.Name("x-key")!]
        #expect(
            try follow("wss://b.example/", from: "wss://a.example/", rules).headers[HTTPField.Name("X-Key")!] == nil)
        #expect(try follow("/z", from: "wss://a.example/", rules).headers[HTTPField.Name("X-Key")!] == "mine")
    }

    @Test func `takes no user and password from a server (C5) (T22)`() throws {
        #expect(try follow("wss://user:password@b.example/").headers[.authorization] == nil)
        #expect(try follow("wss://user:password@a.example/").headers[.authorization] == "Bearer secret")
    }

    @Test func `goes from TLS to plain text only where that is allowed (C5) (T22)`() throws {
        #expect(throws: Hop.Objection.insecure) { try follow("ws://a.example/") }
        #expect(throws: Hop.Objection.insecure) { try follow("http://b.example/") }
        var rules = Redirects()
        rules.allowsInsecure = true
        #expect(try follow("ws://a.example/", from: "wss://a.example/", rules).headers[.authorization] == nil)
        #expect(try follow("wss://b.example/", from: "ws://a.example/").url.isSecure)
    }

    @Test func `lets no server send the client to a socket of this machine (C5)`() throws {
        #expect(throws: Hop.Objection.localSocket) { try follow("ws+unix:///run/docker.sock:/") }
        #expect(throws: Hop.Objection.localSocket) {
            try follow("ws+unix:///run/docker.sock:/", from: "ws+unix:///run/a.sock:/")
        }
        let hop = try follow("/z", from: "ws+unix:///run/a.sock:/x")
        #expect(hop.url.unixPath == "/run/a.sock")
        #expect(hop.url.target == "/z")
        #expect(hop.headers[.authorization] != nil)
        // The same host and port, and yet somebody else.
        #expect(try follow("ws://localhost/", from: "ws+unix:///run/a.sock:/x").headers[.authorization] == nil)
    }

    @Test(arguments: [
        (301, true), (302, true), (303, true), (307, true), (308, true), (300, false), (304, false), (401, false),
    ])
    func `knows a redirect by its status (C5)`(status: Int, isRedirect: Bool) {
        let head = ResponseHead(status: status, fields: [.location: "/z"])
        #expect((Hop.location(of: head) != nil) == isRedirect)
        #expect(Hop.location(of: ResponseHead(status: status, fields: [:])) == nil)
    }

    @Test func `says the Host that it was told, until it leaves for another origin (C2, C5)`() throws {
        let first = Hop(try WebSocketURL("ws://a.example/"), headers: [:], tls: .init(), hostHeader: "b.example")
        #expect(try first.following("/x", .init()).hostHeader == "b.example")
        #expect(try first.following("ws://c.example/", .init()).hostHeader == nil)
    }

    @Test func `finds an address by its zone, and does not send that (C1)`() throws {
        let hop = Hop(try WebSocketURL("ws://[fe80::1%25eth0]:81/"), headers: [:], tls: .init())
        #expect("\(hop.place)" == "[fe80::1%eth0]:81")
        #expect(hop.url.hostHeader == "[fe80::1]:81")
        #expect(throws: Hop.Objection.self) { try hop.following("ws://[fe80::1%25eth1]/", .init()) }
        #expect(throws: WebSocketError.self) {
            try ProxyChoice.through(Proxy(.http, host: "p.example")).proxy(for: hop.url)
        }
    }
}
