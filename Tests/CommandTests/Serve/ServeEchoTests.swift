import Actors
import Foundation
import HansomTransport
import SocketTesting
import Testing
import WSClient

@Suite(.timeLimit(.minutes(2))) struct ServeEchoTests {
    @Test(arguments: [
        [], ["--sync"], ["--view"], ["--schedulers", "1"], ["--schedulers", "3", "--sync"], ["--host", "localhost"],
    ])
    func `says where it listens, and echoes`(options: [String]) async throws {
        let server = try CommandRun(arguments: ["serve", "echo", "--port", "0"] + options, input: nil)
        let url = try await server.address()
        // A name's first address is what this machine says it is.
        let host = options.contains("localhost") ? "localhost" : "127.0.0.1"
        let first = try await Resolver.resolve(host, port: 0, on: SchedulerGroup.shared.blockingPool).first
        #expect(url.hasPrefix("ws://\(try #require(first).description.dropLast())"))
        try await expectEcho(url)
        server.signal(SIGTERM)
        let end = await server.finished()
        #expect(end.code == 0)
        #expect(end.output == [] && CommandRun.complaints(in: end.errors) == [])
    }

    /// Plain and by TLS, silent and in the middle of a TLS hello.
    @Test(arguments: [(false, ""), (true, ""), (true, "\u{16}\u{3}\u{1}")])
    func `half-open handshakes keep nobody out, and it says so (S3) (T46)`(isTLS: Bool, word: String) async throws {
        let files = try Certificates()
        let tls = isTLS ? ["--tls-cert", files.certificate, "--tls-key", files.key] : []
        let server = try CommandRun(
            arguments: ["serve", "echo", "--port", "0", "--schedulers", "1", "--max-handshakes", "2"] + tls, input: nil)
        let url = try await server.address()
        let port = try #require(UInt16(url.split(separator: ":").last ?? ""))
        let address = try #require(SocketAddress(numeric: "127.0.0.1", port: port))
        let halfOpen = [try await RawSocket.connect(to: address), try await RawSocket.connect(to: address)]
        for socket in halfOpen where !word.isEmpty { try await socket.send(word) }
        // In a second at most, while a handshake has ten.
        var options = ConnectOptions(connectTimeout: .seconds(9))
        if isTLS { options.tls.trustRoots = .file(files.certificate) }
        try await expectEcho(url, options)
        for socket in halfOpen { await socket.close() }
        server.signal(SIGTERM)
        let end = await server.finished()
        #expect(end.code == 0)
        #expect(end.errors.count { $0.contains("no room for newcomers") } == 1, "\(end.errors)")
    }

    @Test func `hosts and peers are bounded as the options say (S3) (S17)`() async throws {
        let server = try CommandRun(
            "serve", "echo", "--port", "0", "--allow-host", "localhost", "--allow-host", "*.example.com",
            "--max-connections-per-peer", "1", "--handshake-timeout", "5")
        let url = try await server.address()
        await #expect(throws: WebSocketError.self) { try await WebSocket.connect(to: url) }
        server.signal(SIGTERM)
        #expect(await server.finished().code == 0)
    }

    private func expectEcho(_ url: String, _ options: ConnectOptions = .init()) async throws {
        let messages: [WebSocket.Message] = [
            .text(""), .text("Grüße"), .binary([]), .binary([UInt8](repeating: 7, count: 100_000)),
        ]
        try await WebSocket.withConnection(to: url, options: options) { ws in
            for message in messages {
                try await ws.send(message)
                #expect(try await ws.recv(timeout: .seconds(30)) == message)
            }
        }
    }

    @Test func `serves TLS (S8)`() async throws {
        let files = try Certificates()
        try await CommandRun.serving(
            "echo", "--port", "0", "--tls-cert", files.certificate, "--tls-key", files.key
        ) { _, url in
            #expect(url.hasPrefix("wss://127.0.0.1:"))
            var options = ConnectOptions()
            options.tls.trustRoots = .file(files.certificate)
            try await expectEcho(url, options)
        }
    }

    @Test func `serves a Unix-domain socket, and removes its file (S1)`() async throws {
        let path = FileManager.default.temporaryDirectory.appendingPathComponent("hansom-\(UUID().uuidString)").path
        try await CommandRun.serving("echo", "--unix", path) { _, place in
            #expect(place == "unix:\(path)")
            try await expectEcho("ws+unix://\(path):/")
        }
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test func `keeps to its limits (W15)`() async throws {
        try await CommandRun.serving(
            "echo", "--port", "0", "--max-message-size", "10", "--max-fragments", "2"
        ) { _, url in
            let long = try await WebSocket.connect(to: url)
            try await long.send(.text("0123456789"))
            #expect(try await long.recv(timeout: .seconds(30)) == .text("0123456789"))
            try await long.send(.text("0123456789A"))
            let tooLong = await #expect(throws: WebSocketError.self) { try await long.recv(timeout: .seconds(30)) }
            #expect(tooLong?.close?.code == .messageTooBig)
            let split = try await WebSocket.connect(to: url)
            try await split.send(fragments: ["a", "b", "c"])
            let tooMany = await #expect(throws: WebSocketError.self) { try await split.recv(timeout: .seconds(30)) }
            #expect(tooMany?.close?.code == .messageTooBig)
        }
    }

    @Test(arguments: [[], ["--sync"], ["--view"]])
    func `makes a peer wait that does not read, and keeps its connection (S10, W16, W21)`(more: [String]) async throws {
        try await CommandRun.serving(["echo", "--port", "0"] + more) { _, url in
            let greedy = try await WebSocket.connect(to: url)
            let message = WebSocket.Message.binary([UInt8](repeating: 1, count: 1 << 20))
            var sent = 0
            // Nothing is received meanwhile. Both ends and the kernel hold less than that.
            let error = await #expect(throws: WebSocketError.self) {
                while sent < 64 {
                    try await greedy.send(message, options: SendOptions(timeout: .seconds(1)))
                    sent += 1
                }
            }
            #expect(error?.code == .timeout)
            for _ in 0..<sent { #expect(try await greedy.recv(timeout: .seconds(30)) == message) }
            try await greedy.close()
            #expect(greedy.closeCode == .normal)
        }
    }
}
