/// A supervisor to be: its children, how they are restarted, and how often. (OTP: `supervisor`.)
///
///     let tree = Supervisor(.restForOne) {
///         Child("database") { try await Database().started() }
///         Supervisor(.oneForOne, id: "workers") {
///             Child.running("mailer") { try await sendMails() }
///         }
///     }
///     let running = try await tree.start()
///
/// The children are started in the order in which they stand, and stopped in reverse.
public struct Supervisor: Sendable {
    /// Which children are started again when one has ended and is to be.
    public enum Strategy: Sendable, Hashable, CaseIterable {
        /// That one.
        case oneForOne
        /// All: the others are stopped first, the last one first.
        case oneForAll
        /// That one and those after it, which are stopped first, the last one first.
        case restForOne
    }

    /// Whether the supervisor ends, with `.shutdown`, when significant children have ended by themselves and are not
    /// started again.
    public enum AutoShutdown: Sendable, Hashable, CaseIterable {
        /// It goes on without them.
        case never
        /// When one of them has.
        case any
        /// When the last of them has.
        case all
    }

    struct Options: Sendable {
        var strategy: Strategy
        var maxRestarts: Int
        var period: Duration
        var autoShutdown: AutoShutdown
        var backoff: RestartBackoff?
        var placement: Placement = .here
    }

    let id: String
    let options: Options
    let children: [Child]
    /// How it is restarted and stopped under another supervisor.
    let specification: ChildSpecification
    let startLimit: Duration?
    let name: String?

    /// A supervisor with its children.
    ///
    /// - Parameters:
    ///   - strategy: which children are started again with one that is; default `.oneForOne`.
    ///   - id: what it is called, under another supervisor and in reports; default `"supervisor"`.
    ///   - name: a name for the registry, by which `Registry.whereis(_:as: Supervisor.self)` finds it also after a
    ///     restart; default: none.
    ///   - placement: where its children live unless they say otherwise; default `.here`: where it lives itself.
    ///   - maxRestarts: how many restarts it makes in `period` before it gives up, stops its children and ends with
    ///     `.shutdown`; default 1.
    ///   - period: default 5 s.
    ///   - autoShutdown: whether it ends when significant children have; default `.never`.
    ///   - backoff: how it waits before restarts; default: not at all.
    ///   - restart: when it is started again under another supervisor; default `.permanent`.
    ///   - limit: how long it may take to start under another supervisor; default: as long as it takes.
    ///   - shutdown: how it is stopped under another supervisor; default `.infinity`, so that it can stop its children.
    ///   - significant: whether its end may end the supervisor above it; default `false`.
    ///   - children: in the order in which they are started.
    public init(
        _ strategy: Strategy = .oneForOne, id: String = "supervisor", name: String? = nil,
        placement: Placement = .here, maxRestarts: Int = 1, period: Duration = .seconds(5),
        autoShutdown: AutoShutdown = .never, backoff: RestartBackoff? = nil,
        restart: Child.Restart = .permanent, startWithin limit: Duration? = nil, shutdown: Child.Shutdown = .infinity,
        significant: Bool = false, @ChildrenBuilder children: () -> [Child] = { [] }
    ) {
        self.id = id
        self.name = name
        options = Options(
            strategy: strategy, maxRestarts: maxRestarts, period: period, autoShutdown: autoShutdown, backoff: backoff,
            placement: placement)
        self.children = children()
        startLimit = limit
        specification = ChildSpecification(
            id: id, restart: restart, shutdown: shutdown, isSignificant: significant, isSupervisor: true)
    }

    /// Starts it and its children, and returns when all are started.
    ///
    /// Cancelling ends it: the start of the child that is being started is cancelled, the children before it are
    /// stopped, the last one first, and then this throws.
    ///
    /// - Parameters:
    ///   - parent: a process to link it to from its first moment; default: none.
    ///   - name: a name for the registry; default: the one that it was made with, if any.
    ///   - scheduler: where it lives, and its children unless they or `placement` say otherwise; default: the caller's, or from
    ///     outside one of the shared group's in turn.
    /// - Throws: `SupervisorError`: `.badSpecification` before anything is started; `.startFailed` when a child cannot
    ///   be, after those before it were stopped, the last one first. `RegistryError` if the name is taken. `CallError`
    ///   with `.cancelled`: nothing of it is left then.
    public func start(
        linkedTo parent: PID? = nil, name: String? = nil, on scheduler: Scheduler? = nil
    ) async throws -> RunningSupervisor {
        try check()
        let process = SupervisorServer.Me(on: scheduler)
        do {
            try await process.startServing(linkedTo: parent, name ?? self.name, id) { me, ready in
                var server = SupervisorServer(self)
                try await server.serve(me, ready)
            }
        } catch let error as CallError where error.code == .cancelled {
            // It was asked to end, and stops what it has started.
            _ = await process.pid.downInAnyCase()
            throw error
        }
        return RunningSupervisor(server: ServerAddress(ServerProcess(process: process)))
    }

    /// This supervisor as a child of another.
    var asChild: Child {
        Child(
            specification, startWithin: startLimit, check: { () throws(SupervisorError) in try check() },
            start: { try await start() })
    }
}

/// Makes a list of children out of `Child`s and `Supervisor`s, with `if` and `for` as one likes.
@resultBuilder
public enum ChildrenBuilder {
    public static func buildExpression(_ child: Child) -> [Child] { [child] }
    public static func buildExpression(_ supervisor: Supervisor) -> [Child] { [supervisor.asChild] }
    public static func buildExpression(_ supervisor: DynamicSupervisor) -> [Child] { [supervisor.asChild] }
    public static func buildExpression(_ children: [Child]) -> [Child] { children }
    public static func buildBlock(_ parts: [Child]...) -> [Child] { parts.flatMap { $0 } }
    public static func buildOptional(_ part: [Child]?) -> [Child] { part ?? [] }
    public static func buildEither(first part: [Child]) -> [Child] { part }
    public static func buildEither(second part: [Child]) -> [Child] { part }
    public static func buildArray(_ parts: [[Child]]) -> [Child] { parts.flatMap { $0 } }
}

extension Supervisor {
    /// Finds contradictions, here and further down, before anything is started.
    func check() throws(SupervisorError) {
        try options.check(id)
        var seen: Set<String> = []
        for child in children {
            let specification = child.specification
            guard seen.insert(specification.id).inserted else {
                throw SupervisorError(
                    .badSpecification, child: specification.id,
                    advice: "two children of one supervisor have this id: give each its own")
            }
            try specification.check(options.autoShutdown)
            try child.check()
        }
    }
}

extension Supervisor.Options {
    func check(_ id: String) throws(SupervisorError) {
        guard maxRestarts >= 0 else {
            throw SupervisorError(
                .badSpecification, child: id, advice: "maxRestarts is \(maxRestarts): it must be 0 or more")
        }
        guard period > .zero else {
            throw SupervisorError(.badSpecification, child: id, advice: "period is \(period): it must be more than 0")
        }
    }
}

extension ChildSpecification {
    func check(_ autoShutdown: Supervisor.AutoShutdown) throws(SupervisorError) {
        guard isSignificant else { return }
        guard restart != .permanent else {
            throw SupervisorError(
                .badSpecification, child: id,
                advice:
                    "a permanent child never ends for good, so it cannot be significant: make it transient or temporary"
            )
        }
        guard autoShutdown != .never else {
            throw SupervisorError(
                .badSpecification, child: id,
                advice: "it is significant, but its supervisor's autoShutdown is .never: make that .any or .all")
        }
    }
}

/// Why a supervisor could not be started, or would not do what it was asked for.
public struct SupervisorError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. More may be added: keep a default where you switch.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// Its name, as in `notFound`.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// A child could not be started: see `underlying`. Those that had been started were stopped.
        public static let startFailed = Code("startFailed")
        /// The specification contradicts itself.
        public static let badSpecification = Code("badSpecification")
        /// A child of that id is there, and not running.
        public static let alreadyPresent = Code("alreadyPresent")
        /// The child is running.
        public static let alreadyRunning = Code("alreadyRunning")
        /// The child is about to be started again.
        public static let restarting = Code("restarting")
        /// There is no child of that id, or with that process.
        public static let notFound = Code("notFound")
        /// A dynamic supervisor has as many children as it may have.
        public static let tooManyChildren = Code("tooManyChildren")
        /// The supervisor has ended, or did while it was asked.
        public static let noSupervisor = Code("noSupervisor")
        /// The child was not started within its `startWithin`.
        public static let startTimeout = Code("startTimeout")
        /// The child was being started when the supervisor was asked to end, or was to be.
        public static let startCancelled = Code("startCancelled")
        /// The supervisor has ended because this child ended, or could not be started again, more often than is
        /// allowed: see `underlying`.
        public static let gaveUp = Code("gaveUp")
        /// The supervisor has ended because its significant children had.
        public static let significantChildEnded = Code("significantChildEnded")
    }

    /// A code as an error by itself.
    struct CodeError: Error {
        let code: Code
        init(_ code: Code) { self.code = code }
    }

    /// What went wrong; `child` and `underlying` say more of some.
    public let code: Code
    /// The child it is about.
    public let child: String?
    /// What the child's start threw, or why it ended.
    public let underlying: (any Error)?
    /// What is wrong, and what to do.
    let advice: String?

    /// The process that has the name already which the child was to get, if that is why it could not be started: what was
    /// to be started is there. (OTP: `{error, {already_started, Pid}}`.)
    ///
    ///     do {
    ///         _ = try await rooms.start { try await Room().started(name: name) }
    ///     } catch let error as SupervisorError where error.alreadyStarted != nil {
    ///         // Somebody else was first.
    ///     }
    public var alreadyStarted: PID? {
        guard let taken = underlying as? RegistryError, code == .startFailed, taken.code == .nameTaken else {
            return nil
        }
        return taken.holder
    }

    init(_ code: Code, child: String? = nil, underlying: (any Error)? = nil, advice: String? = nil) {
        self.code = code
        self.child = child
        self.underlying = underlying
        self.advice = advice
    }

    public var description: String {
        let child = child.map { "child \"\($0)\"" } ?? "the child"
        switch code {
        case .startFailed: return "\(child) could not be started: \(underlying.map { "\($0)" } ?? "unknown error")"
        case .badSpecification: return "\(child): \(advice ?? "its specification contradicts itself")"
        case .alreadyPresent: return "\(child) is there and stopped: restart it, or delete it first"
        case .alreadyRunning: return "\(child) is running: terminate it first"
        case .restarting: return "\(child) is about to be started again: terminate it first"
        case .notFound: return "there is no \(child)"
        case .tooManyChildren: return advice ?? "the supervisor has as many children as it may have"
        case .noSupervisor: return "the supervisor has ended"
        case .startTimeout: return advice ?? "its start took too long"
        case .startCancelled: return "its start was cancelled, since the supervisor is to end"
        case .gaveUp: return advice ?? "too many restarts"
        case .significantChildEnded: return "the significant children of supervisor \"\(self.child ?? "")\" have ended"
        default: return "\(child): \(code)"
        }
    }
}

extension SupervisorError {
    /// A supervisor has restarted its children more often than it may, last because of this one.
    static func gaveUp(
        _ supervisor: String, _ child: String, _ reason: ExitReason, _ allowed: Int, _ period: Duration
    ) -> SupervisorError {
        // Only a permanent child is started again after that.
        let hint =
            reason.kind == .normal
            ? ": what its start returned had come to its end by itself. Return what goes on, or make it .transient or .temporary"
            : ""
        let limit = allowed == 1 ? "1 restart" : "\(allowed) restarts"
        return SupervisorError(
            .gaveUp, child: child, underlying: reason,
            advice:
                "supervisor \"\(supervisor)\" gave up after \(limit) in \(period), since child \"\(child)\" ended with: \(reason)\(hint)"
        )
    }

    /// A child's start returned the process of the supervisor, which cannot watch itself.
    static func returnedItself(_ child: String) -> SupervisorError {
        SupervisorError(
            .badSpecification, child: child,
            advice: "its start returned the supervisor's own process: return what it started")
    }

    /// A start has taken longer than it may.
    static func startTimeout(_ child: String, _ limit: Duration) -> SupervisorError {
        SupervisorError(.startTimeout, child: child, advice: "its start took longer than \(limit)")
    }
}
