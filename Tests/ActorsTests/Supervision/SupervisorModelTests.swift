import Testing

@testable import Actors

/// Every history of a few events, for every strategy: children end in each way, at once and later, starts fail, waits
/// are over in any order, and the end is asked for.
@Suite(.timeLimit(.minutes(5))) struct SupervisorModelTests {
    private struct Explorer {
        /// How many starts may still fail.
        var failures = 1
        var managed = false
        var rests = 0
        var ends: Set<SupervisorMachine<Int>.End> = []
        var faults: Set<String> = []

        mutating func explore(_ model: SupervisorModel, _ events: Int, _ failures: Int) {
            var model = model
            if let child = model.nextStart() {
                for succeeds in failures > 0 ? [true, false] : [true] {
                    var next = model
                    next.starts(child, succeeds)
                    explore(next, events, succeeds ? failures : failures - 1)
                }
                return
            }
            rests += 1
            model.checkAtRest()
            faults.formUnion(model.faults)
            if let end = model.ended { ends.insert(end) }
            if model.ended == nil && model.faults.isEmpty { goOn(model, events, failures) }
        }

        private mutating func goOn(_ model: SupervisorModel, _ events: Int, _ failures: Int) {
            if !model.unheard.isEmpty { with(model, events, failures) { $0.hear() } }
            for number in model.waits { with(model, events, failures) { $0.waitIsOver(number) } }
            for number in model.tries { with(model, events, failures) { $0.tryAgain(number) } }
            guard events > 0 else { return with(model, 0, failures) { $0.shutDown() } }
            for handle in model.living.keys.sorted() {
                for outcome in SupervisorModel.Outcome.allCases {
                    for delay in outcome == .error ? [0, SupervisorModel.period + 1] : [0] {
                        with(model, events - 1, failures) { $0.childEnds(handle, outcome, after: delay) }
                    }
                }
            }
            guard managed else { return }
            for child in model.setup.restarts.indices {
                with(model, events - 1, failures) { $0.terminate(child) }
                with(model, events - 1, failures) { $0.delete(child) }
            }
        }

        private mutating func with(
            _ model: SupervisorModel, _ events: Int, _ failures: Int, _ change: (inout SupervisorModel) -> Void
        ) {
            var next = model
            change(&next)
            explore(next, events, failures)
        }
    }

    private func explore(_ setup: SupervisorModel.Setup, _ events: Int, failures: Int = 1, managed: Bool = false)
        -> Explorer
    {
        var explorer = Explorer(managed: managed)
        explorer.explore(SupervisorModel(setup), events, failures)
        #expect(explorer.faults == [], "\(setup)")
        #expect(explorer.rests > 10)
        return explorer
    }

    private static let mixes: [[Child.Restart]] = [
        [.permanent, .permanent, .permanent], [.permanent, .transient, .temporary],
        [.temporary, .permanent, .transient],
        [.transient, .temporary, .permanent],
    ]

    @Test(arguments: Supervisor.Strategy.allCases, mixes)
    func `order, intensity and restarts hold in every history (P16, P17, P18)`(
        strategy: Supervisor.Strategy, restarts: [Child.Restart]
    ) {
        let explorer = explore(.init(strategy: strategy, restarts: restarts), 3)
        #expect(explorer.ends.isSuperset(of: [.asked, .shutdown, .startFailed("0"), .startFailed("2")]))
    }

    @Test(arguments: Supervisor.Strategy.allCases, [0, 2])
    func `the intensity holds, whatever it is (P18)`(strategy: Supervisor.Strategy, allowed: Int) {
        _ = explore(.init(strategy: strategy, restarts: [.permanent, .permanent], allowed: allowed), 3, failures: 2)
    }

    @Test(arguments: Supervisor.Strategy.allCases, mixes)
    func `nobody is forgotten who waits for a restart (P18)`(strategy: Supervisor.Strategy, restarts: [Child.Restart]) {
        let backoff = RestartBackoff(first: .seconds(1), most: .seconds(4))
        _ = explore(.init(strategy: strategy, restarts: restarts, backoff: backoff, allowed: 2), 2)
    }

    @Test(arguments: Supervisor.Strategy.allCases)
    func `what management stops stays stopped, and holds up nobody else (P18, P19)`(strategy: Supervisor.Strategy) {
        let backoff = RestartBackoff(first: .seconds(1), most: .seconds(4))
        for backoff in [nil, backoff] {
            _ = explore(
                .init(
                    strategy: strategy, restarts: [.permanent, .permanent, .transient], backoff: backoff, allowed: 2),
                2,
                managed: true)
        }
    }

    @Test func `between two tries of a restart that fails it is free for whatever has happened (P18)`() {
        var model = SupervisorModel(.init(strategy: .oneForOne, restarts: [.permanent, .permanent], allowed: 2))
        while let child = model.nextStart() { model.starts(child, true) }
        model.childEnds(1, .error, after: 0)
        model.hear()
        #expect(model.nextStart() == 0)
        model.starts(0, false)
        #expect(model.nextStart() == nil && model.machine.children[0].status == .restarting)
        model.terminate(0)
        #expect(model.nextStart() == nil && model.machine.children[0].status == .stopped)
        for number in model.tries { model.tryAgain(number) }
        #expect(model.nextStart() == nil, "it was stopped for good meanwhile")
        #expect(model.machine.intensity.count == 1, "a try that is not made does not count")
        #expect(model.faults == [])
    }

    @Test(arguments: [Supervisor.AutoShutdown.any, .all])
    func `significant children end it as they should (P17)`(autoShutdown: Supervisor.AutoShutdown) {
        let setup = SupervisorModel.Setup(
            strategy: .oneForOne, restarts: [.transient, .temporary, .permanent], significant: [0, 1],
            autoShutdown: autoShutdown)
        _ = explore(setup, 3)
        var model = SupervisorModel(setup)
        while let child = model.nextStart() { model.starts(child, true) }
        model.childEnds(1, .normal, after: 0)
        model.hear()
        let next = model.nextStart()
        #expect(next == nil && (model.ended == .shutdown) == (autoShutdown == .any))
        guard autoShutdown == .all else { return }
        model.childEnds(2, .error, after: 0)
        model.hear()
        _ = model.nextStart()
        #expect(model.ended == .shutdown, "the temporary one counts whatever it ended with")
    }
}
