import Actors
import HansomTesting
import SocketTesting
import Testing
import WSClient
import WSServer

/// Which ends of handlers, routes and hooks are crashes, and when they are reported (S2, S7).
@Suite(.timeLimit(.minutes(1))) struct CrashTests {
    private struct Oops: Error {}

    private static func crashes(_ reports: Probe<SystemEvent>) -> [CrashReport] {
        reports.values.compactMap { if case .crash(let crash) = $0 { crash } else { nil } }
    }

    /// What a handler may throw that is not the end of its own connection.
    enum Fault: CaseIterable, Sendable { case own, misuse, upstreamClosed, upstreamRefused }

    @Test(arguments: Fault.allCases)
    func `a handler that throws is reported at once, whatever it throws, while its peer does not answer the close (S2)`(
        fault: Fault
    ) async throws {
        let reports = Probe<SystemEvent>()
        try await ServerHarness.with(handler: { ws in try await ws.close() }) { upstream in
            let url = upstream.url
            let handler: WebSocket.Handler = { ws in
                switch fault {
                case .own: throw Oops()
                case .misuse: try await ws.close(code: .init(rawValue: 999))
                case .upstreamClosed:
                    let other = try await WebSocket.connect(to: url, options: .init(connectTimeout: nil))
                    _ = try await other.recv()
                case .upstreamRefused:
                    _ = try await WebSocket.connect(to: "http://[", options: .init(connectTimeout: nil))
                }
            }
            // Time stands still: nothing is reported because a deadline has passed.
            try await ServerHarness.with(report: { reports.record($0) }, handler: handler) { harness in
                let socket = try await harness.rawUpgraded()
                #expect(try await socket.receiveClose()?.code == 1011)
                #expect(await eventually { Self.crashes(reports).count == 1 })
                #expect(harness.server.connectionCount == 1)
                await socket.close()
                #expect(await eventually { harness.server.connectionCount == 0 })
            }
        }
        // And only once.
        #expect(Self.crashes(reports).count == 1)
        #expect((Self.crashes(reports).first?.reason.error is WebSocketError) == (fault != .own))
    }

    @Test(arguments: [true, false])
    func `a synchronous handler that throws is reported at once, and ends its connection with the error (S2)`(
        isOwn: Bool
    )
        async throws
    {
        let reports = Probe<SystemEvent>()
        let pids = Probe<PID>()
        let handler: WebSocket.MessageHandler = { ws, _ in
            pids.record(ws.pid)
            if isOwn { throw Oops() }
            try ws.beginClose(code: .init(rawValue: 999))
        }
        try await ServerHarness.with(report: { reports.record($0) }, onMessage: handler) { harness in
            let socket = try await harness.rawUpgraded()
            try await socket.send(Frames.maskedText("one") + Frames.maskedText("two"))
            #expect(try await socket.receiveClose()?.code == 1011)
            #expect(await eventually { Self.crashes(reports).count == 1 })
            let pid = try #require(pids.values.first)
            async let reason = pid.down()
            await turns(of: harness.schedulers)
            await socket.close()
            let end = try await reason
            #expect(end.kind == .error)
            #expect(await eventually { harness.server.connectionCount == 0 })
        }
        #expect(Self.crashes(reports).count == 1 && pids.count == 1)
    }

    /// How a connection may end under its handler.
    enum End: CaseIterable, Sendable { case closed, lost, violation, ownClose }

    @Test(arguments: End.allCases)
    func `the end of its own connection is no crash of a handler (S2)`(end: End) async throws {
        let reports = Probe<SystemEvent>()
        let thrown = Probe<WebSocketError>()
        let handler: WebSocket.Handler = { ws in
            do throws(WebSocketError) {
                _ = try await ws.recv()
                try ws.beginClose(code: .normal, reason: "")
                try await ws.send(.text("too late"))
            } catch {
                thrown.record(error)
                throw error
            }
        }
        try await ServerHarness.with(report: { reports.record($0) }, handler: handler) { harness in
            let socket = try await harness.rawUpgraded()
            switch end {
            case .closed: try await socket.send([0x88, 0x82, 0, 0, 0, 0, 0x03, 0xE8])
            case .lost: await socket.close()
            case .violation: try await socket.send([0x81, 0x01, 0x61])
            case .ownClose: try await socket.send(Frames.maskedText("close"))
            }
            #expect(await eventually { thrown.count == 1 })
            await socket.close()
            #expect(await eventually { harness.server.connectionCount == 0 })
        }
        #expect(Self.crashes(reports).isEmpty)
    }

    @Test func `a handler that is cancelled by a shutdown has not crashed (S2) (S9)`() async throws {
        let reports = Probe<SystemEvent>()
        try await ServerHarness.with(report: { reports.record($0) }, handler: { ws in _ = try await ws.recv() }) {
            harness in
            _ = try await harness.rawUpgraded()
            await harness.server.forceClose()
        }
        #expect(Self.crashes(reports).isEmpty)
    }

    @Test func `routes and hooks that throw are reported, whatever they throw (S7)`() async throws {
        let reports = Probe<SystemEvent>()
        var options = ServerOptions()
        options.authorize = { request in
            guard request.path != "/hook" else { throw Oops() }
            return .accept
        }
        try await ServerHarness.with(
            options, report: { reports.record($0) },
            routes: { routes in
                routes.get("/route") { _ in
                    _ = try await WebSocket.connect(to: "http://[", options: .init(connectTimeout: nil))
                    return ServerResponse()
                }
                routes.get("/hook") { _ in ServerResponse() }
            }
        ) { harness in
            for (path, count) in [("/route", 1), ("/hook", 2)] {
                expectRefusal(try await harness.answer(to: RoutesTests.request("GET \(path)")), 500)
                #expect(await eventually { Self.crashes(reports).count == count })
            }
        }
        let labels = Self.crashes(reports).map(\.process.label)
        #expect(labels == ["route GET /route", "authorisation of /hook"])
    }
}
