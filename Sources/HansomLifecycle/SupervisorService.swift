public import Actors
internal import Logging
public import ServiceLifecycle

/// A tree of supervisors as a service of swift-service-lifecycle: the root of an application.
///
///     let group = ServiceGroup(
///         services: [SupervisorService(tree)], gracefulShutdownSignals: [.sigterm], logger: logger)
///     try await group.run()
///
/// It starts the tree and runs until that ends. A graceful shutdown, or cancelling, stops the children, the last one
/// first, as their shutdowns allow; while the tree is being started it cancels that first.
public struct SupervisorService: Service {
    private let tree: Supervisor
    private let scheduler: Scheduler?

    /// - Parameters:
    ///   - tree: what it starts.
    ///   - scheduler: where the supervisor lives; default: one of the shared group's.
    public init(_ tree: Supervisor, on scheduler: Scheduler? = nil) {
        self.tree = tree
        self.scheduler = scheduler
    }

    /// Returns after a shutdown that was asked for.
    ///
    /// - Throws: `SupervisorError` when the tree cannot be started; the `ExitReason` of the tree when it ended by
    ///   itself, whose `error` says which child it gave up on and why.
    public func run() async throws {
        let wasAsked = Promise<Void>()
        // A task of its own, since a graceful shutdown does not cancel this one.
        let starting = Task { try await tree.start(on: scheduler) }
        let stop: @Sendable () -> Void = {
            wasAsked.keep(())
            starting.cancel()
            Task { try await starting.value.stop() }
        }
        let end = await withGracefulShutdownHandler {
            await withTaskCancellationHandler {
                await self.end(of: starting)
            } onCancel: {
                stop()
            }
        } onGracefulShutdown: {
            stop()
        }
        if wasAsked.current == nil { throw end }
    }

    /// Waits until a tree has ended, or could not be started, and says why.
    private func end(of starting: Task<RunningSupervisor, any Error>) async -> any Error {
        do {
            return try await starting.value.pid.downInAnyCase()
        } catch {
            return error
        }
    }
}

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
        self.init(
            id, restart: restart, shutdown: shutdown, significant: significant,
            start: {
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
    ///
    /// A service group that the tree itself runs in tells the service too, since that is what its task-locals say, and may be
    /// first: then the process waits for its supervisor, which would start another one.
    fileprivate func run(_ service: any Service) async throws {
        trapExits { .exit($0) }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: Logger(label: "hansom.service")))
        let wasToldByOthers = Promise<Void>()
        let running = Task {
            do {
                try await withGracefulShutdownHandler {
                    try await group.run()
                } onGracefulShutdown: {
                    wasToldByOthers.keep(())
                }
                self.send(.ended(nil))
            } catch {
                self.send(.ended(error))
            }
        }
        defer { running.cancel() }
        var hasEnded = false
        for await event in mailbox {
            switch event {
            case .ended(let error?): throw error
            case .ended(nil):
                if wasToldByOthers.current == nil { return }
                hasEnded = true
            case .exit:
                if hasEnded { return }
                await group.triggerGracefulShutdown()
            }
        }
    }
}
