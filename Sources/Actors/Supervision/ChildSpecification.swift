internal import DequeModule

/// How a child is restarted and stopped: what a supervisor knows of it beside how it is started. (OTP: child
/// specification.)
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
///     Child.running("sweeper") { try await sweep() }   // anything that runs: ends when it returns
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
    /// A closure that forgets to return what it started does not compile: what it starts would be nobody's child.
    ///
    /// - Parameters:
    ///   - id: what it is called; unique under its supervisor.
    ///   - restart: when it is started again; default `.permanent`.
    ///   - limit: how long a start may take before it is cancelled and has failed; default: as long as it takes.
    ///     (OTP: the option `timeout` of `gen_server:start_link/3`.)
    ///   - shutdown: how it is stopped; default `.after(.seconds(5))`. A start that is cancelled has the same time to
    ///     end.
    ///   - significant: whether its end may end the supervisor: see `Supervisor.AutoShutdown`. Default `false`.
    ///   - placement: where it is started; default: as its supervisor says.
    ///   - start: runs as the supervisor and returns when the child is ready; the supervisor does nothing else
    ///     meanwhile. What it throws is a failed start. It is cancelled when the supervisor is to end; what it has begun by then it
    ///     ends itself.
    public init<S: Supervisable>(
        _ id: String, restart: Restart = .permanent, startWithin limit: Duration? = nil,
        shutdown: Shutdown = .after(.seconds(5)), significant: Bool = false, placement: Placement? = nil,
        start: @escaping @Sendable () async throws -> S
    ) {
        self.init(
            ChildSpecification(
                id: id, restart: restart, shutdown: shutdown, isSignificant: significant, isSupervisor: false),
            startWithin: limit, placement: placement, check: { () throws(SupervisorError) in },
            start: { try await start() })
    }

    /// A child that runs: a process of its own calls `run` and ends when that returns or throws.
    ///
    /// - Parameters:
    ///   - id: what it is called; unique under its supervisor.
    ///   - restart: when it is started again; default `.permanent`.
    ///   - shutdown: how it is stopped; default `.after(.seconds(5))`. Its task is cancelled.
    ///   - significant: whether its end may end the supervisor. Default `false`.
    ///   - placement: where it runs; default: as its supervisor says.
    ///   - run: what it does. A permanent one that returns is called again, and again, until the supervisor gives up:
    ///     make one that comes to an end `.transient` or `.temporary`.
    public static func running(
        _ id: String, restart: Restart = .permanent, shutdown: Shutdown = .after(.seconds(5)),
        significant: Bool = false, placement: Placement? = nil, run: @escaping @Sendable () async throws -> Void
    ) -> Child {
        Child(id, restart: restart, shutdown: shutdown, significant: significant, placement: placement) {
            Process<Never>.spawn(label: id) { _ in try await run() }
        }
    }

    /// Not for use: catches a closure that forgets to return what it has started.
    @available(
        *, unavailable,
        message: "the closure returns nothing: return what it started, or write Child.running(id) { … } for what runs"
    )
    public init(
        _ id: String, restart: Restart = .permanent, startWithin limit: Duration? = nil,
        shutdown: Shutdown = .after(.seconds(5)), significant: Bool = false, placement: Placement? = nil,
        run: @escaping @Sendable () async throws -> Void
    ) { fatalError("unavailable") }

    /// A supervisor as a child, or any other.
    init(
        _ specification: ChildSpecification, startWithin limit: Duration? = nil, placement: Placement? = nil,
        check: @escaping @Sendable () throws(SupervisorError) -> Void,
        start: @escaping @Sendable () async throws -> any Supervisable
    ) {
        self.specification = specification
        starter = ChildStarter(start, within: limit, shutdown: specification.shutdown, placement: placement)
        self.check = { () throws(SupervisorError) in
            try ChildStarter.check(limit, of: specification.id)
            try check()
        }
    }
}

/// What a supervisor can watch: something that is a process, or stands for one.
///
/// A bare actor is none: it never ends, and nobody hears of its faults.
public protocol Supervisable: Sendable {
    /// Which process.
    var pid: PID { get }
}

extension PID: Supervisable {
    /// The PID itself: a process stands for itself.
    public var pid: PID { self }
}

extension Address: Supervisable {}

/// How a child is started, and for how long that may go on.
struct ChildStarter: Sendable {
    let start: @Sendable () async throws -> any Supervisable
    /// `nil`: as long as it takes.
    let limit: Duration?
    /// How long a start that is cancelled may take to end, and a child that comes of it nevertheless.
    let shutdown: Child.Shutdown
    /// Where it is started; `nil`: as its supervisor says.
    let placement: Placement?

    init(
        _ start: @escaping @Sendable () async throws -> any Supervisable, within limit: Duration?,
        shutdown: Child.Shutdown, placement: Placement? = nil
    ) {
        self.placement = placement
        self.start = start
        self.limit = limit
        self.shutdown = shutdown
    }

    static func check(_ limit: Duration?, of id: String) throws(SupervisorError) {
        guard let limit, limit <= .zero else { return }
        throw SupervisorError(
            .badSpecification, child: id, advice: "startWithin is \(limit): it must be more than 0, or nil for no limit"
        )
    }
}

/// Whether a supervisor was asked to end by code outside any process. It stands for a message that waits in the
/// mailbox, which a supervisor that starts a child has not read yet.
final class EndWish: @unchecked Sendable {
    // Safety: touched by the thread of the supervisor's scheduler only.
    private(set) var isThere = false

    /// A trapped signal goes into the mailbox.
    func note(_ signal: ExitSignal) -> ExitSignal {
        if signal.from == nil { isThere = true }
        return signal
    }
}

/// How a supervisor starts a child: in a task of its own, since the supervisor's would stay cancelled. So a start that
/// hangs does not hold up the end: Swift can cancel it, which Erlang cannot.
extension Process {
    /// A start under way.
    private final class Attempt {
        // The supervisor's thread alone touches it.
        var outcome: Result<any Supervisable, any Error>?
        /// Nobody waits for the outcome any more.
        var isLeft = false
    }

    /// Starts a child and waits for it, unless this supervisor is to end.
    ///
    /// A start that takes too long is cancelled and then has as long as the child has to stop. One that goes on after
    /// that is left to itself: should a process come of it, that is stopped.
    ///
    /// - Parameter placement: where, if the child does not say.
    func start<S: Server>(
        _ id: String, _ starter: ChildStarter, _ placement: Placement, unless wish: EndWish
    ) async -> Result<any Supervisable, any Error> where Message == ServerMessage<S> {
        if isToEnd(wish) { return .failure(SupervisorError(.startCancelled, child: id)) }
        let attempt = Attempt()
        let scheduler = (starter.placement ?? placement).scheduler(of: core.scheduler)
        let task = Task {
            do {
                let child = try await ProcessCore.$awaiting.withValue(core) {
                    if scheduler === core.scheduler { return try await starter.start() }
                    return try await StartSite(on: scheduler).run(for: core, starter.start)
                }
                if child.pid == pid { throw SupervisorError.returnedItself(id) }
                ended(attempt, .success(child), starter.shutdown)
            } catch {
                ended(attempt, .failure(error), starter.shutdown)
            }
        }
        await wait(for: attempt, starter.limit, unless: wish)
        if let outcome = attempt.outcome { return outcome }
        let error =
            if let limit = starter.limit, !isToEnd(wish) {
                SupervisorError.startTimeout(id, limit)
            } else {
                SupervisorError(.startCancelled, child: id)
            }
        task.cancel()
        await wait(for: attempt, starter.shutdown.patience, unless: nil)
        attempt.isLeft = true
        if case .success(let child) = attempt.outcome { return .success(child) }
        return .failure(error)
    }

    /// Waits for the outcome so long; for a supervisor that is to end, or has, no longer.
    private func wait(for attempt: Attempt, _ limit: Duration?, unless wish: EndWish?) async {
        defer { endPatience() }
        while attempt.outcome == nil, isOpen, limit != .zero, special?.isPatienceOver != true {
            if let wish, isToEnd(wish) { return }
            makeSpecial().filter = { _ in wish?.isThere ?? false }
            if let limit { bePatient(limit) }
            updatePlainness()
            guard await awaitDelivery() else { return }
        }
    }

    /// Whether this supervisor was asked to end, by whomever, or has ended.
    private func isToEnd(_ wish: EndWish) -> Bool {
        if wish.isThere || !isOpen { return true }
        return special?.systemRequests.contains { if case .stop = $0.request { true } else { false } } ?? false
    }

    private func ended(_ attempt: Attempt, _ outcome: Result<any Supervisable, any Error>, _ shutdown: Child.Shutdown) {
        if !attempt.isLeft {
            attempt.outcome = outcome
            resumeReceiver()
        } else if case .success(let child) = outcome {
            letGo(child.pid, shutdown)
        }
    }

    /// Stops a child that nobody waits for.
    private func letGo(_ child: PID, _ shutdown: Child.Shutdown) {
        let patience = shutdown.patience
        if patience != .zero { core.sendExit(.shutdown, to: child.core, grace: patience) }
        if let patience { core.scheduler.arm(Alarm { child.exit(.kill) }, after: patience) }
    }
}

/// How a supervisor stops children. It monitors those that it stops: a child may have undone its link.
extension Process {
    /// Links a child that has started. One that has ended meanwhile is heard of like any other, with its true reason.
    func adopt(_ child: PID) {
        guard !core.machine.isDead else { return child.exit(.killed) }
        core.link(to: child.core, truth: true)
    }

    /// Stops one child and waits until it has ended.
    func stop<S: Server>(_ child: PID, _ shutdown: Child.Shutdown) async
    where Message == ServerMessage<S>, S.Info: SupervisorInfo {
        // Its down comes behind what is there: to look through that each time would cost more with every child.
        var place: Int? = queue.end
        let monitor = monitor(child) { .info(.down($0)) }
        defer { demonitor(monitor, flush: true) }
        let patience = shutdown.patience
        if patience != .zero {
            core.sendExit(.shutdown, to: child.core, grace: patience)
            if await waitForEnd(of: child, patience, from: place) { return }
            // Meanwhile others may have moved.
            place = nil
        }
        child.exit(.kill)
        _ = await waitForEnd(of: child, nil, from: place)
    }

    private func waitForEnd<S: Server>(of child: PID, _ patience: Duration?, from place: Int?) async -> Bool
    where Message == ServerMessage<S>, S.Info: SupervisorInfo {
        let isItsEnd = { (message: Message) in message.end?.pid == child }
        return await receive(from: place, timeout: patience, matching: isItsEnd) { $0 } != nil
    }

    /// Stops all children at once and waits until they have ended. Whatever else comes meanwhile is dropped: the
    /// supervisor ends, and takes no calls any more.
    func stopAll<S: Server>(_ children: some Sequence<PID>, _ shutdown: Child.Shutdown) async
    where Message == ServerMessage<S>, S.Info: SupervisorInfo {
        var left = Set(children)
        // Each of these may be long for a supervisor of many.
        let all = left
        for child in all {
            await core.scheduler.giveWayIfSpent(core)
            monitor(child) { .info(.down($0)) }
        }
        let patience = shutdown.patience
        if patience != .zero {
            for child in all {
                await core.scheduler.giveWayIfSpent(core)
                core.sendExit(.shutdown, to: child.core, grace: patience)
            }
            let deadline = patience.map { core.scheduler.time.nanoseconds &+ $0.clampedNanoseconds }
            while !left.isEmpty, let ended = await nextEnd(until: deadline) { left.remove(ended) }
        }
        for child in Array(left) {
            await core.scheduler.giveWayIfSpent(core)
            child.exit(.kill)
        }
        while !left.isEmpty, let ended = await nextEnd(until: nil) { left.remove(ended) }
    }

    private func nextEnd<S: Server>(until deadline: UInt64?) async -> PID?
    where Message == ServerMessage<S>, S.Info: SupervisorInfo {
        // Not by choice: to step over what has gathered would cost more with every child.
        while let message = await receive(until: deadline) {
            if let ended = message.end { return ended.pid }
        }
        return nil
    }

    private func receive(until deadline: UInt64?) async -> Message? {
        guard let deadline else { return await receive() }
        let now = core.scheduler.time.nanoseconds
        return await receive(timeout: .nanoseconds(Int64(clamping: deadline > now ? deadline - now : 0)))
    }
}

/// What arrives at a supervisor, as far as stopping children needs to know.
protocol SupervisorInfo: Sendable {
    static func down(_ down: Down) -> Self
    /// The down that it is, if it is one.
    var end: Down? { get }
}

extension ServerMessage where S.Info: SupervisorInfo {
    fileprivate var end: Down? { if case .info(let info) = self { info.end } else { nil } }
}

extension Child.Shutdown {
    /// How long a child may take after `.shutdown` before it is killed; `nil`: as long as it takes.
    var patience: Duration? {
        switch self {
        case .immediate: .zero
        case .infinity: nil
        case .after(let time): time
        }
    }
}
