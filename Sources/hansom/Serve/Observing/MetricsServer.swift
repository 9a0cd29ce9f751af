internal import Actors
internal import WSServer

/// A server of its own that says numbers to Prometheus: whoever may scrape need not be who may connect.
enum MetricsServer {
    /// Few scrape.
    private static let maxConnections = 64

    /// - Parameter text: makes the answer.
    static func start(
        at place: ServePlace, on schedulers: SchedulerGroup, _ text: @escaping @Sendable () async throws -> String
    ) async throws -> WebSocketServer {
        var options = ServerOptions()
        options.schedulers = schedulers
        options.maxConnections = maxConnections
        var routes = Routes()
        routes.get("/metrics") { _ in
            ServerResponse(
                headers: [.contentType: ServerStatistics.prometheusContentType, .cacheControl: "no-store"],
                text: try await text())
        }
        return try await WebSocketServer.listen(on: [place.endpoint], options: options, routes: routes)
    }
}
