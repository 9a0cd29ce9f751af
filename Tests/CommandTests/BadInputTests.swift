import Foundation
import Testing

/// What is wrong is said in one line on standard error, and by an exit code that is not 0.
@Suite(.timeLimit(.minutes(2))) struct BadInputTests {
    private func expectRefusal(
        _ arguments: [String], code: Int32, _ parts: String..., location: SourceLocation = #_sourceLocation
    ) async throws {
        let run = await (try CommandRun(arguments: arguments, input: Data())).finished()
        #expect(run.code == code, sourceLocation: location)
        #expect(run.output == [], sourceLocation: location)
        #expect(run.errors.count == 1, "\(run.errors)", sourceLocation: location)
        let line = run.errors.first ?? ""
        #expect(line.hasPrefix("hansom: "), sourceLocation: location)
        for part in parts { #expect(line.contains(part), "\(line)", sourceLocation: location) }
    }

    @Test(arguments: [
        (["serve", "echo", "--bogus"], "--bogus"),
        (["serve", "echo", "--port", "many"], "many"),
        (["serve", "echo", "--port", "65536"], "65535"),
        (["serve", "echo", "--schedulers", "0"], "--schedulers 0"),
        (["serve", "echo", "--max-message-size", "-1"], "--max-message-size"),
        (["serve", "echo", "--unix", "/tmp/a", "--port", "1"], "--unix"),
        (["serve", "echo", "--tls-cert", "a.pem"], "--tls-key"),
        (["serve", "chat", "--sync"], "--sync"), (["serve", "chat", "--view"], "--view"),
        (["serve"], "--config"),
        (["serve", "echo", "--metrics", "here"], "HOST:PORT"),
        (["serve", "echo", "--access-log-format", "json"], "--access-log"),
        (["serve", "echo", "--access-log-format", "xml", "--access-log", "a"], "xml"),
        (["serve", "echo", "--max-connections", "0"], "--max-connections 0"),
        (["serve", "echo", "--max-total-bytes", "0"], "--max-total-bytes 0"),
        (["serve", "chat", "--workers", "2"], "--workers"),
        (["serve", "echo", "--workers", "0"], "--workers 0"),
        (["serve", "echo", "--workers", "2", "--unix", "/tmp/a"], "Unix-domain"),
        (["serve", "echo", "--workers", "2", "--inspect", "/tmp/a"], "inspect"),
        (["connect"], "url"),
        (["connect", "ws://127.0.0.1/", "--ca", "a.pem", "--insecure"], "--ca"),
        (["connect", "ws://127.0.0.1/", "-H", "no colon"], "Name: value"),
        (["connect", "ws://127.0.0.1/", "-H", "bad name: x"], "Name: value"),
        (["connect", "ws://127.0.0.1/", "-H", "X: a\r\nY: b"], "RFC 9110"),
        (["connect", "ws://127.0.0.1/", "--timeout", "0"], "--timeout"),
        (["connect", "ws://127.0.0.1/", "--timeout", "nan"], "--timeout"),
        (["connect", "ws://127.0.0.1/", "--max-time", "0"], "--max-time"),
        (["connect", "ws://127.0.0.1/", "--ping-interval", "often"], "never"),
        (["connect", "ws://127.0.0.1/", "--key", "key.pem"], "--cert"),
        (["connect", "ws://127.0.0.1/", "--origin", "a", "-H", "origin: b"], "--origin"),
        (["connect", "ws://127.0.0.1/", "--origin", "a\nb"], "RFC 9110"),
        (["connect", "ws://127.0.0.1/", "--proxy", "gopher://proxy"], "gopher"),
        (["connect", "ws://127.0.0.1/", "--color", "blue"], "blue"),
        (["connect", "ws://127.0.0.1/", "--max-message-size", "0"], "--max-message-size 0"),
        (["connect", "ws://127.0.0.1/", "--close-timeout", "0"], "--close-timeout"),
        (["connect", "ws://127.0.0.1/", "--resolve", "a:1"], "HOST:PORT:ADDRESS"),
        (["connect", "ws://127.0.0.1/", "--resolve", "a:1:b"], "HOST:PORT:ADDRESS"),
        (["connect", "ws://127.0.0.1/", "--host", "a", "-H", "Host: b"], "--host"),
        (["connect", "ws://127.0.0.1/", "-H", "@/no/such/file"], "@/no/such/file: "),
        (["connect", "ws://127.0.0.1/", "-e", "-x", "\\q"], "escape"),
        (["connect", "ws://127.0.0.1/", "--raw", "--json"], "--raw"),
        (["connect", "ws://127.0.0.1/", "--file", "-", "--file", "-"], "--file"),
        (["connect", "ws://127.0.0.1/", "--proxy", "http://p:1/path"], "a path behind host and port"),
        (["serve", "echo", "-s", "a b"], "--subprotocol 'a b'"),
        (["bench", "echo", "ws://127.0.0.1/", "--connections", "0"], "--connections 0"),
        (["bench", "echo", "ws://127.0.0.1/", "--seconds", "-1"], "--seconds"),
        (["autobahn", "ws://127.0.0.1/", "--agent", "a b"], "--agent"),
        (["autobahn", "ws://127.0.0.1/", "--max-fragments", "0"], "--max-fragments"),
        (["connect", "ws://127.0.0.1/", "--max-head-line", "0"], "--max-head-line"),
        (["serve", "echo", "--max-head-lines", "-1"], "--max-head-lines"),
        (["serve", "echo", "--max-head-size", "99999999999"], "--max-head-size"),
        (["nonsense"], "nonsense"),
    ])
    func `refuses what the command line may not say`(arguments: [String], part: String) async throws {
        try await expectRefusal(arguments, code: 64, part)
    }

    @Test(arguments: [
        ("no url", "RFC 3986"), ("ftp://host/", "ftp"), ("ws://host:99999/", "99999"), ("ws://host/#part", "fragment"),
        ("ws://[fe80::1%eth0]/", "%25"), ("ws://me:sec/ret@host/", "percent-encoded"),
        ("ws://ho\u{1B}[31mst/", "URL"),
    ])
    func `refuses a URL that cannot be parsed (C1, T36)`(url: String, part: String) async throws {
        try await expectRefusal(["connect", url], code: 1, part)
        try await expectRefusal(["bench", "echo", url], code: 1, part)
    }

    @Test(arguments: [
        ["--proxy", "gopher://me:secret@p"], ["--proxy", "http://me:secret@p:99999"],
        ["--proxy", "http://me:se/cret@p"],
        ["--proxy", "http://me:secret@p/path"], ["-H", "Authorization secret"], ["-H", "X: secret\nY"],
    ])
    func `does not repeat a secret that it refuses (T18)`(options: [String]) async throws {
        let run = await (try CommandRun(arguments: ["connect", "ws://127.0.0.1/"] + options, input: Data())).finished()
        #expect(run.code == 64 && run.output == [])
        #expect(run.errors.count == 1)
        #expect(
            run.errors.first?.contains("cret") == false && run.errors.first?.contains(":se") == false, "\(run.errors)")
    }

    @Test func `says that a port is in use (S1)`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let port = url.split(separator: ":").last.map { String($0) } ?? ""
            try await expectRefusal(["serve", "echo", "--port", port], code: 1, "127.0.0.1:\(port) is in use")
        }
    }

    @Test func `says that nobody listens (C3)`() async throws {
        var free = ""
        try await CommandRun.serving("echo", "--port", "0") { _, url in free = url }
        try await expectRefusal(["connect", free], code: 1, "refused")
        try await expectRefusal(["bench", "echo", free], code: 1, "refused")
    }

    @Test func `says which certificate or key cannot be used (S8)`() async throws {
        let files = try Certificates()
        let none = files.folder.appendingPathComponent("none.pem").path
        try await expectRefusal(
            ["serve", "echo", "--port", "0", "--tls-cert", none, "--tls-key", files.key], code: 1, none)
        try await expectRefusal(
            ["serve", "echo", "--port", "0", "--tls-cert", files.certificate, "--tls-key", none], code: 1, none)
        try await expectRefusal(
            ["serve", "echo", "--port", "0", "--tls-cert", files.certificate, "--tls-key", files.otherKey], code: 1,
            files.otherKey, "does not belong")
        try await expectRefusal(
            ["serve", "echo", "--port", "0", "--tls-cert", files.key, "--tls-key", files.key], code: 1, files.key)
        try await CommandRun.serving(
            "echo", "--port", "0", "--tls-cert", files.certificate, "--tls-key", files.key
        ) { _, url in
            try await expectRefusal(["connect", url, "--ca", none], code: 1, none)
        }
    }

    @Test func `says that a Unix socket's path is too long (S1)`() async throws {
        try await expectRefusal(
            ["serve", "echo", "--unix", String(repeating: "x", count: 108)], code: 1, "108 bytes")
    }

    @Test func `says that a connect was not answered in time (C2)`() async throws {
        // Listens and never accepts: the kernel completes the connection, nobody answers the handshake.
        let silent = RawServer()
        try await expectRefusal(
            ["connect", silent.url, "--timeout", "0.2"], code: 1, "did not connect within", "handshake")
    }

    @Test func `says that the server refused (C3, S5)`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            try await expectRefusal(["connect", url, "-H", "Origin: https://elsewhere.example"], code: 1, "403")
        }
    }

    @Test func `says that the server went away in mid-message (W11)`() async throws {
        let server = RawServer()
        // The head of a text frame of 100 bytes, and three of them.
        server.serveOnce(then: [0x81, 100] + Array("abc".utf8))
        try await expectRefusal(["connect", server.url], code: 1, "ended the connection without a close")
    }
}
