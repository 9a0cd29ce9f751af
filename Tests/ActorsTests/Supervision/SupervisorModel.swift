@testable import Actors

/// A world around one `SupervisorMachine`: children that start or fail, run and end, and a clock; with what must hold
/// of the steps that the machine wants.
struct SupervisorModel {
    enum Outcome: CaseIterable { case normal, shutdown, error }

    struct Setup {
        var strategy: Supervisor.Strategy
        var restarts: [Child.Restart]
        var significant: Set<Int> = []
        var autoShutdown = Supervisor.AutoShutdown.never
        var backoff: RestartBackoff?
        var allowed = 1
    }

    static let period: UInt64 = 5

    let setup: Setup
    private(set) var machine: SupervisorMachine<Int>
    /// The children that live, by their handles.
    private(set) var living: [Int: Int] = [:]
    /// Those that have ended and of which the machine was not told yet, in order.
    private(set) var unheard: [(handle: Int, child: Int, outcome: Outcome)] = []
    private(set) var waits: [Int] = []
    private(set) var tries: [Int] = []
    private(set) var ended: SupervisorMachine<Int>.End?
    private(set) var faults: [String] = []
    private(set) var now: UInt64 = 100
    private var restartTimes: [UInt64] = []
    private var lastHandle = 0
    private var hasGivenUp = false
    /// Children that management has stopped: nobody starts them but management, or a restart of the whole group.
    private var stoppedByHand: Set<Int> = []
    private var isEnding = false

    init(_ setup: Setup) {
        self.setup = setup
        let specifications = setup.restarts.enumerated().map { index, restart in
            ChildSpecification(
                id: "\(index)", restart: restart, shutdown: .immediate,
                isSignificant: setup.significant.contains(index),
                isSupervisor: false)
        }
        machine = SupervisorMachine(
            Supervisor.Options(
                strategy: setup.strategy, maxRestarts: setup.allowed, period: .nanoseconds(Int64(Self.period)),
                autoShutdown: setup.autoShutdown, backoff: setup.backoff), children: specifications)
    }

    private mutating func fault(_ text: String) { faults.append(text) }

    // MARK: Steps

    /// Takes steps until one is a start, whose outcome is chosen from outside; `nil` when there is none left.
    mutating func nextStart() -> Int? {
        while let step = machine.next() {
            if ended != nil { fault("\(step) after the end") }
            switch step {
            case .start(let id): return Int(id)
            case .stop(let id, let handle, _): stop(Int(id) ?? -1, handle)
            case .wait(_, _, let number): waits.append(number)
            case .tryAgain(_, let number): tries.append(number)
            case .reportRestart(_, let count, _): countRestart(count)
            case .reportGiveUp: hasGivenUp = true
            case .end(let end): finish(end)
            }
        }
        return nil
    }

    private mutating func countRestart(_ count: Int) {
        restartTimes = restartTimes.filter { now - $0 <= Self.period } + [now]
        if restartTimes.count > setup.allowed {
            fault("\(restartTimes.count) restarts where \(setup.allowed) are allowed")
        }
        if restartTimes.count != count { fault("reports restart \(count), it is \(restartTimes.count)") }
    }

    private mutating func stop(_ child: Int, _ handle: Int) {
        let isUnheard = unheard.contains { $0.handle == handle }
        if living[handle] != child && !isUnheard { fault("stops \(child), which does not run") }
        if setup.strategy == .oneForOne && !machine.isEnding { fault("one for one stops \(child)") }
        if living.values.contains(where: { $0 > child }) { fault("stops \(child) before one that was started later") }
        living[handle] = nil
        unheard.removeAll { $0.handle == handle }
        machine.stopped("\(child)")
    }

    private mutating func finish(_ end: SupervisorMachine<Int>.End) {
        if ended != nil { fault("ends twice") }
        if !living.isEmpty { fault("ends while \(living.values.sorted()) run") }
        if end == .asked && !isEnding { fault("ends as asked, and was not") }
        ended = end
    }

    mutating func starts(_ child: Int, _ succeeds: Bool) {
        if machine.isEnding || ended != nil { fault("starts \(child) though it is ending") }
        if living.values.contains(child) { fault("starts \(child), which runs") }
        if setup.strategy != .oneForOne && living.values.contains(where: { $0 > child }) {
            fault("starts \(child) after one that stands behind it")
        }
        if succeeds {
            lastHandle += 1
            living[lastHandle] = child
            machine.started("\(child)", lastHandle)
        } else {
            machine.startFailed("\(child)")
        }
    }

    // MARK: What happens

    /// A child ends by itself; the machine hears of it later.
    mutating func childEnds(_ handle: Int, _ outcome: Outcome, after delay: UInt64) {
        guard let child = living.removeValue(forKey: handle) else { return }
        now += delay
        unheard.append((handle, child, outcome))
    }

    /// The machine hears of the first end that it has not heard of.
    mutating func hear() {
        let (handle, child, outcome) = unheard.removeFirst()
        let reason: ExitReason =
            switch outcome {
            case .normal: .normal
            case .shutdown: .shutdown("detail")
            case .error: .error(Failure())
            }
        let count = restartTimes.count
        machine.exited(handle, reason, now: now, random: 0.5)
        let restart = setup.restarts[child]
        let isFinal = restart == .temporary || (restart == .transient && outcome != .error)
        if isFinal && machine.isEnding && setup.autoShutdown == .never { fault("ends because \(child) is done") }
        if isFinal && restartTimes.count != count { fault("starts \(child) again") }
    }

    mutating func waitIsOver(_ number: Int) {
        waits.removeAll { $0 == number }
        machine.retry(number)
    }

    mutating func tryAgain(_ number: Int) {
        tries.removeAll { $0 == number }
        machine.tryAgain(number, now: now, random: 0.5)
    }

    mutating func shutDown() {
        isEnding = true
        machine.shutDown()
    }

    mutating func terminate(_ child: Int) {
        guard case .success(let running) = machine.terminate("\(child)") else { return }
        if let (handle, _) = running {
            living[handle] = nil
            unheard.removeAll { $0.handle == handle }
            machine.stopped("\(child)")
        }
        stoppedByHand.insert(child)
    }

    mutating func delete(_ child: Int) {
        if machine.delete("\(child)") == nil { stoppedByHand.insert(child) }
    }

    // MARK: What must hold when the plan is done

    mutating func checkAtRest() {
        let known = Dictionary(
            uniqueKeysWithValues: machine.children.map { (Int($0.specification.id) ?? -1, $0.status) })
        for (child, status) in known {
            if case .running(let handle) = status {
                if living[handle] != child && !unheard.contains(where: { $0.handle == handle }) {
                    fault("takes \(child) to run")
                }
            } else if living.values.contains(child) {
                fault("does not know that \(child) runs")
            }
        }
        if machine.isEnding != (ended != nil) { fault("is ending and has no step left") }
        if ended != nil && !living.isEmpty { fault("\(living) run on after the end") }
        if hasGivenUp && ended != .shutdown { fault("gave up and did not end") }
        if ended == nil && unheard.isEmpty && waits.isEmpty && tries.isEmpty { checkAllRun(known) }
    }

    /// Nothing is to be waited for: who should run does, and nobody is about to.
    private mutating func checkAllRun(_ known: [Int: SupervisorMachine<Int>.Status]) {
        for (child, status) in known.sorted(by: { $0.key < $1.key }) {
            if status == .restarting { fault("\(child) waits for ever") }
            if setup.restarts[child] == .permanent && !stoppedByHand.contains(child) && status == .stopped {
                fault("the permanent child \(child) does not run")
            }
            if setup.restarts[child] == .temporary && status == .stopped { fault("remembers the temporary \(child)") }
        }
    }
}
