import Testing

@testable import WSServer

/// Who is told goodbye when (S9).
@Suite(.timeLimit(.minutes(2))) struct DrainPlanTests {
    private func options(batch: Int, pause: Duration) -> DrainOptions {
        var options = DrainOptions()
        options.batch = batch
        options.pause = pause
        return options
    }

    private func steps(
        _ count: Int, within deadline: Duration, _ options: DrainOptions, chance: () -> Double
    ) -> [DrainPlan.Step] {
        var plan = DrainPlan(telling: count, within: deadline, options)
        var steps: [DrainPlan.Step] = []
        while let step = plan.next(chance: chance()) { steps.append(step) }
        return steps
    }

    @Test(arguments: [0, 1, 100])
    func `a batch may be as large as numbers are (S9)`(count: Int) {
        let steps = steps(count, within: .seconds(1), options(batch: .max, pause: .seconds(1))) { 0.5 }
        #expect(steps.map(\.told) == (count > 0 ? [0..<count] : []))
    }

    @Test func `tells batch after batch, with pauses that chance varies by half (S9)`() {
        var chances = [0.0, 0.5, 0.999_999, 0.25][...]
        let steps = steps(10, within: .seconds(60), options(batch: 3, pause: .milliseconds(100))) {
            chances.popFirst() ?? 0
        }
        #expect(steps.map(\.told) == [0..<3, 3..<6, 6..<9, 9..<10])
        #expect(steps[0].pause == .milliseconds(50))
        #expect(steps[1].pause == .milliseconds(100))
        #expect(steps[2].pause! > .milliseconds(149) && steps[2].pause! < .milliseconds(150))
        #expect(steps[3].pause == nil)
    }

    @Test(arguments: [0, 1, 2, 7, 100, 12_345], [Duration.zero, .milliseconds(1), .seconds(1), .seconds(30)])
    func `tells everyone once, and within half of the time (S9)`(count: Int, deadline: Duration) {
        for chance in [0.0, 0.999_999] {
            let steps = steps(count, within: deadline, options(batch: 2, pause: .seconds(1))) { chance }
            #expect(steps.flatMap { Array($0.told) } == Array(0..<count))
            let time = steps.compactMap(\.pause).reduce(.zero, +)
            #expect(time <= deadline / 2)
            #expect(steps.last?.pause == nil)
        }
    }

    @Test func `where there is no time there is one batch (S9)`() {
        #expect(steps(500, within: .zero, DrainOptions()) { 0.5 } == [.init(told: 0..<500, pause: nil)])
        #expect(steps(500, within: .seconds(9), options(batch: 1, pause: .zero)) { 0.5 }.count == 1)
    }
}
