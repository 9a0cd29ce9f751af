import Actors
import HansomTesting
import HansomTransport
import Logging
import SocketTesting
import Testing
import WSClient

@testable import WSServer

/// What a server tells of itself: numbers, log and access log.
@Suite(.timeLimit(.minutes(2))) struct ObservedServerTests {
    private static func options(_ log: Probe<String>, _ access: Probe<AccessRecord>, level: Logger.Level = .info)
        -> ServerOptions
    {
        var options = ServerOptions()
        var logger = Logger(label: "test") { _ in CapturingLogHandler(log, showsMetadata: true) }
        logger.logLevel = level
        options.logger = logger
        options.accessLog = AccessLog { access.record($0) }
        return options
    }

    @Test func `counts what has ended and what is open, and never goes back (S13)`() async throws {
        try await ServerHarness.with(handler: ServerHarness.echo) { harness in
            let one = try await harness.client()
            let two = try await harness.client()
            for ws in [one, two] {
                try await ws.send(.text("hello"))
                _ = try await ws.recv()
            }
            let open = await harness.server.statistics()
            #expect(open.connections == 2 && open.connectionsAccepted == 2 && open.closes.isEmpty)
            #expect(
                open.traffic.framesReceived == 2 && open.traffic.framesSent == 2 && open.traffic.bytesReceived == 10)
            #expect(open.handshakeDurations.count == 2 && open.connectionDurations.count == 0)
            try await one.close(code: .init(rawValue: 4_001))
            _ = try await harness.answer(to: Array("BAD\r\n\r\n".utf8))
            #expect(await eventually { await harness.server.statistics().closes.count == 1 })
            let later = await harness.server.statistics()
            // The close frames of both sides count as frames, too.
            #expect(later.traffic.framesReceived == 3 && later.traffic.bytesReceived == 12)
            #expect(later.closes == [.init(rawValue: 4_001): 1] && later.handshakes[.refused(400)] == 1)
            #expect(later.connectionDurations.count == 1 && later.connections == 1)
            try await two.close()
        }
    }

    @Test func `answers statistics after its end (S13)`() async throws {
        let server = try await WebSocketServer.listen(port: 0, handler: ServerHarness.echo)
        let ws = try await WebSocket.connect(to: "ws://\(server.address)")
        try await ws.send(.text("a"))
        _ = try await ws.recv()
        await server.shutdown(within: .seconds(5))
        let last = await server.statistics()
        #expect(last.traffic.framesReceived >= 1 && last.connections == 0 && last.closes.values.reduce(0, +) == 1)
        await ws.drop()
    }

    @Test func `does nothing for a message but what connections count for themselves (S13)`() async throws {
        let (log, access) = (Probe<String>(), Probe<AccessRecord>())
        try await ServerHarness.with(Self.options(log, access, level: .trace), handler: ServerHarness.echo) { harness in
            let ws = try await harness.client()
            // The first answer says that the server has written down that the connection began.
            try await ws.send(.text("x"))
            _ = try await ws.recv()
            let before = (log.count, access.count)
            for _ in 0..<100 {
                try await ws.send(.text("x"))
                _ = try await ws.recv()
            }
            #expect((log.count, access.count) == before)
            #expect(await harness.server.statistics().traffic.framesReceived == 101)
            try await ws.close()
        }
    }

    @Test func `logs refused handshakes with their reasons, and no query (S13)`() async throws {
        let (log, access) = (Probe<String>(), Probe<AccessRecord>())
        try await ServerHarness.with(Self.options(log, access)) { harness in
            _ = try await harness.answer(
                to: Array(Handshakes.request("/chat?token=secret", extra: ["Origin: http://evil.example"]).utf8))
            _ = try await harness.answer(to: Array("BAD\r\n\r\n".utf8))
            #expect(log.values.count == 2 && !log.values.joined().contains("secret"))
            #expect(log.values[0].hasPrefix("info handshake refused client=127.0.0.1:"))
            #expect(log.values[0].contains(" path=/chat reason=origin's host evil.example differs"))
            #expect(log.values[0].contains(#"it came from \"http://evil.example\""#))
            #expect(log.values[0].hasSuffix(" status=403") && log.values[1].hasSuffix(" status=400"))
            #expect(access.values.map(\.status) == [403, 400] && access.values.map(\.path) == ["/chat", ""])
            #expect(access.values[0].origin == "http://evil.example" && access.values[0].bytesSent > 0)
        }
    }

    @Test func `logs a URL with its host and without its user, and what is no path as it came (S7) (S13)`() async throws
    {
        let (log, access) = (Probe<String>(), Probe<AccessRecord>())
        try await ServerHarness.with(Self.options(log, access)) { harness in
            for target in ["http://u:secret@a.example/x@y?secret", "*", "foo?secret", "u:secret@a.example:80"] {
                _ = try await harness.answer(to: Handshakes.request(target))
            }
            let socket = try await harness.rawUpgraded("http://a.example:8/chat?token=secret")
            await socket.close()
            #expect(await eventually { access.count == 5 })
            #expect(
                access.values.map(\.path) == [
                    "http://a.example/x@y", "*", "foo", "a.example:80", "http://a.example:8/chat",
                ])
            #expect(!log.values.joined().contains("secret") && log.values[0].contains(" path=http://a.example/x@y "))
        }
    }

    @Test func `logs so many lines a second and the number of the rest (S13)`() async throws {
        let (log, access, time) = (Probe<String>(), Probe<AccessRecord>(), ManualTime())
        try await ServerHarness.with(Self.options(log, access), time: time) { harness in
            for _ in 0..<ServerReports.mostLines + 5 { _ = try await harness.answer(to: Array("BAD\r\n\r\n".utf8)) }
            #expect(log.count == ServerReports.mostLines + 1 && access.count == ServerReports.mostLines + 5)
            time.advance(by: .seconds(1))
            _ = try await harness.answer(to: Array("BAD\r\n\r\n".utf8))
            #expect(log.values.contains { $0.hasPrefix("warning 5 lines of the server were left out") })
        }
    }

    @Test func `logs handshakes that fail by what they failed of (S11) (S13)`() async throws {
        let (log, access, time) = (Probe<String>(), Probe<AccessRecord>(), ManualTime())
        var options = Self.options(log, access)
        options.proxyProtocol = [try IPRange("192.0.2.1")]
        try await ServerHarness.with(options) { harness in
            let socket = try await harness.raw()
            _ = await socket.end()
            await socket.close()
            #expect(await harness.isIdleAgain())
            #expect(log.values.count == 1 && log.values[0].hasPrefix("notice handshake failed"))
            #expect(await harness.server.statistics().handshakes == [.proxyRefused: 1])
        }
        try await ServerHarness.with(Self.options(log, access), time: time) { harness in
            let socket = try await harness.raw()
            #expect(await eventually { await Remains.count(harness.schedulers).alarms == 1 })
            time.advance(by: .seconds(10))
            _ = await socket.end()
            await socket.close()
            #expect(await harness.isIdleAgain())
            #expect(log.values.last?.hasPrefix("info handshake failed") == true)
            #expect(await harness.server.statistics().handshakes == [.timedOut: 1])
        }
        #expect(access.count == 0)
    }

    @Test func `writes down each connection when it is over (S13)`() async throws {
        let (log, access) = (Probe<String>(), Probe<AccessRecord>())
        try await ServerHarness.with(Self.options(log, access), handler: ServerHarness.echo) { harness in
            let ws = try await harness.client(
                ConnectOptions(connectTimeout: nil, headers: [.userAgent: "test", .authorization: "Bearer topsecret"]))
            try await ws.send(.text("hello"))
            _ = try await ws.recv()
            #expect(access.count == 0)
            try await ws.close(code: .init(rawValue: 4_001))
            #expect(await eventually { access.count == 1 })
            let record = try #require(access.values.first)
            #expect(
                record.status == 101 && record.method == "GET" && record.path == "/"
                    && record.closeCode?.rawValue == 4_001)
            #expect(record.framesReceived == 2 && record.bytesReceived == 7 && record.userAgent == "test")
            #expect(record.clientAddress?.host == "127.0.0.1" && record.startedAt > 1_600_000_000)
            #expect(!"\(record)\(record.json)\(record.combined)".contains("secret"))
        }
    }

    @Test func `answers Prometheus from a route (S7) (S13)`() async throws {
        var routes = Routes()
        routes.metrics("/metrics")
        routes.webSocket("/echo") { ws in for try await message in ws { try await ws.send(message) } }
        let server = try await WebSocketServer.listen(port: 0, routes: routes)
        let ws = try await WebSocket.connect(to: "ws://\(server.address)/echo")
        try await ws.send(.text("a"))
        _ = try await ws.recv()
        let socket = try await RawSocket.connect(to: server.address)
        try await socket.send("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let answer = String(decoding: try await socket.receiveAll(), as: UTF8.self)
        #expect(
            answer.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n")
                || answer.lowercased().contains("version=0.0.4"))
        #expect(answer.contains("\nhansom_connections 1\n") && answer.contains("\nhansom_frames_received_total 1\n"))
        #expect(answer.contains("\nhansom_handshakes_total{result=\"accepted\",status=\"\"} 1\n"))
        try await ws.close()
        await server.forceClose()
    }
}
