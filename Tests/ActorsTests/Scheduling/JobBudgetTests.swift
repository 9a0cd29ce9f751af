import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct JobBudgetTests {
    /// A process as far as its budget is concerned: what waits, what each message costs, and what was learned of it.
    private struct Actor {
        var waiting: Int
        var cost: UInt64
        var pace: UInt8 = 1
    }

    /// Jobs that run one after the other.
    private struct Model {
        static let tick: UInt64 = 4_000_000
        var clock: UInt64 = 1
        var budget = JobBudget()

        /// Runs one job, which takes messages for as long as it may and finds some.
        ///
        /// - Parameter cost: of the message of that number, in nanoseconds.
        /// - Returns: how many it took, and how long.
        mutating func run(
            _ pace: inout UInt8, waiting: Int = .max, _ cost: (Int) -> UInt64
        ) -> (taken: Int, time: UInt64) {
            budget.begin()
            let began = clock
            var taken = 0
            while taken < waiting {
                budget.left -= 1
                if budget.left < 0 {
                    let now = clock
                    let goesOn = budget.mayTakeMore(
                        &pace, hasTicked: now / Model.tick != began / Model.tick, time: now)
                    if !goesOn { break }
                }
                clock += cost(taken)
                taken += 1
            }
            return (taken, clock - began)
        }
    }

    /// The longest that a job takes whose messages all cost the same, once that is known.
    private func longest(_ cost: UInt64) -> UInt64 { JobBudget.time * 5 / 4 + 2 * cost }

    @Test func `a budget is 4,000 messages, 250 us or a tick, whichever is first (P30)`() {
        var model = Model()
        var pace: UInt8 = 1
        #expect(model.run(&pace) { _ in 0 }.taken == 4_001, "the first is free")
        #expect(pace == JobBudget.widestPace)
        for cost: UInt64 in [100, 1_000, 20_000, 130_000, 500_000, 900_000, 1_500_000, 3_900_000, 5_000_000, 1 << 30] {
            _ = model.run(&pace) { _ in cost }
            for _ in 0..<5 {
                let job = model.run(&pace) { _ in cost }
                #expect(job.time <= longest(cost), "of \(cost) ns each it took \(job.taken)")
                #expect(cost < Model.tick || job.taken == 1)
            }
        }
        // What was slow may be fast again.
        for _ in 0..<3 { _ = model.run(&pace) { _ in 10 } }
        #expect(pace == JobBudget.widestPace)
    }

    @Test func `a spent budget stays spent until the next job begins (P30)`() {
        var model = Model()
        var pace: UInt8 = 1
        _ = model.run(&pace) { _ in 5_000_000 }
        #expect(model.budget.isSpent)
        for _ in 0..<3 {
            model.budget.left -= 1
            let goesOn = model.budget.left >= 0 || model.budget.mayTakeMore(&pace, hasTicked: false, time: 0)
            #expect(!goesOn)
        }
        model.budget.begin()
        #expect(!model.budget.isSpent)
    }

    @Test func `a job of one message asks nothing, and the clock is read seldom while messages are cheap (P30)`() {
        var budget = JobBudget()
        var (pace, reads): (UInt8, Int) = (1, 0)
        func take() -> Bool {
            budget.left -= 1
            if budget.left >= 0 { return true }
            return budget.mayTakeMore(
                &pace,
                hasTicked: {
                    reads += 1; return false
                }(),
                time: {
                    reads += 1; return 1
                }())
        }
        for _ in 0..<1_000 {
            budget.begin()
            #expect(take())
        }
        #expect(reads == 0)
        budget.begin()
        while take() {}
        #expect(reads < 2 * 4_000 / Int(JobBudget.widestPace) + 8)
    }

    /// Every sequence of costs of six messages, again and again, from every pace: what a job takes beyond its time is
    /// what it took before the clock was first looked at, and between the last two looks.
    @Test func `whatever messages cost, a job takes a budget and what lies between two looks at the clock (P30)`() {
        let costs: [UInt64] = [0, 40_000, 400_000, 3_000_000]
        var wrong: [[UInt64]] = []
        for script in 0..<4096 {
            let sequence = (0..<6).map { costs[script >> (2 * $0) & 3] }
            for start: UInt8 in [1, 2, JobBudget.widestPace] {
                var model = Model()
                var pace = start
                for _ in 0..<3 {
                    let before = Int(max(pace, 1))
                    let job = model.run(&pace) { sequence[$0 % 6] }
                    let most = sequence.max() ?? 0
                    let slices = UInt64(1 + before + Int(JobBudget.widestPace)) * most
                    if job.time > JobBudget.time + slices || job.taken > 4_001 { wrong.append(sequence) }
                }
            }
        }
        #expect(wrong.isEmpty)
    }

    /// Three processes, each with none, one, a few or endless messages that are cheap or costly, and every order in
    /// which more come and jobs run.
    @Test func `nobody waits for more than one budget of each of its neighbours (P30)`() {
        var (wrong, tried) = (0, 0)
        for kinds in 0..<512 {
            for script in 0..<64 {
                tried += 1
                if !isFair(kinds, script) { wrong += 1 }
            }
        }
        #expect(wrong == 0, "of \(tried)")
    }

    private func isFair(_ kinds: Int, _ script: Int) -> Bool {
        let amounts = [0, 1, 40, Int.max / 2]
        var model = Model()
        var actors = (0..<3).map { index in
            let kind = kinds >> (3 * index) & 7
            return Actor(waiting: amounts[kind & 3], cost: kind & 4 == 0 ? 200 : 2_000_000)
        }
        var ready = actors.indices.filter { actors[$0].waiting > 0 }
        // How many jobs of each neighbour have run since one became ready, and how long that has been.
        var seen = [[Int]](repeating: [0, 0, 0], count: 3)
        var since = [UInt64](repeating: model.clock, count: 3)
        for step in 0..<3 {
            let choice = script >> (2 * step) & 3
            if choice < 3, actors[choice].waiting < 100 {
                if actors[choice].waiting == 0 {
                    ready.append(choice)
                    (seen[choice], since[choice]) = ([0, 0, 0], model.clock)
                }
                actors[choice].waiting += 3
            }
            guard !ready.isEmpty else { continue }
            let running = ready.removeFirst()
            let others = actors.indices.filter { $0 != running }
            let bound = others.reduce(UInt64(0)) { $0 + longest(actors[$1].cost) + 33 * 200 }
            guard model.clock - since[running] <= bound, seen[running].allSatisfy({ $0 <= 1 }) else { return false }
            var pace = actors[running].pace
            let cost = actors[running].cost
            let job = model.run(&pace, waiting: actors[running].waiting) { _ in cost }
            actors[running].pace = pace
            actors[running].waiting -= job.taken
            for other in ready { seen[other][running] += 1 }
            if actors[running].waiting > 0 {
                ready.append(running)
                (seen[running], since[running]) = ([0, 0, 0], model.clock)
            }
        }
        return true
    }
}
