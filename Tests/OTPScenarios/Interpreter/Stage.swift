internal import Actors
internal import HansomTesting

/// What the parts of one scenario share: one scheduler, time that the scenario moves, who there is and what they saw.
final class Stage: Sendable {
    let schedulers: SchedulerGroup
    let time = ManualTime()
    let record = Record()
    let cast = Cast()
    let witness: Process<Witness.Input>

    var scheduler: Scheduler { schedulers.schedulers[0] }

    init() throws {
        schedulers = try SchedulerGroup(
            options: .init(count: 1, time: time, name: "scenario", system: .init(report: { _ in })))
        witness = Witness.spawn(on: schedulers.schedulers[0], record)
    }

    /// Ends everybody, so that nothing is left for the next scenario.
    func clear() async {
        for (_, role) in cast.all {
            role.pid.exit(.kill)
            _ = await role.pid.down()
        }
        witness.exit(.kill)
        await schedulers.shutdown()
    }

    /// Watches somebody from now on.
    func watch(_ name: String, _ pid: PID, isChild: Bool = false) async {
        try? await witness.call(timeout: nil) { .watch(pid, name, isChild: isChild, $0) }
    }
}
