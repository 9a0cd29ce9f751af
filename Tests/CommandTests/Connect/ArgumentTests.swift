import ArgumentParser
import Testing
import WSClient
import WSServer

@testable import hansom

@Suite(.timeLimit(.minutes(2))) struct ArgumentTests {
    private func options(_ arguments: String...) throws -> ConnectOptions {
        try Connect.parse(["ws://127.0.0.1/"] + arguments).options
    }

    @Test func `turns the command line into options (C2)`() throws {
        let options = try options(
            "-H", "X-One:  1", "--header", "X-One: 2", "--origin", "https://a.example", "-s", "b", "--subprotocol", "a",
            "--timeout", "3", "--ping-interval", "0.5", "--cert", "c.pem", "--key", "k.pem", "--ca", "a.pem",
            "--max-head-line", "16384", "--max-head-lines", "7", "--max-head-size", "100000")
        #expect(options.headers[values: .init("X-One")!] == ["1", "2"])
        #expect(options.headers[.origin] == "https://a.example")
        #expect(options.subprotocols == ["b", "a"])
        #expect(options.headLimits == HeadLimits(maxLineBytes: 16384, maxLines: 7, maxHeadBytes: 100_000))
        #expect(options.connectTimeout == .seconds(3))
        #expect(options.pingInterval == .milliseconds(500))
        #expect(options.tls.identity == .files(certificateChain: "c.pem", privateKey: "k.pem"))
        #expect(options.tls.trustRoots == .file("a.pem"))
    }

    @Test func `leaves alone what is not said`() throws {
        let (options, defaults) = (try options(), ConnectOptions())
        #expect(options.connectTimeout == defaults.connectTimeout)
        #expect(options.pingInterval == defaults.pingInterval)
        #expect(options.proxy == .environment)
        #expect(options.tls == defaults.tls)
        #expect(options.headers.isEmpty && options.headLimits == HeadLimits())
    }

    @Test func `finds the key beside its certificate, and no proxy or ping if told so`() throws {
        let options = try options("--cert", "both.pem", "--proxy", "none", "--ping-interval", "never")
        #expect(options.tls.identity == .files(certificateChain: "both.pem", privateKey: "both.pem"))
        #expect(options.proxy == .none)
        #expect(options.pingInterval == nil)
    }

    @Test func `takes a proxy with its credentials (C6)`() throws {
        let expected = Proxy(.socks5, host: "::1", port: 1081, credentials: .init(user: "u", password: "p"))
        #expect(try options("--proxy", "socks5://u:p@[::1]:1081").proxy == .through(expected))
    }

    @Test func `knows when the conversation is over`() throws {
        let parting = { (arguments: [String]) in try Connect.parse(["ws://a/"] + arguments).talk.parting }
        #expect(try parting([]) == .silence(.milliseconds(500)))
        #expect(try parting(["--timeout", "2"]) == .silence(.seconds(2)))
        #expect(try parting(["--timeout", "2", "--wait", "3"]) == .after(.seconds(3)))
    }

    @Test func `makes messages of what is to be sent`() async throws {
        let script = { (arguments: [String]) in try await Connect.parse(["ws://a/"] + arguments).talk.script() }
        #expect(try await script([]) == nil)
        #expect(try await script(["-x", "a", "--execute", ""]) == [.text("a"), .text("")])
        #expect(try await script(["-bx", "ä"]) == [.binary([0xC3, 0xA4])])
        #expect(try await script(["-x", "a\\n"]) == [.text("a\\n")])
        #expect(try await script(["-e", "-x", "a\\n\\0\\\\n"]) == [.text("a\n\0\\n")])
    }

    @Test func `takes what a connection is granted, and where it really goes (W15, C7)`() async throws {
        let options = try options(
            "--max-message-size", "5", "--deflate", "--close-timeout", "0.5", "--host", "b.example:81", "--resolve",
            "A.example:80:192.0.2.1", "--resolve", "a.example:80:[::1]")
        #expect(options.limits.messageSize == 5 && options.compression != nil)
        #expect(options.closeTimeout == .milliseconds(500))
        #expect(options.hostHeader == "b.example:81")
        let found = try await options.resolver?("a.example", 80).map { "\($0)" }
        #expect(found == ["192.0.2.1:80", "[::1]:80"])
        #expect(try self.options("-H", "host: c.example").hostHeader == "c.example")
        #expect(try self.options("-H", "host: c.example").headers.isEmpty)
    }

    @Test(arguments: [
        ("plain", "plain"), (#"a\nb\r\t"#, "a\nb\r\t"), (#"\0"#, "\0"), (#"\\n"#, #"\n"#), (#"\x41\u{1F600}"#, "A😀"),
        (#"\u{0}"#, "\0"), (#"\"#, nil), (#"\q"#, nil), (#"\x4"#, nil), (#"\x+4"#, nil), (#"\u{D800}"#, nil),
        (#"\u{110000}"#, nil), (#"\u{}"#, nil), (#"\u41"#, nil), (#"\xFF"#, nil), (#"\u{0000041}"#, nil),
    ])
    func `reads escapes`(text: String, message: String?) {
        let form = MessageForm(hasEscapes: true)
        guard let message else {
            _ = #expect(throws: CommandFailure.self) { try form.message(text) }
            return
        }
        #expect((try? form.message(text)) == .text(message))
    }

    @Test func `reads escapes of bytes that are no text`() throws {
        let form = MessageForm(isBinary: true, hasEscapes: true)
        #expect(try form.message(#"\xFFa"#) == .binary([0xFF, 0x61]))
        #expect(try form.message(line: [0xFE] + Array(#"\0"#.utf8)) == .binary([0xFE, 0]))
    }

    @Test func `bounds how far a message inflates, where messages are compressed (W15)`() throws {
        #expect(try options("--deflate", "--max-inflation-ratio", "50").limits.inflationRatio == 50)
        #expect(throws: (any Error).self) { try options("--max-inflation-ratio", "50") }
        for wrong in ["0", "1033"] {
            #expect(throws: (any Error).self) { try options("--deflate", "--max-inflation-ratio", wrong) }
        }
        let settings = { (arguments: [String]) in try ServeOptions.parse(arguments).settings() }
        #expect(try settings(["--deflate", "--max-inflation-ratio", "50"]).options.limits.inflationRatio == 50)
        #expect(try settings(["--deflate"]).options.limits.inflationRatio == nil)
        #expect(throws: (any Error).self) { try settings(["--max-inflation-ratio", "50"]) }
        #expect(throws: (any Error).self) { try settings(["--deflate", "--max-inflation-ratio", "1033"]) }
    }
}
