import Foundation
import HansomTesting
import SocketTesting
import Testing
import WSServer

/// Files that are sent as they are taken (S23).
@Suite(.timeLimit(.minutes(2))) struct FileRouteTests {
    /// Runs `body` with a folder of its own.
    private func withFolder(_ body: (URL) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "routes-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        try await body(folder)
    }

    private func request(_ line: String, _ fields: [String] = []) -> String {
        ([line + " HTTP/1.1", "Host: a.example"] + fields).joined(separator: "\r\n") + "\r\n\r\n"
    }

    @Test func `sends single files, as they are just then (S7, S23)`() async throws {
        try await withFolder { folder in
            let page = folder.appending(path: "page.html").path
            try await ServerHarness.with(routes: { routes in
                routes.file("/", at: page)
                routes.file("/short", at: page, contentType: "text/x-own", maxSize: 3)
                routes.file("/folder", at: folder.path)
            }) { harness in
                let socket = try await harness.raw()
                for content in [nil, "<p>one", "", "<p>two"] {
                    if let content { try Data(content.utf8).write(to: URL(fileURLWithPath: page)) }
                    try await socket.send(request("GET /"))
                    let (head, body) = try await socket.receiveAnswer()
                    #expect(head.hasPrefix("HTTP/1.1 \(content == nil ? 404 : 200) "), "\(head)")
                    if let content {
                        #expect(body == content)
                        #expect(Handshakes.field("Content-Type", of: head) == "text/html; charset=utf-8")
                    }
                }
                for path in ["/short", "/folder"] {
                    let answer = try await harness.answer(to: request("GET \(path)"))
                    expectRefusal(answer, 500)
                    #expect(!answer.contains("page"))
                }
            }
        }
    }

    @Test func `answers conditions and ranges, and tells HEAD the length (S23)`() async throws {
        try await withFolder { folder in
            let page = folder.appending(path: "page.txt")
            try Data("0123456789".utf8).write(to: page)
            try await ServerHarness.with(routes: { $0.file("/", at: page.path) }) { harness in
                let socket = try await harness.raw()
                func ask(_ method: String = "GET", _ fields: String...) async throws -> (head: String, body: String) {
                    try await socket.send(request("\(method) /", fields))
                    return try await socket.receiveAnswer(toHead: method == "HEAD")
                }
                let (head, body) = try await ask()
                let tag = try #require(Handshakes.field("ETag", of: head))
                let time = try #require(Handshakes.field("Last-Modified", of: head))
                #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && body == "0123456789")
                #expect(Handshakes.field("Accept-Ranges", of: head) == "bytes")

                let length = try await ask("HEAD")
                #expect(Handshakes.field("Content-Length", of: length.head) == "10")

                let part = try await ask("GET", "Range: bytes=2-4", "If-Range: \(tag)")
                #expect(part.head.hasPrefix("HTTP/1.1 206 Partial Content\r\n") && part.body == "234")
                #expect(Handshakes.field("Content-Range", of: part.head) == "bytes 2-4/10")
                #expect(Handshakes.field("Content-Length", of: part.head) == "3")

                let beyond = try await ask("GET", "Range: bytes=10-")
                #expect(beyond.head.hasPrefix("HTTP/1.1 416 Range Not Satisfiable\r\n"))
                #expect(Handshakes.field("Content-Range", of: beyond.head) == "bytes */10")

                for condition in ["If-None-Match: \(tag)", "If-Modified-Since: \(time)"] {
                    try await socket.send(request("GET /", [condition]))
                    let known = try await socket.receiveHead()
                    #expect(known.hasPrefix("HTTP/1.1 304 Not Modified\r\n"))
                    #expect(Handshakes.field("ETag", of: known) == tag)
                    #expect(Handshakes.field("Content-Length", of: known) == nil)
                }
                #expect(try await ask("GET", "If-Match: \"x\"").head.hasPrefix("HTTP/1.1 412 Precondition Failed\r\n"))

                try Data("another text".utf8).write(to: page)
                let changed = try await ask("GET", "Range: bytes=2-4", "If-Range: \(tag)")
                #expect(changed.head.hasPrefix("HTTP/1.1 200 ") && changed.body == "another text")
                await socket.close()
            }
        }
    }

    @Test func `a file of many pieces arrives whole, and the connection goes on (S23)`() async throws {
        try await withFolder { folder in
            let file = folder.appending(path: "large.bin")
            let content = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 13) }
            try Data(content).write(to: file)
            try await ServerHarness.with(routes: { $0.file("/", at: file.path) }) { harness in
                let socket = try await harness.raw()
                for _ in 0..<2 {
                    try await socket.send(request("GET /"))
                    let head = try await socket.receiveHead()
                    #expect(Handshakes.field("Content-Length", of: head) == "3000001")
                    #expect(try await socket.receive(content.count) == content)
                }
                await socket.close()
                #expect(await harness.isIdleAgain())
            }
        }
    }

    @Test func `peers that take nothing hold no content, and are cut at the write deadline (S23, T29)`() async throws {
        try await withFolder { folder in
            let file = folder.appending(path: "large.bin")
            try Data(repeating: 7, count: 32 << 20).write(to: file)
            let time = ManualTime()
            var options = ServerOptions()
            options.writeTimeout = .seconds(30)
            try await ServerHarness.with(options, time: time, routes: { $0.file("/", at: file.path) }) { harness in
                let socket = try await harness.raw()
                try await socket.send(request("GET /"))
                _ = try await socket.receive(1)
                // What moves has its time again and again; once nothing does, that is soon over.
                let isCut = await eventually {
                    time.advance(by: .seconds(31))
                    return harness.server.handshakeCount == 0
                }
                #expect(isCut)
                await socket.close()
                #expect(await harness.isIdleAgain())
            }
        }
    }

    @Test func `a file that becomes shorter while it is sent ends the connection (S23)`() async throws {
        try await withFolder { folder in
            let file = folder.appending(path: "large.bin")
            try Data(repeating: 7, count: 32 << 20).write(to: file)
            try await ServerHarness.with(routes: { $0.file("/", at: file.path) }) { harness in
                let socket = try await harness.raw()
                try await socket.send(request("GET /"))
                _ = try await socket.receive(1)
                try FileHandle(forWritingTo: file).truncate(atOffset: 1)
                let rest = try await socket.receiveAll()
                #expect(rest.count < 32 << 20)
                await socket.close()
                #expect(await harness.isIdleAgain())
            }
        }
    }
}
