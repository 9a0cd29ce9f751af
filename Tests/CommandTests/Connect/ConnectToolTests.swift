import Foundation
import Testing
import WSServer

/// What `hansom connect` can besides talking line by line.
@Suite(.timeLimit(.minutes(2))) struct ConnectToolTests {
    private struct Event: Decodable, Equatable {
        var direction: String?
        var type: String
        var data: String?
        var code: Int?
        var time: String
    }

    private func events(_ lines: [String]) throws -> [Event] {
        try lines.map { try JSONDecoder().decode(Event.self, from: Data($0.utf8)) }
    }

    @Test func `sends what the command line says, in order, and reads no input`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let run = await (try CommandRun("connect", url, "-x", "one", "--execute", "", "-x", "zwei, drei"))
                .finished()
            #expect(run.code == 0)
            #expect(run.output == ["one", "", "zwei, drei"])
            #expect(run.errors == ["closed with 1000"])
        }
    }

    @Test func `stays as long as it is told to, whatever arrives`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in
            while true {
                try await ws.send(.text("tick"))
                _ = try? await ws.recv(timeout: .milliseconds(20))
            }
        }
        let run = await (try CommandRun("connect", "ws://\(server.address)", "-x", "a", "--wait", "0.3")).finished()
        #expect(run.code == 0)
        #expect(run.output.allSatisfy { $0 == "tick" } && !run.output.isEmpty)
        await server.forceClose()
    }

    @Test func `ends with 124 when the time is over, connected or not`() async throws {
        let silent = RawServer()
        let never = await (try CommandRun("connect", silent.url, "--max-time", "0.2")).finished()
        #expect(never.code == 124)
        #expect(never.errors == ["hansom: not over within 0.2 seconds"])
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let run = await (try CommandRun("connect", url, "--max-time", "0.2")).finished()
            #expect(run.code == 124)
        }
    }

    @Test func `sends bytes as they are`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let input = Data([0xFF, 0x00, 0x0A, 0x41])
            let run = await (try CommandRun(arguments: ["connect", url, "-b"], input: input)).finished()
            #expect(run.code == 0)
            #expect(run.output == ["binary, 2 bytes: ff 00", "binary, 1 bytes: 41"])
        }
    }

    @Test func `tells everything as lines of JSON`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in
            while true {
                if case .text("end") = try await ws.recv() { break }
                try ws.sendPing([7])
                try await ws.send(.binary([1, 2]))
            }
            try await ws.close(code: .goingAway, reason: "enough")
        }
        let run = try CommandRun("connect", "ws://\(server.address)", "--json", input: "hi\u{1B}\nend\n")
        let end = await run.finished()
        #expect(end.code == 0)
        let events = try events(end.output)
        #expect(events.first?.type == "connected")
        #expect(events.allSatisfy { $0.time.hasSuffix("Z") })
        let told = events.map { "\($0.direction ?? "-") \($0.type) \($0.data ?? "\($0.code ?? 0)")" }
        #expect(told.filter { $0.hasPrefix("out") } == ["out text hi\u{1B}", "out text end"])
        #expect(told.filter { $0.hasPrefix("in") } == ["in ping Bw==", "in binary AQI=", "in close 1001"])
        await server.forceClose()
    }

    @Test func `tells of failure in JSON too, and on standard error`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { _ in }
        let url = "ws://\(server.address)"
        await server.forceClose()
        let run = await (try CommandRun("connect", url, "--json")).finished()
        #expect(run.code == 1)
        #expect(try events(run.output).map(\.type) == ["error"])
        #expect(run.errors.count == 1)
    }

    @Test func `shows the handshake and each message when asked to, on standard error`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let run = await (try CommandRun("connect", url, "-v", "-H", "X-A: b", "-x", "hi")).finished()
            #expect(run.code == 0)
            #expect(run.output == ["hi"])
            let expected = [
                "> GET / HTTP/1.1", "> X-A: b", "< HTTP/1.1 101 Switching Protocols", "* the connection is open",
                "> text, 2 bytes", "< text, 2 bytes", "> close 1000", "< close 1000", "closed with 1000",
            ]
            #expect(run.errors.filter { expected.contains($0) } == expected)
            #expect(run.errors.first?.hasPrefix("* connected to 127.0.0.1:") == true)
        }
    }

    @Test func `shows the answer that refused`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let run = await (try CommandRun("connect", url, "-v", "--origin", "https://elsewhere.example")).finished()
            #expect(run.code == 1)
            #expect(run.errors.contains("> Origin: https://elsewhere.example"))
            #expect(run.errors.contains("< HTTP/1.1 403 Forbidden"))
            #expect(run.errors.last?.hasPrefix("hansom: ") == true)
        }
    }

    @Test func `shows what TLS agreed on, and itself to a server that asks (C8)`() async throws {
        let files = try Certificates()
        var options = ServerOptions()
        options.tls = TLSServerOptions(
            identity: .files(certificateChain: files.certificate, privateKey: files.key))
        options.tls?.clientCertificates = .required(.file(files.certificate))
        let server = try await WebSocketServer.listen(port: 0, options: options) { ws in
            try await ws.send(.text(ws.tls?.peerSubject ?? "nobody"))
        }
        let url = "wss://\(server.address)"
        let run = await
            (try CommandRun(
                "connect", url, "-v", "--ca", files.certificate, "--cert", files.certificate, "--key", files.key))
            .finished()
        #expect(run.code == 0, "\(run.errors)")
        #expect(run.output == ["CN=localhost"])
        #expect(run.errors.contains { $0.hasPrefix("* TLS 1.3, TLS_") })
        #expect(run.errors.contains { $0.hasPrefix("* certificate of CN=localhost") })
        let stranger = await (try CommandRun("connect", url, "--ca", files.certificate)).finished()
        #expect(stranger.code == 1)
        await server.forceClose()
    }

    @Test func `goes through a proxy, or says that it cannot (C6)`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { _ in }
        let nobody = "\(server.address)"
        await server.forceClose()
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let run = await (try CommandRun("connect", url, "--proxy", "http://\(nobody)")).finished()
            #expect(run.code == 1)
            #expect(run.errors.count == 1 && run.errors[0].contains(nobody))
            let direct = await (try CommandRun("connect", url, "--proxy", "none", "-x", "hi")).finished()
            #expect(direct.output == ["hi"])
        }
    }

    @Test func `pings as often as it is told to (W13)`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in
            while case let frame = try await ws.recvFrame() {
                if case .ping = frame { break }
            }
            try await ws.send(.text("pinged"))
        }
        let run = await
            (try CommandRun(
                "connect", "ws://\(server.address)", "--ping-interval", "0.05", "--wait", "50", input: "")).finished()
        #expect(run.output == ["pinged"])
        await server.forceClose()
    }

    @Test func `colours only when told to, where it is no terminal`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let run = await (try CommandRun("connect", url, "-x", "hi", "--color", "always")).finished()
            #expect(run.output == ["\u{1B}[36m< \u{1B}[0mhi"])
            #expect(run.errors == ["\u{1B}[2mclosed with 1000\u{1B}[0m"])
        }
    }

    @Test func `connects again and goes on with its input (C9)`() async throws {
        let server = try await WebSocketServer.listen(port: 0) { ws in
            let message = try await ws.recv()
            try await ws.send(message)
            try await ws.close(code: .goingAway)
        }
        let run = try CommandRun("connect", "ws://\(server.address)", "--reconnect")
        for line in ["one", "two", "three"] {
            try await run.write("\(line)\n")
            #expect(await run.nextLine() == line)
            if line != "one" { #expect(await run.nextErrorLine() == "connected again") }
            #expect(await run.nextErrorLine()?.contains("next attempt in") == true)
        }
        try await run.endInput()
        #expect(await run.finished().code == 0)
        await server.forceClose()
    }

    @Test func `gives up connecting again where it would be refused again (C9)`() async throws {
        try await CommandRun.serving("echo", "--port", "0") { _, url in
            let run = await (try CommandRun("connect", url, "--reconnect", "--origin", "https://b.example")).finished()
            #expect(run.code == 1)
            #expect(run.errors.count == 1 && run.errors[0].contains("403"))
        }
    }
}
