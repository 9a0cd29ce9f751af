import OTPScenarios
import Testing

@Suite(.timeLimit(.minutes(2))) struct ComparisonTests {
    private let original = Trace(title: "t", lines: ["a: one", "a: two"])

    private func exception(_ lines: String...) -> Trace { Trace(title: "t", lines: lines) }

    @Test func `equal traces are equal`() {
        #expect(Comparison(ours: original, original: original, exception: nil) == .equal)
    }

    @Test func `a difference names the lines of either side`() {
        let ours = Trace(title: "t", lines: ["a: one", "a: three"])
        #expect(Comparison(ours: ours, original: original, exception: nil) == .differs(["- a: two", "+ a: three"]))
    }

    @Test func `another order is a difference`() {
        let ours = Trace(title: "t", lines: ["a: two", "a: one"])
        #expect(Comparison(ours: ours, original: original, exception: nil) != .equal)
    }

    @Test func `an exception holds while our trace is what it says`() {
        let ours = Trace(title: "t", lines: ["a: one"])
        let listed = exception("because Swift cannot", "a: one")
        #expect(Comparison(ours: ours, original: original, exception: listed) == .listedException)
    }

    @Test func `an exception whose traces have become equal fails`() {
        let listed = exception("because Swift cannot", "a: one")
        guard case .differs = Comparison(ours: original, original: original, exception: listed) else {
            Issue.record("it passes")
            return
        }
    }

    @Test func `an exception that is not as it says fails`() {
        let ours = Trace(title: "t", lines: ["a: three"])
        let listed = exception("because Swift cannot", "a: one")
        guard case .differs = Comparison(ours: ours, original: original, exception: listed) else {
            Issue.record("it passes")
            return
        }
    }

    @Test func `an exception without a reason fails`() {
        let ours = Trace(title: "t", lines: ["a: one"])
        guard case .differs = Comparison(ours: ours, original: original, exception: exception("a: one")) else {
            Issue.record("it passes")
            return
        }
    }
}
