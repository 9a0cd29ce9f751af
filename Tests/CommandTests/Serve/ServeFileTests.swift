import Foundation
import Testing
import WSClient

@Suite(.timeLimit(.minutes(2))) struct ServeFileTests {
    /// A file with this text, for as long as `body` runs.
    private func withFile(_ text: String, _ body: (String) async throws -> Void) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hansom-\(UUID().uuidString).json")
        try Data(text.utf8).write(to: path)
        defer { try? FileManager.default.removeItem(at: path) }
        try await body(path.path)
    }

    private static let example = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("../../../Examples/Configuration/hansom.json").standardizedFileURL.path

    @Test func `serves the example: a page, a chat, an echo, health and metrics (S7, S10, S13)`() async throws {
        let server = try CommandRun("serve", "--config", Self.example, "--port", "0", "--metrics", "0")
        let url = try await server.address()
        let metrics = try #require(await server.nextLine())
        let port = try #require(UInt16(url.split(separator: ":").last ?? ""))
        #expect(try PlainHTTP.get("/", port: port).contains("<title>Chat</title>"))
        #expect(try PlainHTTP.get("/health", port: port).hasSuffix("ok\n"))
        #expect(try PlainHTTP.get("/ready", port: port).hasPrefix("HTTP/1.1 200"))
        #expect(try PlainHTTP.get("/other", port: port).hasPrefix("HTTP/1.1 404"))

        let echo = try await WebSocket.connect(to: url + "/echo")
        try await echo.send(.text("hello"))
        #expect(try await echo.recv(timeout: .seconds(30)) == .text("hello"))
        let anna = try await WebSocket.connect(to: url + "/chat/lobby")
        let bert = try await WebSocket.connect(to: url + "/chat/lobby")
        // Both have subscribed once they answer.
        _ = try await (anna.ping(), bert.ping())
        try await anna.send(.text("hi"))
        #expect(try await bert.recv(timeout: .seconds(30)) == .text("hi"))
        #expect(metrics.hasPrefix("metrics on http://127.0.0.1:"))
        let numbers = try PlainHTTP.get(url: String(metrics.dropFirst("metrics on ".count)))
        #expect(numbers.contains("\nhansom_connections 3\n"))
        server.signal(SIGTERM)
        let end = await server.finished()
        #expect(end.code == 0)
        #expect(end.output == [] && CommandRun.complaints(in: end.errors) == [])
    }

    @Test func `stands in the guide as it is served`() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../..")
        let guide = try String(contentsOf: root.appendingPathComponent("GUIDE.md"), encoding: .utf8)
        #expect(guide.contains("```json\n\(try String(contentsOfFile: Self.example, encoding: .utf8))```"))
    }

    @Test func `says that a file can be served`() async throws {
        let run = await (try CommandRun("serve", "--config", Self.example, "--check")).finished()
        #expect(run.code == 0)
        #expect(run.output == ["\(Self.example) can be served"])
    }

    @Test(arguments: [
        (#"{"routes": {"/": "echo"}, "limts": {}}"#, "limts"), (#"{"routes": {"/": "\u001b[31m"}}"#, "\\u{1B}"),
        (#"{"routes": {"a": "echo"}}"#, "slash"), ("{", "line 2"),
        (#"{"routes": {"/": "echo"}, "origins": ["https://*.example.com"]}"#, "https://*.example.com"),
        (#"{"routes": {"/": "echo"}, "origins": ["https://example.com/"]}"#, "more than a scheme"),
        (#"{"routes": {"/": "echo"}, "subprotocols": ["a b"]}"#, "no token"),
        (#"{"routes": {"/": "echo"}, "allowedHosts": ["https://example.com"]}"#, "allowedHosts"),
        (#"{"routes": {"/": "echo"}, "timeouts": {"pingInterval": null, "ping": 5}}"#, "timeouts.ping"),
        (#"{"routes": {"/a/../b": "echo"}}"#, ".."),
        (#"{"routes": {"/": "echo"}, "listen": [{"port": 0, "tls": {"certificate": "none", "key": "none"}}]}"#, "none"),
    ])
    func `says what is wrong in a file, in one line (S16) (T36)`(text: String, part: String) async throws {
        try await withFile(text + "\n") { path in
            for options in [[], ["--check"]] {
                let run = await (try CommandRun(arguments: ["serve", "--config", path] + options, input: nil))
                    .finished()
                #expect(run.code != 0 && run.output == [])
                #expect(run.errors.count == 1 && run.errors.first?.contains(part) == true, "\(run.errors)")
                #expect(run.errors.first?.unicodeScalars.contains("\u{1B}") == false)
            }
        }
    }

    @Test func `lets the command line go before the file`() async throws {
        let text = #"{"listen": [{"port": 1}], "limits": {"messageSize": 5}, "routes": {"/": "echo"}}"#
        try await withFile(text) { path in
            let server = try CommandRun("serve", "--config", path, "--port", "0", "--max-message-size", "10")
            let ws = try await WebSocket.connect(to: try await server.address())
            try await ws.send(.text("0123456789"))
            #expect(try await ws.recv(timeout: .seconds(30)) == .text("0123456789"))
            server.signal(SIGTERM)
            #expect(await server.finished().code == 0)
        }
    }

    @Test func `listens in several places (S1)`() async throws {
        let text = #"{"listen": [{"port": 0}, {"port": 0}], "routes": {"/": "echo"}}"#
        try await withFile(text) { path in
            let server = try CommandRun("serve", "--config", path, "--workers", "2")
            for _ in 0..<2 {
                let ws = try await WebSocket.connect(to: try await server.address())
                try await ws.send(.text("hello"))
                #expect(try await ws.recv(timeout: .seconds(30)) == .text("hello"))
            }
            server.signal(SIGTERM)
            #expect(await server.finished().code == 0)
        }
    }
}
