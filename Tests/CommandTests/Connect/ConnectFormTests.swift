import Foundation
import Glibc
import Testing
import WSClient
import WSServer

/// What `hansom connect` sends and prints besides lines, and how it gets there.
@Suite(.timeLimit(.minutes(2))) struct ConnectFormTests {
    private func withFile(_ bytes: [UInt8], _ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hansom-\(UUID().uuidString)")
        try Data(bytes).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        try await body(path.path)
    }

    @Test func `sends a whole file as one message, and prints messages as they are when told to`() async throws {
        let frame = Array("SEND\r\n\nline one\nline \\two\n\0".utf8)
        try await withFile(frame) { path in
            try await CommandRun.serving("echo", "--port", "0") { _, url in
                let shown = await (try CommandRun("connect", url, "--file", path)).finished()
                #expect(shown.output == ["SEND\\r\\n\\nline one\\nline \\two\\n\\u{0}"])
                let raw = try Spawned(
                    CommandRun.executable.path, ["connect", url, "--raw", "-0", "--file", path, "-x", "first\u{1B}"])
                let output = try raw.output.readToEnd()
                #expect(raw.waitForEnd() == 0)
                #expect(output == Data(Array("first\u{1B}\0".utf8) + frame + [0]))
                let bytes = await
                    (try CommandRun(arguments: ["connect", url, "-b", "--file", "-"], input: Data([1, 10, 0, 255])))
                    .finished()
                #expect(bytes.output == ["binary, 4 bytes: 01 0a 00 ff"])
                let none = await (try CommandRun("connect", url, "--file", path + ".not")).finished()
                #expect(none.code == 1 && none.errors.first?.contains(path + ".not") == true)
            }
        }
    }

    @Test func `takes lines that end in CR LF, messages between NULs, and escapes`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let lines = await (try CommandRun("connect", url, input: "a\r\n\r\nb\\n\r\n")).finished()
            #expect(lines.output == ["a", "", "b\\n"])
            let parts = await (try CommandRun("connect", url, "-0", input: "a\nb\0c\r\n\0")).finished()
            #expect(parts.output == ["a\\nb", "c\\r\\n"])
            let escaped = await (try CommandRun("connect", url, "-e", "--raw", "-0", input: #"a\x41"# + "\0"))
                .finished()
            #expect(escaped.output == ["aA\0"])
            let typed = await (try CommandRun("connect", url, "-e", input: #"x\ny\0"# + "\n")).finished()
            #expect(typed.output == ["x\\ny\\u{0}"])
        }
    }

    @Test func `offers compression, and takes messages of the size that it is told (W15, W17)`() async throws {
        let text = String(repeating: "a", count: 100)
        try await CommandRun.serving("echo", "--port", "0", "--deflate") { _, url in
            let run = await (try CommandRun("connect", url, "-v", "--deflate", "-x", text)).finished()
            #expect(run.output == [text])
            #expect(
                run.errors.contains {
                    $0.hasPrefix("< sec-websocket-extensions: permessage-deflate")
                        || $0.hasPrefix("< Sec-WebSocket-Extensions: permessage-deflate")
                })
            let small = await (try CommandRun("connect", url, "--max-message-size", "99", "-x", text)).finished()
            #expect(small.code == 1)
            #expect(
                small.errors.first?.contains("message of 100 bytes > limits.messageSize 99") == true, "\(small.errors)")
        }
    }

    @Test func `goes where it is told to, and says the Host that it is told (C7)`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in
            try await ws.send(.text(ws.request?.headers[.init("Host")!] ?? "none"))
        }
        let port = server.address.port ?? 0
        let resolved = await
            (try CommandRun(
                "connect", "ws://a.invalid:\(port)/", "--resolve", "a.invalid:\(port):127.0.0.1", "--proxy", "none"))
            .finished()
        #expect(resolved.output == ["a.invalid:\(port)"], "\(resolved.errors)")
        let named = await (try CommandRun("connect", "ws://127.0.0.1:\(port)/", "--host", "b.example")).finished()
        #expect(named.output == ["b.example"])
        let bad = await (try CommandRun("connect", "ws://127.0.0.1:\(port)/", "--host", "b example")).finished()
        #expect(bad.code == 1 && bad.output == [])
        await server.forceClose()
    }

    @Test func `takes secrets from a file and from the environment (T18)`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in
            let fields = ws.request?.headers
            try await ws.send(.text("\(fields?[.authorization] ?? "-"), \(fields?[.cookie] ?? "-")"))
        }
        try await withFile(Array("Authorization: Bearer one\r\n\nCookie: a=b\n".utf8)) { path in
            let run = await (try CommandRun("connect", "ws://\(server.address)", "-H", "@\(path)")).finished()
            #expect(run.output == ["Bearer one, a=b"])
        }
        try await withFile(Array("Authorization: x\nsecret without a colon\n".utf8)) { path in
            let run = await (try CommandRun("connect", "ws://\(server.address)", "-H", "@\(path)")).finished()
            #expect(run.code == 64)
            #expect(
                run.errors.first?.contains("\(path), line 2") == true && run.errors.first?.contains("secret") == false)
        }
        let run = await
            (try CommandRun(
                arguments: ["connect", "ws://\(server.address)"], input: nil,
                variables: ["HANSOM_HEADERS=Authorization: Basic two"])).finished()
        #expect(run.output == ["Basic two, -"])
        await server.forceClose()
    }

    @Test func `shows what a server that refuses says (C3)`() async throws {
        var routes = Routes()
        routes.get("/") { _ in
            ServerResponse(status: .init(code: 403), text: "not\nhere:\u{1B} " + String(repeating: "x", count: 300))
        }
        let server = try await WebSocketServer.listen(port: 0, routes: routes)
        let url = "ws://\(server.address)/"
        let run = await (try CommandRun("connect", url)).finished()
        let line = try #require(run.errors.first)
        #expect(run.code == 1 && run.errors.count == 1)
        #expect(
            line.contains(" instead of 101: not here:\\u{1B} xxx") && line.hasSuffix("xxx...") && line.utf8.count < 400)
        let verbose = await (try CommandRun("connect", url, "-v")).finished()
        #expect(verbose.errors.contains("< not") && verbose.errors.contains { $0.hasPrefix("< here:\\u{1B}") })
        let json = await (try CommandRun("connect", url, "--json")).finished()
        #expect(json.output.first?.contains(#""body":"not\nhere:\u001b xxx"#) == true)
        await server.forceClose()
    }

    @Test func `says which version it is`() async throws {
        let run = await (try CommandRun("--version")).finished()
        #expect(run.code == 0 && run.output.first?.hasPrefix("hansom ") == true && run.output.count == 1)
    }

    @Test func `does not print raw on a terminal (T36)`() async throws {
        let run = try TerminalRun(arguments: ["connect", "ws://127.0.0.1:9/", "--raw"])
        #expect(await run.finished() == 64)
    }
}
