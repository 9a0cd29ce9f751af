import Actors
import HTTPTypes
import InMemoryTracing
import SocketTesting
import Testing
import Tracing
import WSClient
import WSServerTelemetry

/// Does a bit of a handler's work, in a span of its own.
private struct Worker: Server {
    typealias Call = Reply<Void>
    let tracer: InMemoryTracer

    mutating func handle(call: Reply<Void>, _ me: isolated Me) async throws -> Next {
        tracer.withSpan("work") { _ in }
        call()
        return .receive
    }
}

/// Requests and connections as spans.
@Suite(.timeLimit(.minutes(2))) struct TracingTests {
    private func withServer(
        _ tracer: InMemoryTracer, worker: ServerProcess<Worker>? = nil, _ body: (WebSocketServer) async throws -> Void
    ) async throws {
        var options = ServerOptions()
        options.traceConnections(with: tracer)
        let server = try await WebSocketServer.listen(port: 0, options: options) { ws in
            for try await message in ws {
                tracer.withSpan("message") { _ in }
                try await worker?.call { $0 }
                try await ws.send(message)
            }
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body(server)) } catch { result = .failure(error) }
        await server.forceClose()
        try result.get()
    }

    @Test func `a request and its connection are spans of the client's trace, the handler's their children (S13)`()
        async throws
    {
        let tracer = InMemoryTracer()
        try await withServer(tracer) { server in
            let traceField = try #require(HTTPField.Name(InMemoryTracer.traceIDKey))
            let spanField = try #require(HTTPField.Name(InMemoryTracer.spanIDKey))
            let headers: HTTPFields = [traceField: "the-trace", spanField: "the-span"]
            let ws = try await WebSocket.connect(
                to: "ws://\(server.address)/chat?token=secret", options: .init(headers: headers))
            try await ws.send(.text("hello"))
            _ = try await ws.recv()
            #expect(await eventually { tracer.finishedSpans.count == 2 })
            try await ws.close(code: .init(rawValue: 4_001))
            #expect(await eventually { tracer.finishedSpans.count == 3 })
        }
        let spans = tracer.finishedSpans
        let connection = try #require(spans.first { $0.operationName == "WebSocket /chat" })
        let handshake = try #require(spans.first { $0.operationName == "WebSocket handshake" })
        let message = try #require(spans.first { $0.operationName == "message" })
        #expect(spans.allSatisfy { $0.traceID == "the-trace" } && connection.parentSpanID == "the-span")
        #expect(handshake.parentSpanID == connection.spanID && message.parentSpanID == connection.spanID)
        #expect(
            connection.kind == .server && handshake.attributes["http.response.status_code"]?.toSpanAttribute() == 101)
        #expect(connection.attributes["websocket.close_code"]?.toSpanAttribute() == 4_001)
        #expect(connection.attributes["client.address"]?.toSpanAttribute() == "127.0.0.1")
        #expect(!"\(spans)".contains("secret") && tracer.activeSpans.isEmpty)
    }

    @Test func `a span of a server process that a handler calls is the connection's child (S13, P29)`() async throws {
        let tracer = InMemoryTracer()
        let worker = try await Worker(tracer: tracer).started()
        try await withServer(tracer, worker: worker) { server in
            let ws = try await WebSocket.connect(to: "ws://\(server.address)/")
            try await ws.send(.text("hello"))
            _ = try await ws.recv()
            try await ws.close()
            #expect(await eventually { tracer.finishedSpans.count == 4 })
        }
        await worker.stop()
        let connection = try #require(tracer.finishedSpans.first { $0.operationName == "WebSocket /" })
        let work = try #require(tracer.finishedSpans.first { $0.operationName == "work" })
        #expect(work.parentSpanID == connection.spanID && work.traceID == connection.traceID)
    }

    @Test func `a refused request ends both spans (S13)`() async throws {
        let tracer = InMemoryTracer()
        try await withServer(tracer) { server in
            let error = await failure {
                _ = try await WebSocket.connect(
                    to: "ws://\(server.address)/", options: .init(headers: [.origin: "http://evil.example"]))
            }
            #expect(error?.response?.status == 403)
        }
        #expect(tracer.finishedSpans.count == 2 && tracer.activeSpans.isEmpty)
        #expect(
            tracer.finishedSpans.allSatisfy { $0.attributes["http.response.status_code"]?.toSpanAttribute() == 403 })
    }
}
