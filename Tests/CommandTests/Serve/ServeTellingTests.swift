import Foundation
import Glibc
import Logging
import Testing
import WSClient

@testable import hansom

/// What a server of the command says of itself, where it listens, and what it looks at before.
@Suite(.timeLimit(.minutes(2))) struct ServeTellingTests {
    private func withFolder(_ body: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("hansom-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder.path)
    }

    @Test(arguments: [[], ["--workers", "1"]])
    func `listens on every address when told * (S1)`(options: [String]) async throws {
        let server = try CommandRun(arguments: ["serve", "echo", "--port", "0", "--host", "*"] + options, input: nil)
        let url = try await server.address()
        #expect(url.hasPrefix("ws://[::]:") || url.hasPrefix("ws://0.0.0.0:"), "\(url)")
        let port = try #require(url.split(separator: ":").last)
        let ws = try await WebSocket.connect(to: "ws://127.0.0.1:\(port)/")
        try await ws.send(.text("hello"))
        #expect(try await ws.recv(timeout: .seconds(30)) == .text("hello"))
        try await ws.close()
        server.signal(SIGTERM)
        #expect(await server.finished().code == 0)
    }

    @Test func `speaks the subprotocols that it is told (S6)`() async throws {
        try await CommandRun.serving("echo", "--port", "0", "-s", "b", "--subprotocol", "a") { _, url in
            var options = ConnectOptions()
            options.subprotocols = ["a", "c", "b"]
            let ws = try await WebSocket.connect(to: url, options: options)
            #expect(ws.subprotocol == "b")
            try await ws.close()
        }
    }

    @Test func `says why a client left, and whom it refused, when asked to (S13)`() async throws {
        let server = try CommandRun("serve", "echo", "--port", "0", "-v", "--max-message-size", "5")
        let url = try await server.address()
        let ws = try await WebSocket.connect(to: url + "/a\u{7E}b?token=secret")
        try await ws.close(code: .goingAway, reason: "bye\u{9B}")
        let long = try await WebSocket.connect(to: url)
        try await long.send(.text("123456"))
        _ = try? await long.recv(timeout: .seconds(30))
        var refused = ConnectOptions()
        refused.headers[.origin] = "https://b.example"
        _ = try? await WebSocket.connect(to: url, options: refused)
        server.signal(SIGTERM)
        let end = await server.finished()
        #expect(end.code == 0)
        let client = "127.0.0.1:"
        #expect(end.errors.contains { $0.contains("connection began: client \(client)") && $0.contains("path /a~b") })
        #expect(
            end.errors.contains {
                $0.contains("connection ended: client \(client)") && $0.contains("code 1001")
                    && $0.contains("reason bye")
            }, "\(end.errors)")
        #expect(end.errors.contains { $0.contains("code 1009") && $0.contains("limits.messageSize 5") })
        #expect(end.errors.contains { $0.contains("handshake refused") && $0.contains("status 403") })
        #expect(end.errors.allSatisfy { !$0.contains("secret") && !$0.unicodeScalars.contains("\u{9B}") })
    }

    @Test func `writes a line that does nothing to a terminal (T36)`() {
        let time = Timestamp(seconds: 0, milliseconds: 0)
        let line = ServerLog.line("ended\u{1B}", ["b": "2\n3", "a": "1"], at: time)
        #expect(line == "1970-01-01T00:00:00.000Z ended\\u{1B}: a 1, b 2\\n3")
    }

    @Test func `refuses files and folders that are not there, checked or not`() async throws {
        try await withFolder { folder in
            let page = "\(folder)/page.html"
            try Data("hi".utf8).write(to: URL(fileURLWithPath: page))
            let cases = [
                (
                    #""routes": {"/": {"file": "none.html"}}"#,
                    #"routes["/"].file: "# + "\(folder)/none.html: No such file"
                ),
                (#""routes": {"/": {"file": "."}}"#, #"routes["/"].file: "# + "\(folder)/. is no file"),
                (#""accessLog": {"file": "none/a.log"}, "routes": {"/": "echo"}"#, "access log: \(folder)/none/"),
                (
                    #""accessLog": {"file": "page.html/a.log"}, "routes": {"/": "echo"}"#,
                    "access log: \(folder)/page.html/"
                ),
                (#""inspect": "none/a", "routes": {"/": "echo"}"#, "inspect: \(folder)/none/"),
                (#""listen": [{"unix": "\#(folder)/none/a"}], "routes": {"/": "echo"}"#, "\(folder)/none/"),
                (#""metrics": "unix:\#(folder)/none/a", "routes": {"/": "echo"}"#, "metrics: \(folder)/none/"),
            ]
            for (text, part) in cases {
                let file = "\(folder)/hansom.json"
                try Data("{\(text)}".utf8).write(to: URL(fileURLWithPath: file))
                for options in [["--check"], []] {
                    let run = await (try CommandRun(arguments: ["serve", "--config", file] + options, input: nil))
                        .finished()
                    #expect(run.code == 1 && run.output == [], "\(text)")
                    #expect(run.errors.count == 1 && run.errors.first?.contains(part) == true, "\(run.errors)")
                }
            }
            let good = #"{"routes": {"/": {"file": "page.html"}}, "accessLog": {"file": "a.log"}, "inspect": "a.top"}"#
            try Data(good.utf8).write(to: URL(fileURLWithPath: "\(folder)/hansom.json"))
            let run = await (try CommandRun("serve", "--config", "\(folder)/hansom.json", "--check")).finished()
            #expect(run.code == 0, "\(run.errors)")
        }
    }

    @Test func `lets nobody but its owner look into it, whatever the umask says (P21)`() async throws {
        try await withFolder { folder in
            let path = "\(folder)/top"
            // As a shell with a generous umask starts it.
            let script = "umask 0; exec \"$0\" serve echo --port 0 --inspect \"$1\""
            let shell = try Spawned("/bin/sh", ["-c", script, CommandRun.executable.path, path])
            _ = shell.output.availableData
            let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
            #expect(mode == 0o600)
            kill(shell.pid, SIGTERM)
            let (codes, code) = AsyncStream<Int32>.makeStream()
            Thread.detachNewThread {
                code.yield(shell.waitForEnd())
                code.finish()
            }
            #expect(await codes.first { _ in true } == 0)
        }
    }
}
