import Actors

/// What Hansom's processes cost: `processes MEASURE [--schedulers N] [--seconds S]`.
///
/// Prints a line for each figure: its name and its value, in nanoseconds or bytes. `../erlang/measures.erl` does the
/// same on the BEAM, in the same way.
@main
struct Processes {
    static let measures: [String: any Measure] = [
        "ring": Ring(), "pingpong": PingPong(), "spawn": SpawnAndExit(), "fanin": FanIn(), "idle": IdleMemory(),
        "cross": CrossPingPong(), "spawned": Spawned(), "call": Calls(), "timers": Timers(),
        "backlog": Backlog(), "ticker": Ticker(), "neighbour": Neighbour(), "busycall": BusyCall(), "downs": Downs(),
    ]

    static func main() async {
        do {
            let options = try Options(CommandLine.arguments.dropFirst())
            // A benchmark holds its scheduler and fills mailboxes on purpose: nobody needs to be told.
            let system = SystemSettings(report: { _ in })
            let group = try SchedulerGroup(options: .init(count: options.schedulers, system: system))
            let bench = Bench(schedulers: group.schedulers, seconds: options.seconds)
            for figure in try await options.measure.figures(bench) { print("\(figure.name) \(figure.value)") }
        } catch {
            print("processes: \(error)")
            leave(code: 1)
        }
    }
}
