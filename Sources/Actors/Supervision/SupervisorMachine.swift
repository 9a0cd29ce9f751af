/// What a supervisor decides, as a value: no processes, no clock, no waiting.
///
/// It keeps a plan: steps that whoever drives it takes one after the other with `next`, and whose outcome it is told.
/// A step is done before the next is taken, as OTP's supervisor starts and stops its children one at a time; what
/// happens meanwhile is told afterwards. (OTP: `supervisor`.)
struct SupervisorMachine<Handle: Hashable & Sendable>: Sendable {
    typealias ID = String

    /// What is to be done.
    enum Step: Hashable, Sendable {
        case start(ID)
        case stop(ID, Handle, Child.Shutdown)
        /// To call `retry` with the number after so long.
        case wait(Duration, ID, Int)
        /// To call `tryAgain` with the number, after whatever else waits to be dealt with.
        case tryAgain(ID, Int)
        /// The supervisor starts a child again, so many restarts into its period.
        case reportRestart(ID, count: Int, delay: Duration)
        /// It gives up because of this child.
        case reportGiveUp(ID)
        /// It ends, for that reason; every child is stopped.
        case end(End)
    }

    /// Why a supervisor ends.
    enum End: Hashable, Sendable {
        /// It was asked to.
        case asked
        /// A child could not be started when it began.
        case startFailed(ID)
        /// Too many restarts, or its significant children have ended.
        case shutdown
    }

    enum Status: Hashable, Sendable {
        case stopped
        case running(Handle)
        /// It is to be started again: that failed, or waits.
        case restarting
    }

    struct Record: Sendable {
        let specification: ChildSpecification
        var status = Status.stopped
    }

    let strategy: Supervisor.Strategy
    let autoShutdown: Supervisor.AutoShutdown
    let backoff: RestartBackoff?
    private(set) var children: [Record]
    private(set) var intensity: RestartIntensity
    private var plan: [Step] = []
    private var isStarting = true
    private(set) var isEnding = false
    /// The children that each wait holds up.
    private var waits: [Int: Set<ID>] = [:]
    /// The restarts that failed and are to be tried once more.
    private var tries: [Int: Try] = [:]
    private var lastNumber = 0

    private struct Try: Sendable {
        /// The child that could not be started; `nil` if it was stopped for good meanwhile.
        var failed: ID?
        /// Those that were to be started after it.
        var others: Set<ID>
    }

    init(_ options: Supervisor.Options, children: [ChildSpecification]) {
        strategy = options.strategy
        autoShutdown = options.autoShutdown
        backoff = options.backoff
        intensity = RestartIntensity(allowed: options.maxRestarts, period: options.period)
        self.children = children.map { Record(specification: $0) }
        plan = children.map { .start($0.id) }
    }

    // MARK: The plan

    /// The next step, if there is anything to do.
    mutating func next() -> Step? { plan.isEmpty ? nil : plan.removeFirst() }

    func index(_ id: ID) -> Int? { children.firstIndex { $0.specification.id == id } }

    private func child(of handle: Handle) -> Int? { children.firstIndex { $0.status == .running(handle) } }

    // MARK: What became of a step

    /// A child was started.
    mutating func started(_ id: ID, _ handle: Handle) {
        if let index = index(id) { children[index].status = .running(handle) }
        if plan.isEmpty { isStarting = false }
    }

    /// A child could not be started. If that was a restart it is tried again, but not at once: what has happened
    /// meanwhile comes first, the wish that the supervisor ends above all. (OTP: `try_again_restart`.)
    mutating func startFailed(_ id: ID) {
        guard let index = index(id) else { return }
        if isStarting { return stopEverything(.startFailed(id)) }
        // What is left of the plan belongs to the attempt that has failed.
        let others = plan.compactMap { if case .start(let id) = $0 { id } else { nil } }
        children[index].status = .restarting
        for id in others { if let index = self.index(id) { children[index].status = .restarting } }
        lastNumber += 1
        tries[lastNumber] = Try(failed: id, others: Set(others))
        plan = [.tryAgain(id, lastNumber)]
    }

    /// A child was stopped as the plan wanted. A temporary one is forgotten, one that waits for its restart goes on
    /// waiting.
    mutating func stopped(_ id: ID) {
        guard let index = index(id) else { return }
        if children[index].specification.restart == .temporary {
            children.remove(at: index)
        } else if children[index].status != .restarting {
            children[index].status = .stopped
        }
    }

    // MARK: What happens by itself

    /// A child has ended by itself. One that is not running by that handle any more is somebody else's concern.
    mutating func exited(_ handle: Handle, _ reason: ExitReason, now: UInt64, random: Double) {
        guard !isEnding, let index = child(of: handle) else { return }
        let specification = children[index].specification
        children[index].status = .stopped
        switch specification.restart {
        case .permanent: restart(index, now: now, random: random)
        case .transient where !reason.isOrderly: restart(index, now: now, random: random)
        case .transient: checkAutoShutdown(specification)
        case .temporary:
            children.remove(at: index)
            checkAutoShutdown(specification)
        }
    }

    /// A wait is over.
    mutating func retry(_ number: Int) {
        if !isEnding, let held = waits.removeValue(forKey: number) { start(held) }
    }

    /// A child that could not be started again is to be tried once more, which counts as another restart. One that was
    /// started or stopped for good meanwhile is left alone, but not those that were to be started after it.
    ///
    /// - Parameters:
    ///   - now: the time in nanoseconds.
    ///   - random: from 0 up to 1, for a wait.
    mutating func tryAgain(_ number: Int, now: UInt64, random: Double) {
        guard !isEnding, let attempt = tries.removeValue(forKey: number) else { return }
        if let index = attempt.failed.flatMap(index) { return restart(index, now: now, random: random) }
        start(attempt.others)
    }

    /// Starts those children that still wait for it.
    private mutating func start(_ held: Set<ID>) {
        for child in children where child.status == .restarting && held.contains(child.specification.id) {
            plan.append(.start(child.specification.id))
        }
    }

    /// The supervisor is to end.
    mutating func shutDown() { stopEverything(.asked) }

    // MARK: Restarts

    private mutating func restart(_ index: Int, now: UInt64, random: Double) {
        let id = children[index].specification.id
        guard !intensity.add(at: now) else {
            children[index].status = .stopped
            plan = [.reportGiveUp(id)]
            return stopEverything(.shutdown)
        }
        let delay = backoff.map { $0.delay(intensity.count, random) } ?? .zero
        plan.append(.reportRestart(id, count: intensity.count, delay: delay))
        let affected = affected(by: index)
        // An earlier wait or try concerns only those that this restart leaves alone.
        for index in affected { stopWaiting(for: children[index].specification.id) }
        for index in affected.reversed() { planStop(index) }
        // Temporary children are stopped with the others and not started again.
        let again = affected.filter { children[$0].specification.restart != .temporary }
        if delay > .zero {
            for index in again { children[index].status = .restarting }
            lastNumber += 1
            waits[lastNumber] = Set(again.map { children[$0].specification.id })
            plan.append(.wait(delay, id, lastNumber))
        } else {
            for index in again { plan.append(.start(children[index].specification.id)) }
        }
    }

    private mutating func stopWaiting(for id: ID) {
        if !waits.isEmpty { waits = waits.mapValues { $0.subtracting([id]) }.filter { !$0.value.isEmpty } }
        for (number, attempt) in tries {
            let failed = attempt.failed == id ? nil : attempt.failed
            let others = attempt.others.subtracting([id])
            tries[number] = failed == nil && others.isEmpty ? nil : Try(failed: failed, others: others)
        }
    }

    /// The children that are started again when one is, itself included, in order.
    private func affected(by index: Int) -> Range<Int> {
        switch strategy {
        case .oneForOne: index..<(index + 1)
        case .oneForAll: 0..<children.count
        case .restForOne: index..<children.count
        }
    }

    private mutating func planStop(_ index: Int) {
        guard case .running(let handle) = children[index].status else { return }
        let specification = children[index].specification
        plan.append(.stop(specification.id, handle, specification.shutdown))
    }

    // MARK: The end

    private mutating func checkAutoShutdown(_ ended: ChildSpecification) {
        guard ended.isSignificant else { return }
        let isOver =
            switch autoShutdown {
            case .never: false
            case .any: true
            case .all: !children.contains { $0.specification.isSignificant && $0.status != .stopped }
            }
        if isOver { stopEverything(.shutdown) }
    }

    private mutating func stopEverything(_ end: End) {
        guard !isEnding else { return }
        isEnding = true
        plan = plan.filter { if case .reportGiveUp = $0 { true } else { false } }
        for index in children.indices.reversed() { planStop(index) }
        plan.append(.end(end))
    }
}

// MARK: - Management

extension SupervisorMachine {
    /// A child more, at the end of the order. Started when the plan says so.
    mutating func add(_ specification: ChildSpecification) -> SupervisorError.Code? {
        if let index = index(specification.id) {
            if case .running = children[index].status { return .alreadyRunning }
            return .alreadyPresent
        }
        children.append(Record(specification: specification))
        return nil
    }

    /// Forgets a child that could not be started when it was added.
    mutating func forget(_ id: ID) { children.removeAll { $0.specification.id == id } }

    /// Whether a child that is stopped may be started now.
    func mayRestart(_ id: ID) -> SupervisorError.Code? {
        guard let index = index(id) else { return .notFound }
        switch children[index].status {
        case .running: return .alreadyRunning
        case .restarting: return .restarting
        case .stopped: return nil
        }
    }

    /// What must be stopped to stop a child for good, if anything.
    mutating func terminate(_ id: ID) -> Result<(Handle, Child.Shutdown)?, SupervisorError.CodeError> {
        guard let index = index(id) else { return .failure(.init(.notFound)) }
        stopWaiting(for: id)
        guard case .running(let handle) = children[index].status else {
            children[index].status = .stopped
            stopped(id)
            return .success(nil)
        }
        return .success((handle, children[index].specification.shutdown))
    }

    /// Forgets a child that is stopped.
    mutating func delete(_ id: ID) -> SupervisorError.Code? {
        if let problem = mayRestart(id) { return problem }
        forget(id)
        return nil
    }
}

/// How many restarts there were lately, as a value. (OTP: maximum restart intensity.)
struct RestartIntensity: Sendable {
    let allowed: Int
    /// In nanoseconds.
    let period: UInt64
    /// When the restarts of the period were, oldest first; at most one more than are allowed.
    private var times: [UInt64] = []

    init(allowed: Int, period: Duration) {
        self.allowed = allowed
        self.period = period.clampedNanoseconds
    }

    var count: Int { times.count }

    /// Counts a restart. Whether it is one too many.
    mutating func add(at now: UInt64) -> Bool {
        times.removeAll { now &- $0 > period }
        times.append(now)
        return times.count > allowed
    }
}

/// Waiting before a child is started again, longer each time, by a random part of what it could be (full jitter), so
/// that many that failed together do not return together.
public struct RestartBackoff: Sendable, Hashable {
    /// The most that the first wait can be; it doubles with each further restart in the supervisor's period.
    public var first: Duration
    /// The most that any wait can be.
    public var most: Duration

    /// Makes a backoff; both waits are upper bounds, of which a random part is waited.
    ///
    /// - Parameters:
    ///   - first: the most that the first wait can be; default 100 ms.
    ///   - most: the most that any wait can be; default 30 s.
    public init(first: Duration = .milliseconds(100), most: Duration = .seconds(30)) {
        self.first = first
        self.most = most
    }

    /// How long to wait before the restart of that number, from 1.
    ///
    /// - Parameter random: from 0 up to, but not including, 1.
    func delay(_ restart: Int, _ random: Double) -> Duration {
        first.backoff(before: restart, atMost: most) * random
    }
}
