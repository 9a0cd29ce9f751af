/// How a child is restarted and stopped: what a supervisor knows of it beside how it is started. (OTP: child specification.)
struct ChildSpecification: Sendable, Hashable {
    let id: String
    let restart: Child.Restart
    let shutdown: Child.Shutdown
    let isSignificant: Bool
    let isSupervisor: Bool
}

/// A child of a supervisor: how it is started, restarted and stopped. (OTP: child specification.)
///
///     Child("cache", restart: .transient) { try await Cache().started() }
///     Child("sweeper") { try await sweep() }   // anything that runs: ends when it returns
public struct Child: Sendable {
    /// When a child is started again.
    public enum Restart: Sendable, Hashable, CaseIterable {
        /// Always.
        case permanent
        /// After an end that was not in good order: not after `.normal`, `.shutdown` or `.shutdown(detail)`.
        case transient
        /// Never; after its end it is forgotten.
        case temporary
    }

    /// How a child is stopped.
    public enum Shutdown: Sendable, Hashable {
        /// With `.shutdown`, and with `.kill` if it has not ended after so long.
        case after(Duration)
        /// With `.shutdown`, however long that takes: for supervisors, which have children to stop.
        case infinity
        /// With `.kill`.
        case immediate
    }

    let specification: ChildSpecification
    let starter: ChildStarter
    /// What can be found wrong before anything is started.
    let check: @Sendable () throws(SupervisorError) -> Void

    /// A child that is started by a closure which returns the process, or what stands for it.
    ///
    /// - Parameters:
    ///   - id: what it is called; unique under its supervisor.
    ///   - restart: when it is started again; default `.permanent`.
    ///   - limit: how long a start may take before it is cancelled and has failed; default: as long as it takes.
    ///     (OTP: the option `timeout` of `gen_server:start_link/3`.)
    ///   - shutdown: how it is stopped; default `.after(.seconds(5))`. A start that is cancelled has the same time to end.
    ///   - significant: whether its end may end the supervisor: see `Supervisor.AutoShutdown`. Default `false`.
    ///   - start: runs as the supervisor and returns when the child is ready; the supervisor does nothing else meanwhile.
    ///     What it throws is a failed start. It is cancelled when the supervisor is to end; what it has begun by then it
    ///     ends itself.
    public init<S: Supervisable>(
        _ id: String, restart: Restart = .permanent, startWithin limit: Duration? = nil,
        shutdown: Shutdown = .after(.seconds(5)), significant: Bool = false,
        start: @escaping @Sendable () async throws -> S
    ) {
        self.init(
            ChildSpecification(
                id: id, restart: restart, shutdown: shutdown, isSignificant: significant, isSupervisor: false),
            startWithin: limit, check: { () throws(SupervisorError) in }, start: { try await start() })
    }

    /// A child that runs: a process of its own calls `run` and ends when that returns or throws.
    ///
    /// - Parameters:
    ///   - id: what it is called; unique under its supervisor.
    ///   - restart: when it is started again; default `.permanent`.
    ///   - shutdown: how it is stopped; default `.after(.seconds(5))`. Its task is cancelled.
    ///   - significant: whether its end may end the supervisor. Default `false`.
    ///   - run: what it does.
    public init(
        _ id: String, restart: Restart = .permanent, shutdown: Shutdown = .after(.seconds(5)),
        significant: Bool = false, run: @escaping @Sendable () async throws -> Void
    ) {
        self.init(id, restart: restart, shutdown: shutdown, significant: significant) {
            Process<Never>.spawn(label: id) { _ in try await run() }
        }
    }

    /// A supervisor as a child, or any other.
    init(
        _ specification: ChildSpecification, startWithin limit: Duration? = nil,
        check: @escaping @Sendable () throws(SupervisorError) -> Void,
        start: @escaping @Sendable () async throws -> any Supervisable
    ) {
        self.specification = specification
        starter = ChildStarter(start, within: limit, shutdown: specification.shutdown)
        self.check = { () throws(SupervisorError) in
            try ChildStarter.check(limit, of: specification.id)
            try check()
        }
    }
}
