import Foundation
import Glibc
import Testing
import WSClient

@Suite(.timeLimit(.minutes(2))) struct ObservingTests {
    private func serve(_ arguments: [String], _ body: (CommandRun, String) async throws -> Void) async throws {
        let server = try CommandRun(arguments: ["serve", "echo", "--port", "0"] + arguments, input: nil)
        try await body(server, try await server.address())
        server.signal(SIGTERM)
        #expect(await server.finished().code == 0)
    }

    @Test func `serves each worker's numbers with a label (S13)`() async throws {
        try await serve(["--workers", "2", "--metrics", "0"]) { server, url in
            let place = try #require(await server.nextLine())
            var peers: [WebSocket] = []
            for _ in 0..<16 { peers.append(try await WebSocket.connect(to: url)) }
            // The worker counts a connection when it has answered.
            for peer in peers { _ = try await peer.ping() }
            let numbers = try PlainHTTP.get(url: String(place.dropFirst("metrics on ".count)))
            #expect(
                numbers.contains("Content-Type: text/plain; version=0.0.4")
                    || numbers.contains("content-type: text/plain; version=0.0.4"))
            let open = numbers.split(separator: "\n").filter { $0.hasPrefix("hansom_connections{") }
            #expect(open.count == 2)
            #expect(open.compactMap { Int($0.split(separator: " ")[1]) }.reduce(0, +) == 16)
            #expect(numbers.split(separator: "\n").count { $0 == "# TYPE hansom_connections gauge" } == 1)
        }
    }

    @Test(arguments: ["combined", "json"], [[], ["--workers", "2"]])
    func `writes a line for each connection, and opens the file again at SIGHUP (S13)`(
        format: String, more: [String]
    ) async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hansom-\(UUID().uuidString).log").path
        defer { for end in ["", ".1"] { try? FileManager.default.removeItem(atPath: path + end) } }
        try await serve(["--access-log", path, "--access-log-format", format] + more) { server, url in
            for _ in 0..<(more.isEmpty ? 0 : 2) { _ = await server.nextLine() }
            try await WebSocket.withConnection(to: url + "/first?token=secret") { ws in
                _ = try await ws.send(.text("hello"))
            }
            try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
            server.signal(SIGHUP)
            #expect(await server.nextLine() == "reloaded")
            try await WebSocket.withConnection(to: url + "/second") { ws in
                _ = try await ws.send(.text("hello"))
            }
        }
        let lines = try
            (String(contentsOfFile: path + ".1", encoding: .utf8) + String(contentsOfFile: path, encoding: .utf8))
            .split(separator: "\n")
        #expect(lines.count == 2)
        #expect(lines.allSatisfy { $0.contains("101") && !$0.contains("secret") })
        #expect(lines.first?.contains("/first") == true && lines.last?.contains("/second") == true)
        #expect(lines.allSatisfy { $0.hasPrefix("{") == (format == "json") })
    }

    @Test func `writes the access log to standard output`() async throws {
        try await serve(["--access-log", "-"]) { server, url in
            try await WebSocket.withConnection(to: url + "/%1B%5B31m") { _ in }
            let line = try #require(await server.nextLine())
            #expect(line.contains("\"GET /%1B%5B31m HTTP/1.1\" 101"), "\(line)")
        }
    }

    @Test func `says when it is full, once (S3)`() async throws {
        try await serve(["--max-connections", "2"]) { server, url in
            let peers = [try await WebSocket.connect(to: url), try await WebSocket.connect(to: url)]
            #expect(
                await server.nextErrorLine() == "hansom: 2 connections, as many as are allowed: whoever comes now waits"
            )
            for peer in peers { try await peer.close() }
        }
    }
}
