internal import Actors
internal import WSServer

/// Whether settings can be served, found out without taking a port.
enum ServeCheck {
    /// Reads the certificates and builds the routes, as the server would, and listens where nobody comes.
    static func run(_ settings: ServeSettings, _ service: Service) async throws {
        var options = settings.options
        options.schedulers = try SchedulerGroup(options: .init(count: 1))
        for place in settings.places {
            let server = try await service.listen(on: [.tcp(port: 0, tls: place.tls)], options)
            await server.forceClose()
        }
    }
}
