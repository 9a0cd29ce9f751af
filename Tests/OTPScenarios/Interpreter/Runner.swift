internal import Actors

/// Runs scenarios on our runtime.
public enum Runner {
    /// What each observer of the scenario saw.
    public static func trace(of scenario: Scenario) async throws -> Trace {
        let stage = try Stage()
        var controller = Controller(stage)
        await controller.run(scenario.steps)
        let lines = stage.record.lines
        await stage.clear()
        return Trace(title: scenario.title, lines: lines)
    }
}
