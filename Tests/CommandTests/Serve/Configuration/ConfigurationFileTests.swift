import Testing
import WSServer

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct ConfigurationFileTests {
    private func read(_ text: String) throws -> ConfigurationFile {
        try ConfigurationFile(try ConfigurationParser.parse(Array(text.utf8)), folder: "/etc/app/")
    }

    @Test func `takes defaults for what is not said`() throws {
        let settings = try read(#"{"routes": {"/": "echo"}}"#).settings
        #expect(settings.places == [ServePlace(kind: .tcp(host: "127.0.0.1", port: 8080))])
        #expect(settings.workers == nil && settings.metrics == nil && settings.accessLog == nil)
        #expect(settings.options.limits.messageSize == WebSocket.Limits().messageSize)
        #expect(settings.options.idleTimeout == ServerOptions().idleTimeout)
    }

    @Test func `reads places, and TLS with paths relative to its folder (S1, S8)`() throws {
        let settings = try read(
            #"""
            {"listen": [{"port": 80}, {"host": "::", "port": 443, "tls": {"certificate": "c.pem", "key": "/k.pem",
             "minimumVersion": "1.3", "clientAuthority": "ca.pem", "names": {"a.example": {"certificate": "a", "key": "b"}}}},
             {"unix": "/run/app.sock"}], "routes": {"/": "echo"}}
            """#
        ).settings
        #expect(
            settings.places.map(\.kind) == [
                .tcp(host: "127.0.0.1", port: 80), .tcp(host: "::", port: 443), .unix(path: "/run/app.sock"),
            ])
        let tls = try #require(settings.places[1].tls)
        #expect(tls.identity == .files(certificateChain: "/etc/app/c.pem", privateKey: "/k.pem"))
        #expect(tls.minimumVersion == .tls13)
        #expect(tls.clientCertificates == .required(.file("/etc/app/ca.pem")))
        #expect(tls.identitiesByServerName["a.example"]?.privateKey == .file("/etc/app/b"))
        #expect(settings.canReload)
    }

    @Test func `reads limits and times (W13, W15, S3, S24)`() throws {
        let options = try read(
            #"""
            {"limits": {"messageSize": 10, "fragments": 2, "connections": 3, "connectionsPerPeer": 4, "outboundBytes": 100,
             "inflationRatio": 100, "bodySize": 0, "headLine": 5, "headLines": 6, "headSize": 7, "totalBytes": 5000000}, "timeouts": {"handshake": 1.5, "idle": null, "message": 2}, "routes": {"/": "echo"}}
            """#
        ).settings.options
        #expect(
            options.limits.messageSize == 10 && options.limits.fragments == 2 && options.limits.inflationRatio == 100)
        #expect(options.limits.outboundHighWater == 100 && options.limits.outboundLowWater == 50)
        #expect(options.maxConnections == 3 && options.maxConnectionsPerPeer == 4 && options.maxBodySize == 0)
        #expect(options.totalBytes == 5_000_000)
        #expect(options.headLimits == HeadLimits(maxLineBytes: 5, maxLines: 6, maxHeadBytes: 7))
        #expect(options.handshakeTimeout == .seconds(1.5) && options.messageTimeout == .seconds(2))
        #expect(options.idleTimeout == nil)
        #expect(options.writeTimeout == ServerOptions().writeTimeout)
    }

    @Test func `reads whom to trust, and what to say of itself (S5, S11, S13)`() throws {
        let settings = try read(
            #"""
            {"proxyProtocol": ["10.0.0.0/8"], "trustedProxies": ["::1", "unix"], "metrics": "[::1]:9100",
             "accessLog": {"file": "access.log", "format": "json"}, "inspect": "app.top", "workers": 3, "schedulers": 1,
             "deflate": true, "routes": {"/": "echo"}}
            """#
        ).settings
        #expect(settings.options.proxyProtocol == [try IPRange("10.0.0.0/8")])
        #expect(settings.options.trustedProxies == [try IPRange("::1"), .unixSockets])
        #expect(settings.metrics == ServePlace(kind: .tcp(host: "::1", port: 9100)))
        #expect(settings.accessLog == .init(path: "/etc/app/access.log", format: .json))
        #expect(settings.inspect == "/etc/app/app.top")
        #expect(settings.workers == 3 && settings.schedulers == 1)
        #expect(settings.options.compression != nil)
    }

    @Test func `reads what stands where`() throws {
        let file = try read(
            #"""
            {"routes": {"/a": "echo", "/b/:room": "chat", "/c": "health", "/d": "readiness", "/e": "metrics",
             "/f": {"file": "page.html"}, "/g": {"file": "/data", "contentType": "text/css"}}}
            """#)
        #expect(file.routes.map(\.path) == ["/a", "/b/:room", "/c", "/d", "/e", "/f", "/g"])
        #expect(
            file.routes.map(\.setting) == [
                .echo, .chat, .health, .readiness, .metrics, .file(path: "/etc/app/page.html", contentType: nil),
                .file(path: "/data", contentType: "text/css"),
            ])
    }

    @Test(arguments: [
        (#"[]"#, "an object is wanted"), (#"{}"#, "routes are missing"), (#"{"routes": {}}"#, "routes are missing"),
        (#"{"limts": {}}"#, "limts is no setting; allowed are listen"),
        (#"{"listen": []}"#, "a list of objects"), (#"{"listen": {"port": 1}}"#, "a list of objects"),
        (#"{"listen": [{"prt": 1}]}"#, "listen[0].prt is no setting; allowed are host, port, unix, tls"),
        (#"{"listen": [{"port": 65536}]}"#, "listen[0].port is 65536; 0 to 65535 are allowed"),
        (#"{"listen": [{"port": "80"}]}"#, #"listen[0].port is "80""#),
        (#"{"listen": [{"unix": "/a", "port": 1}]}"#, "either this or host and port"),
        (#"{"listen": [{"tls": {"key": "k"}}]}"#, "listen[0].tls.certificate is missing"),
        (#"{"listen": [{"tls": {"certificate": "c", "key": "k", "minimumVersion": "1.1"}}]}"#, #""1.2" and "1.3""#),
        (#"{"limits": {"messageSize": 0}}"#, "limits.messageSize is 0"),
        (#"{"limits": {"messageSize": 1.5}}"#, "limits.messageSize is 1.5"),
        (#"{"limits": {"messageSize": 1e300}}"#, "limits.messageSize"),
        (#"{"limits": {"inflationRatio": 1033}}"#, "limits.inflationRatio is 1033; 1 to 1032 are allowed"),
        (#"{"timeouts": {"handshake": null}}"#, "timeouts.handshake is null"),
        (#"{"timeouts": {"idle": -1}}"#, "timeouts.idle is -1"),
        (#"{"deflate": 1}"#, "true or false"), (#"{"workers": 0}"#, "1 to 1024"),
        (#"{"origins": "all"}"#, #""same", "any""#), (#"{"origins": [1]}"#, "a list of texts"),
        (#"{"proxyProtocol": ["10.0.0.0/33"]}"#, "proxyProtocol"),
        (#"{"metrics": "here"}"#, "HOST:PORT"), (#"{"accessLog": {"format": "json"}}"#, "accessLog.file is missing"),
        (#"{"accessLog": {"file": "a", "format": "xml"}}"#, #""combined" and "json""#),
        (#"{"routes": {"/": "ehco"}}"#, #"routes["/"] is "ehco""#),
        (#"{"routes": {"/": {"fiel": "a"}}}"#, #"routes["/"].fiel is no setting; allowed are file, contentType"#),
    ])
    func `says which setting is wrong, and what is allowed`(text: String, part: String) throws {
        let error = #expect(throws: CommandFailure.self) { try read(text) }
        #expect(error?.message.contains(part) == true, "\(error?.message ?? "")")
    }

    @Test(arguments: [
        #"{"workers": 2, "routes": {"/": "chat"}}"#, #"{"workers": 2, "routes": {"/": "metrics"}}"#,
        #"{"workers": 2, "listen": [{"unix": "/a"}], "routes": {"/": "echo"}}"#,
        #"{"workers": 2, "inspect": "/a", "routes": {"/": "echo"}}"#,
    ])
    func `says what workers cannot do`(text: String) throws {
        let file = try read(text)
        #expect(throws: CommandFailure.self) { try file.check() }
    }

    @Test(arguments: [
        ("9100", ServePlace(kind: .tcp(host: "127.0.0.1", port: 9100))),
        ("localhost:0", ServePlace(kind: .tcp(host: "localhost", port: 0))),
        ("[::1]:80", ServePlace(kind: .tcp(host: "::1", port: 80))),
        ("unix:/run/a", ServePlace(kind: .unix(path: "/run/a"))),
        ("unix:", nil), (":80", nil), ("host:", nil), ("65536", nil), ("-1", nil), ("", nil),
    ])
    func `reads a place in one word`(word: String, place: ServePlace?) { #expect(ServePlace(word: word) == place) }
}
