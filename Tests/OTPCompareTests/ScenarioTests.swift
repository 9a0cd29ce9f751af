import OTPScenarios
import Testing

@Suite struct ScenarioTests {
    @Test(.timeLimit(.minutes(1)), arguments: Folder.all.scenarios, [1, 2])
    func `a scenario has OTP's trace, or the one that the list of exceptions says (P1 to P19)`(
        scenario: Scenario, schedulers: Int
    ) async throws {
        switch try await Folder.all.comparison(of: scenario, schedulers: schedulers) {
        case .equal, .listedException: break
        case .differs(let lines):
            Issue.record("on \(schedulers) schedulers: \(scenario.title)\n\(lines.joined(separator: "\n"))")
        }
    }

    @Test func `every scenario has a title of its own and one trace of OTP`() {
        let titles = Folder.all.scenarios.map(\.title)
        #expect(Set(titles).count == titles.count)
        #expect(Set(titles) == Set(Folder.all.original.keys))
    }

    @Test func `every exception is one to a scenario`() {
        #expect(Set(Folder.all.exceptions.keys).subtracting(Folder.all.scenarios.map(\.title)) == [])
    }
}
