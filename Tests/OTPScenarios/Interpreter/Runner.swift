internal import Actors

/// Runs scenarios on our runtime.
public enum Runner {
    /// What each observer of the scenario saw.
    ///
    /// - Parameter schedulers: on how many the processes are spread, each on the next one.
    /// - Throws: when the system has no thread left for a scheduler.
    public static func trace(of scenario: Scenario, schedulers: Int = 1) async throws -> Trace {
        let stage = try Stage(schedulers: schedulers)
        var controller = Controller(stage)
        await controller.run(scenario.steps)
        let lines = stage.record.lines
        await stage.clear()
        return Trace(title: scenario.title, lines: lines)
    }
}
