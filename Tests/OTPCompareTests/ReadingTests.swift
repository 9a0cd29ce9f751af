import OTPScenarios
import Testing

@Suite(.timeLimit(.minutes(2))) struct ReadingTests {
    @Test func `a scenario is a title and its steps, without empty lines and comments`() {
        let scenarios = Scenario.all(
            in: """
                # a theme
                scenario First
                  spawn a

                  a returns
                scenario Second
                """)
        #expect(scenarios.map(\.title) == ["First", "Second"])
        #expect(scenarios.first?.steps.map(\.words) == [["spawn", "a"], ["a", "returns"]])
    }

    @Test func `what is indented below a supervisor belongs to it`() {
        let steps = Scenario.all(
            in: """
                scenario A tree
                  supervisor top one_for_one
                    child a
                    supervisor inner one_for_all
                      child b
                    child c
                  stop top
                """
        ).first?.steps
        #expect(steps?.map(\.words.first) == ["supervisor", "stop"])
        #expect(steps?.first?.below.map { $0.words[1] } == ["a", "inner", "c"])
        #expect(steps?.first?.below[1].below.map(\.words) == [["child", "b"]])
    }

    @Test func `a trace reads as it is written`() {
        let trace = Trace(title: "A tree", lines: ["a: one", "b: two"])
        #expect(Trace.all(in: "\(trace)\n\n\(trace)") == [trace, trace])
    }
}
