import HansomTesting
import Testing

@testable import Actors

/// What a process has of the task that spawned it.
@Suite(.ownThread, .timeLimit(.minutes(1))) struct TaskLocalTests {
    @TaskLocal static var request = "none"

    let world = World()
    let seen = Probe<String>()

    @Test(arguments: [false, true])
    func `a process has the task-locals of the task that spawned it, wherever it lives (P29)`(fromElsewhere: Bool) {
        let spawn = { @Sendable in
            TaskLocalTests.$request.withValue("a") { [seen, world] in
                Process<Int>.spawn(on: world.scheduler) { me in
                    seen.record("process \(TaskLocalTests.request)")
                    #expect(PID.current == me.pid)
                    let child = me.spawnLink(Int.self) { _ in seen.record("child \(TaskLocalTests.request)") }
                    _ = try await child.down()
                }
                _ = ProcessTask.spawn(on: world.scheduler) { seen.record("task \(TaskLocalTests.request)") }
            }
        }
        if fromElsewhere { spawn() } else { world.play(spawn) }
        world.wait { seen.count == 3 }
        #expect(Set(seen.values) == ["process a", "child a", "task a"])
    }

    @Test func `also when it is spawned by a process on another scheduler (P29)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 2))
        let here = group.schedulers[0]
        let there = group.schedulers[1]
        let parent = TaskLocalTests.$request.withValue("b") {
            Process<Puppet>.spawn(on: here) { [seen] me in
                let linked = me.spawnLink(Int.self, on: there) { _ in seen.record("linked \(TaskLocalTests.request)") }
                _ = try await linked.down()
                let (monitored, _) = me.spawnMonitor(
                    Int.self, on: there, { _ in seen.record("monitored \(TaskLocalTests.request)") },
                    down: { .down($0) })
                _ = try await monitored.down()
                _ = try await Doubler().started(linkedTo: me.pid, on: there).call { $0 }
                TaskLocalTests.$request.withValue("c") {
                    _ = Process<Int>.spawn(on: there) { _ in seen.record("inner \(TaskLocalTests.request)") }
                }
            }
        }
        let ending = try await parent.down()
        #expect(ending.kind == .normal)
        #expect(await eventually { seen.count == 3 })
        #expect(seen.values == ["linked b", "monitored b", "inner c"])
        await group.shutdown()
    }

    struct Doubler: Server {
        typealias Call = Reply<String>
        typealias Cast = Never
        typealias Info = Never

        mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
            #expect(TaskLocalTests.request == "b")
            call(TaskLocalTests.request)
            return .receive
        }
    }

    @Test func `a supervisor's children have those of the task that started it, each time (P29)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 2))
        let started = Probe<Process<Int>>()
        let supervisor = try await TaskLocalTests.$request.withValue("d") {
            try await Supervisor(.oneForOne, id: "s", maxRestarts: 3, period: .seconds(5)) {
                Child("child") { [seen] in
                    seen.record("starter \(TaskLocalTests.request)")
                    let process = Process<Int>.spawn(on: group.schedulers[1]) { me in
                        seen.record("child \(TaskLocalTests.request)")
                        while await me.receive() != nil {}
                    }
                    started.record(process)
                    return process
                }
            }.start(on: group.schedulers[0])
        }
        // One that is told to end before it has begun never does.
        #expect(await eventually { seen.count == 2 })
        started.values[0].exit(.error(Failure()))
        #expect(await eventually { seen.count == 4 })
        #expect(seen.values == ["starter d", "child d", "starter d", "child d"])
        await supervisor.stop()
        await group.shutdown()
    }

    @Test func `blocking work has the task-locals of the task that calls it (P23, P29)`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let process = TaskLocalTests.$request.withValue("e") {
            Process<Int>.spawn(on: group.schedulers[0]) { [seen] me in
                try await blocking {
                    seen.record("blocking \(TaskLocalTests.request)")
                    #expect(PID.current == me.pid)
                    #expect(Scheduler.current == nil)
                }
                #expect(Scheduler.current === group.schedulers[0], "and the task comes back")
            }
        }
        let ending = try await process.down()
        #expect(ending.kind == .normal)
        let answer = try await TaskLocalTests.$request.withValue("f") { try await blocking { TaskLocalTests.request } }
        seen.record("outside \(answer)")
        #expect(seen.values == ["blocking e", "outside f"])
        await group.shutdown()
    }

    @Test func `one that is asked to end before it begins does not run, though its task was made before (P4, P29)`() {
        final class Token: Sendable {}
        weak var held: Token?
        let process: Process<Int>
        do {
            let token = Token()
            held = token
            process = Process<Int>.spawn(on: world.scheduler) { [seen] _ in
                withExtendedLifetime(token) {}
                seen.record("ran")
            }
        }
        // Its exit overtakes its beginning: it is asked on its own thread.
        world.driven.run { process.core.receiveExit(.shutdown) }
        world.driven.settle()
        #expect(seen.values == [])
        #expect(!process.pid.isAlive)
        #expect(held == nil)
        #expect(world.scheduler.zombies == 0)
    }
}
