import HansomTesting
import Testing

@testable import Actors

/// Reflection, by `dump` or by a test, does not lead into what the schedulers' threads change meanwhile (P21).
@Suite(.timeLimit(.minutes(1))) struct MirrorTests {
    /// The names of all types that reflection comes to.
    private func types(in value: Any, _ depth: Int = 0) -> Set<String> {
        guard depth < 20 else { return ["depth"] }
        let mirror = Mirror(reflecting: value)
        return mirror.children.reduce(into: ["\(type(of: value))"]) { $0.formUnion(types(in: $1.value, depth + 1)) }
    }

    @Test func `who stands for a process shows who it is, and nothing that changes (P21)`() async throws {
        let world = World()
        let process = world.spawn(Int.self) { me in for await _ in me.mailbox {} }
        let table = try Table<Int, Int>(owner: process)
        let values: [Any] = [
            process, process.pid, process.address, CallError(.noProcess, process.pid), table,
            Down(monitor: MonitorReference(id: 1, target: process.pid), pid: process.pid, reason: .normal),
            ExitSignal(from: process.pid, reason: .normal, grace: nil), world.scheduler,
            ProcessRegistry<Int, Int>(), SchedulerGroup.shared,
        ]
        let inner = ["ProcessCore", "Inbox", "OwnerLock", "Lock", "MockPoller", "Special", "Sharded"]
        for value in values {
            let seen = types(in: value)
            #expect(seen.isDisjoint(with: inner) && !seen.contains("depth"), "\(type(of: value))")
        }
        world.end()
    }
}
