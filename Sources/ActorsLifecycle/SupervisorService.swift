public import Actors
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
    /// - Throws: `SupervisorError` when the tree cannot be started; the `ExitReason` of the tree when it ended by itself, whose
    ///   `error` says which child it gave up on and why.
    public func run() async throws {
        let wasAsked = Flag()
        // A task of its own, since a graceful shutdown does not cancel this one.
        let starting = Task { try await tree.start(on: scheduler) }
        let stop: @Sendable () -> Void = {
            wasAsked.raise()
            starting.cancel()
            Task { try await starting.value.stop() }
        }
        let end = await withGracefulShutdownHandler {
            await withTaskCancellationHandler { await self.end(of: starting) } onCancel: { stop() }
        } onGracefulShutdown: {
            stop()
        }
        if !wasAsked.isRaised { throw end }
    }

    /// Waits until a tree has ended, or could not be started, and says why.
    private func end(of starting: Task<RunningSupervisor, any Error>) async -> any Error {
        do {
            return try await starting.value.down()
        } catch {
            return error
        }
    }
}
