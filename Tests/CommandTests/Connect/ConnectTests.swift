import Foundation
import Testing
import WSServer

@Suite(.timeLimit(.minutes(2))) struct ConnectTests {
    @Test(arguments: ["echo", "echo --sync", "echo --view"])
    func `sends each line of a pipe and prints every answer`(service: String) async throws {
        let server = try CommandRun(
            arguments: ["serve"] + service.split(separator: " ").map { String($0) } + ["--port", "0"], input: nil)
        let url = try await server.address()
        let lines = ["hi", "", "Grüße, 世界", "no line end"]
        let run = await (try CommandRun("connect", url, input: lines.joined(separator: "\n"))).finished()
        #expect(run.code == 0)
        #expect(run.output == lines)
        #expect(run.errors == ["closed with 1000"])
        server.signal(SIGTERM)
        #expect(await server.finished().code == 0)
    }

    @Test func `carries more than buffers hold through a pipe`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let lines = (0..<20_000).map { "line \($0)" } + [String(repeating: "long ", count: 100_000)]
            let run = await (try CommandRun("connect", url, input: lines.joined(separator: "\n") + "\n")).finished()
            #expect(run.code == 0)
            #expect(run.output == lines)
        }
    }

    @Test func `talks line by line while both ends stay open`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let run = try CommandRun("connect", url)
            for line in ["one", "two"] {
                try await run.write("\(line)\n")
                #expect(await run.nextLine() == line)
            }
            try await run.endInput()
            #expect(await run.finished().code == 0)
        }
    }

    @Test func `escapes what a terminal would act on, bytes too (T36)`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in
            try await ws.send(.text("\u{1B}[2J\u{9B}1m\u{202E}\r\nend"))
            try await ws.send(.binary([0x1B, 0x5B]))
            try await ws.close(code: .normal, reason: "bye\u{1B}[0m")
        }
        let run = await (try CommandRun("connect", "ws://\(server.address)")).finished()
        #expect(run.code == 0)
        #expect(run.output == ["\\u{1B}[2J\\u{9B}1m\\u{202E}\\r\\nend", "binary, 2 bytes: 1b 5b"])
        #expect(run.errors == ["closed with 1000 \"bye\\u{1B}[0m\""])
        await server.forceClose()
    }

    @Test func `sends headers and offers subprotocols (C2)`() async throws {
        var options = ServerOptions()
        options.subprotocols = .preferring(["b", "a"])
        let server = try await WebSocketServer.listen(port: 0, options: options) { ws in
            let agent = ws.request?.headers[.userAgent] ?? "none"
            try await ws.send(.text("\(agent), \(ws.subprotocol ?? "none")"))
        }
        let run = await
            (try CommandRun(
                "connect", "ws://\(server.address)", "-H", "User-Agent: test: 1", "-s", "a", "--subprotocol", "b"))
            .finished()
        #expect(run.output == ["test: 1, b"])
        await server.forceClose()
    }

    @Test func `believes the authorities given, or anyone when told so (C8)`() async throws {
        let files = try Certificates()
        try await CommandRun.serving(
            "echo", "--port", "0", "--tls-cert", files.certificate, "--tls-key", files.key
        ) { _, url in
            for trust in [["--ca", files.certificate], ["--insecure"]] {
                let run = await (try CommandRun(arguments: ["connect", url] + trust, input: Data("hi\n".utf8)))
                    .finished()
                #expect(run.code == 0)
                #expect(run.output == ["hi"])
            }
            let stranger = await (try CommandRun("connect", url, input: "hi\n")).finished()
            #expect(stranger.code == 1)
            #expect(stranger.errors.count == 1)
            #expect(stranger.errors.first?.contains("certificate") == true)
        }
    }

    @Test func `fails when the server closes for a failure (W9)`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in
            try await ws.close(code: CloseCode(rawValue: 4001), reason: "no more\nof this")
        }
        let run = await (try CommandRun("connect", "ws://\(server.address)")).finished()
        #expect(run.code == 1)
        #expect(run.errors == ["hansom: the connection was closed with 4001 \"no more of this\""])
        await server.forceClose()
    }

    @Test func `ends with 0 when the server goes away in good order (S9)`() async throws {
        let server = try CommandRun("serve", "echo", "--port", "0")
        let client = try CommandRun("connect", try await server.address())
        try await client.write("hello\n")
        #expect(await client.nextLine() == "hello")
        server.signal(SIGTERM)
        let run = await client.finished()
        #expect(run.code == 0)
        #expect(run.errors == ["closed with 1001"])
        #expect(await server.finished().code == 0)
    }

    @Test(arguments: [SIGTERM, SIGINT])
    func `tells the server 1001 at a signal`(signal: Int32) async throws {
        let (codes, told) = AsyncStream<CloseCode?>.makeStream()
        let server = try await WebSocketServer.listen(port: 0) { ws in
            try await ws.send(.text("welcome"))
            _ = try? await ws.recv()
            told.yield(ws.closeCode)
        }
        let client = try CommandRun("connect", "ws://\(server.address)")
        #expect(await client.nextLine() == "welcome")
        client.signal(signal)
        #expect(await codes.first { _ in true } == .goingAway)
        #expect(await client.finished().code == 128 + signal)
        await server.forceClose()
    }

    @Test func `sends what it could read, and names the line that is not text`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let run = await (try CommandRun(arguments: ["connect", url], input: Data("ok\n".utf8) + [0xFF, 0x0A]))
                .finished()
            #expect(run.code == 1)
            #expect(run.errors.count == 1)
            #expect(run.errors.first?.hasPrefix("hansom: line 2 of the input is not UTF-8") == true)
        }
    }

    @Test func `ends when nobody reads its output`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in
            while true { try await ws.send(.text("more")) }
        }
        let script = "\"$0\" connect \"$1\" --timeout 30 </dev/null 2>/dev/null | head -n 1"
        let shell = try Spawned("/bin/sh", ["-c", script, CommandRun.executable.path, "ws://\(server.address)"])
        let (lines, line) = AsyncStream<Data>.makeStream()
        Thread.detachNewThread {
            line.yield((try? shell.output.readToEnd()) ?? Data())
            _ = shell.waitForEnd()
            line.finish()
        }
        for await line in lines { #expect(line == Data("more\n".utf8)) }
        await server.forceClose()
    }
}
