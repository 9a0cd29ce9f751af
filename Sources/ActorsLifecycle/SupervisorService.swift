public import Actors
public import ServiceLifecycle

/// A tree of supervisors as a service of swift-service-lifecycle: the root of an application.
///
///     let group = ServiceGroup(
///         services: [SupervisorService(tree)], gracefulShutdownSignals: [.sigterm], logger: logger)
///     try await group.run()
///
/// It starts the tree and runs until that ends. A graceful shutdown, or cancelling, stops the children, the last one
/// first, as their shutdowns allow.
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
    /// - Throws: `SupervisorError` when the tree cannot be started; the `ExitReason` of the tree when it ended by itself.
    public func run() async throws {
        let running = try await tree.start(on: scheduler)
        let wasAsked = Flag()
        let stop: @Sendable () -> Void = {
            wasAsked.raise()
            Task { await running.stop() }
        }
        let reason = await withGracefulShutdownHandler {
            await withTaskCancellationHandler { await running.down() } onCancel: { stop() }
        } onGracefulShutdown: {
            stop()
        }
        if !wasAsked.isRaised { throw reason }
    }
}
