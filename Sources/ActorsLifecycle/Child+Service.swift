public import Actors
internal import Logging
public import ServiceLifecycle

extension Child {
    /// A service of swift-service-lifecycle as a child: a process of its own runs it.
    ///
    /// Stopping the child is a graceful shutdown for the service; when the time that `shutdown` gives is over, its task
    /// is cancelled.
    ///
    /// - Parameters:
    ///   - id: what it is called; unique under its supervisor.
    ///   - service: what runs.
    ///   - restart: when it is started again; default `.permanent`. A service that returns has ended `.normal`.
    ///   - shutdown: how it is stopped; default `.after(.seconds(5))`.
    ///   - significant: whether its end may end the supervisor. Default `false`.
    public init(
        _ id: String, service: any Service, restart: Restart = .permanent,
        shutdown: Shutdown = .after(.seconds(5)), significant: Bool = false
    ) {
        self.init(id, restart: restart, shutdown: shutdown, significant: significant, start: {
            Process<ServiceEvent>.spawn(label: id) { me in try await me.run(service) }
        })
    }
}

/// What the process of a service hears of.
private enum ServiceEvent: Sendable {
    case exit(ExitSignal)
    case ended((any Error)?)
}

extension Process where Message == ServiceEvent {
    /// Runs a service to its end, and shuts it down when the process is asked to end.
    fileprivate func run(_ service: any Service) async throws {
        trapExits { .exit($0) }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: Logger(label: "hansom.service")))
        let running = Task {
            do {
                try await group.run()
                self.send(.ended(nil))
            } catch {
                self.send(.ended(error))
            }
        }
        defer { running.cancel() }
        for await event in mailbox {
            switch event {
            case .ended(let error?): throw error
            case .ended(nil): return
            case .exit: await group.triggerGracefulShutdown()
            }
        }
    }
}
