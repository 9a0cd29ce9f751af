import Logging
import WSServer
import WSServerTelemetry

func observeServer() async throws -> WebSocketServer {
    // guide: observing
    var options = ServerOptions()
    options.logger = Logger(label: "chat")
    options.accessLog = .json { line in print(line) }
    options.reportMetrics(every: .seconds(10))
    options.traceConnections()

    var routes = Routes()
    routes.metrics("/metrics")
    routes.webSocket("/echo") { ws in
        for try await message in ws { try await ws.send(message) }
    }
    let server = try await WebSocketServer.listen(port: 0, options: options, routes: routes)
    let statistics = await server.statistics()
    print(statistics.connections, statistics.traffic.framesReceived, statistics.closes)
    // end
    return server
}
