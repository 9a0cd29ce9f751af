import Actors
import CoreMetrics
import MetricsTestKit
import SocketTesting
import Testing
import WSClient
import WSServerTelemetry

/// What a metrics back end is told of a server.
@Suite(.timeLimit(.minutes(2))) struct MetricsTests {
    @Test func `tells counters what has come since, and durations as they come (S13)`() async throws {
        let metrics = TestMetrics()
        var options = ServerOptions()
        options.reportMetrics(every: .milliseconds(20), to: metrics)
        let server = try await WebSocketServer.listen(port: 0, options: options) { ws in
            for try await message in ws { try await ws.send(message) }
        }
        let ws = try await WebSocket.connect(to: "ws://\(server.address)")
        for _ in 0..<3 {
            try await ws.send(.text("hello"))
            _ = try await ws.recv()
        }
        #expect(await eventually { (try? metrics.expectCounter("hansom_frames_received").totalValue) == 3 })
        #expect(await eventually { (try? metrics.expectMeter("hansom_connections").lastValue) == 1 })
        #expect(try metrics.expectCounter("hansom_handshakes", [("result", "accepted")]).totalValue == 1)
        #expect(try metrics.expectTimer("hansom_handshake_duration").values.count == 1)
        #expect(try metrics.expectTimer("hansom_connection_duration").values.isEmpty)
        try await ws.close(code: .init(rawValue: 4_001))
        await server.shutdown(within: .seconds(5))
        // The last report comes with the server's end.
        #expect(await eventually { (try? metrics.expectCounter("hansom_closes", [("code", "4xxx")]).totalValue) == 1 })
        #expect(await eventually { (try? metrics.expectCounter("hansom_frames_received").totalValue) == 4 })
        #expect(try metrics.expectTimer("hansom_connection_duration").values.count == 1)
        #expect(try metrics.expectCounter("hansom_received_bytes").totalValue == 17)
    }

    @Test func `tells of the processes of the server's group too where that is asked for, once for all (S13, P38)`()
        async throws
    {
        let metrics = TestMetrics()
        let group = try SchedulerGroup(options: .init(count: 1))
        var options = ServerOptions()
        options.schedulers = group
        options.reportMetrics(every: .milliseconds(20), to: metrics, includesProcesses: true)
        var servers: [WebSocketServer] = []
        for _ in 0..<2 { servers.append(try await WebSocketServer.listen(port: 0, options: options) { _ in }) }
        let label = [("scheduler", "0")]
        #expect(await eventually { (try? metrics.expectMeter("hansom_processes", label).lastValue) ?? 0 > 0 })
        for server in servers { await server.shutdown(within: .seconds(5)) }
        await group.shutdown()
        #expect(await eventually { (try? metrics.expectMeter("hansom_processes", label).lastValue) == 0 })
        // Each that has begun has ended, and was counted once.
        let started = try metrics.expectCounter("hansom_processes_spawned").totalValue
        let ended = ["normal", "shutdown", "killed", "error", "noProcess"].map { reason in
            (try? metrics.expectCounter("hansom_processes_ended", [("reason", reason)]))?.totalValue ?? 0
        }
        #expect(started > 0 && ended.reduce(0, +) == started)
    }
}
