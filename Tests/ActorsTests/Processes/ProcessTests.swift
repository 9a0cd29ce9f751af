import Glibc
import HansomTesting
import Testing

@testable import Actors

/// Ends a test's group when the test is over.
func withGroup<R>(
    count: Int = 2, time: any TimeSource = SystemTime.shared, _ body: (SchedulerGroup) async throws -> R
) async throws -> R {
    let group = try SchedulerGroup(options: .init(count: count, time: time))
    let result: Result<R, any Error>
    do { result = .success(try await body(group)) } catch { result = .failure(error) }
    await group.shutdown(grace: .seconds(5))
    return try result.get()
}

@Suite(.timeLimit(.minutes(2))) struct ProcessTests {
    private struct Broken: Error, Equatable {}

    @Test func `a body that returns ends normally and one that throws with its error (P4)`() async throws {
        try await withGroup { group in
            let (returning, throwing) = (Latch(), Latch())
            let first = Process<Int>.spawn(on: group.next()) { _ in await returning.wait() }
            let second = Process<Int>.spawn(on: group.next()) { _ in
                await throwing.wait()
                throw Broken()
            }
            async let firstReason = first.down()
            async let secondReason = second.down()
            for scheduler in group.schedulers { await untilObserved(scheduler) }
            returning.open()
            throwing.open()
            let (normal, error) = try await (firstReason, secondReason)
            #expect(normal.kind == .normal && normal.description == "normal")
            #expect(error.kind == .error && error.error as? Broken == Broken())
            #expect(error.description == "error(Broken())")
            #expect(!first.pid.isAlive && !second.pid.isAlive)
        }
    }

    /// Turns until every process on `scheduler` has somebody who waits for its end.
    private func untilObserved(_ scheduler: Scheduler) async {
        while await scheduler.ask({ $0.processes.cores.contains { $0.observerCount == 0 } }) { await Task.yield() }
    }

    @Test func `messages of each of many threads arrive complete and in order (P2)`() async throws {
        try await withGroup { group in
            let (senders, each) = (8, 5_000)
            let process = Process<(sender: Int, number: Int)>.spawn(on: group.schedulers[0]) { me in
                var next = Array(repeating: 0, count: senders)
                for _ in 0..<senders * each {
                    guard let message = await me.receive() else { throw Broken() }
                    if message.number != next[message.sender] { throw Broken() }
                    next[message.sender] += 1
                }
            }
            async let reason = process.down()
            OSThreads.run(senders) { sender in
                for number in 0..<each { process.send((sender, number)) }
            }
            let kind = try await reason.kind
            #expect(kind == .normal)
            #expect(!process.pid.isAlive)
        }
    }

    @Test func `messages from its own scheduler and from another arrive in order (P2)`() async throws {
        try await withGroup { group in
            for scheduler in group.schedulers {
                let probe = Probe<Int>()
                let receiver = Process<Int>.spawn(on: group.schedulers[0]) { me in
                    for await number in me.mailbox {
                        probe.record(number)
                        if number == 999 { return }
                    }
                }
                Process<Int>.spawn(on: scheduler) { _ in
                    for number in 0..<1_000 {
                        receiver.send(number)
                        if number % 100 == 0 { await Task.yield() }
                    }
                }
                _ = try await receiver.down()
                #expect(probe.values == Array(0..<1_000))
            }
        }
    }

    @Test func `a sender that moves between schedulers keeps its order (P2)`() async throws {
        try await withGroup(count: 3) { group in
            let rounds = 2_000
            let probe = Probe<Int>()
            let receiver = Process<Int>.spawn(on: group.schedulers[0]) { me in
                for _ in 0..<rounds * 3 { probe.record(await me.receive() ?? -1) }
            }
            for number in 0..<rounds {
                receiver.send(number * 3)
                await group.schedulers[0].ask { _ in receiver.send(number * 3 + 1) }
                await group.schedulers[1].ask { _ in receiver.send(number * 3 + 2) }
            }
            _ = try await receiver.down()
            #expect(probe.values == Array(0..<rounds * 3))
        }
    }

    @Test func `signals keep their place among a sender's messages (P2)`() {
        let driven = HandDriven()
        let probe = Probe<Int>()
        driven.run {
            let process = Process<Int>.spawn { me in for await number in me.mailbox { probe.record(number) } }
            driven.settle()
            OSThreads.run { _ in
                process.send(1)
                process.send(2)
            }
            driven.settle()
            OSThreads.run { _ in
                process.exit(.shutdown)
                process.send(3)
            }
            driven.settle()
            #expect(!process.pid.isAlive)
        }
        #expect(probe.values == [1, 2])
    }

    @Test func `one message at a time, also while the body awaits something else (P3)`() {
        let driven = HandDriven()
        let probe = Probe<String>()
        let gate = DrivenLatch(driven)
        driven.run {
            let process = Process<Int>.spawn { me in
                for await number in me.mailbox {
                    probe.record("begin \(number)")
                    await gate.wait()
                    probe.record("end \(number)")
                }
            }
            process.send(1)
            process.send(2)
            driven.settle()
            #expect(probe.values == ["begin 1"])
            gate.open()
            driven.settle()
            #expect(probe.values == ["begin 1", "end 1", "begin 2", "end 2"])
            process.exit(.kill)
            driven.settle()
        }
    }

    @Test func `a message to a process that has ended is dropped in silence (P1)`() {
        let driven = HandDriven()
        driven.run {
            let process = Process<Int>.spawn { _ in }
            driven.settle()
            process.send(1)
            process.exit(.shutdown)
            process.exit(.kill)
            #expect(driven.settle())
            #expect(!process.pid.isAlive)
        }
    }

    @Test func `a process lands on its spawner's scheduler unless told otherwise (P25)`() {
        let (driven, other) = (HandDriven(index: 3), HandDriven(index: 4))
        driven.run {
            #expect(Process<Int>.spawn { _ in }.pid.description.hasPrefix("<3."))
            #expect(Process<Int>.spawn(on: other.scheduler) { _ in }.pid.description.hasPrefix("<4."))
        }
        driven.settle()
        other.settle()
        #expect(driven.scheduler.processes.isEmpty && other.scheduler.processes.isEmpty)
    }

    @Test func `spawned from outside it lands on the shared group (P25)`() async throws {
        let process = Process<Int>.spawn { me in _ = await me.receive() }
        #expect(SchedulerGroup.shared.schedulers.contains { $0 === process.core.scheduler })
        process.send(1)
        _ = try await process.down()
    }

    @Test func `a body knows its process, and so do its child tasks (P24)`() {
        let driven = HandDriven()
        let probe = Probe<PID?>()
        driven.run {
            let process = Process<Int>.spawn { _ in
                probe.record(ProcessCore.current?.pid)
                Task { probe.record(ProcessCore.current?.pid) }
            }
            driven.settle()
            #expect(probe.values.first == process.pid)
        }
        #expect(ProcessCore.current == nil)
    }

    @Test func `a PID is a value that outlives its process (P1)`() {
        let driven = HandDriven()
        driven.run {
            var process: Process<Int>? = .spawn { _ in }
            let (pid, again) = (process?.pid, process?.pid)
            let other = Process<Int>.spawn { _ in }.pid
            let weak = WeakReference(process)
            process = nil
            driven.settle()
            #expect(weak.object == nil)
            #expect(pid == again && pid != other)
            #expect(Set([pid, again, other]).count == 2)
            #expect(pid?.isAlive == false)
            pid?.exit(.kill)
        }
    }

    @Test func `100,000 processes come and go and leave nothing (P1)`() async throws {
        try await withGroup { group in
            let count = 100_000
            var processes: [WeakReference<Process<Int>>] = []
            var cores: [WeakReference<ProcessCore>] = []
            for _ in 0..<count {
                let process = Process<Int>.spawn(on: group.next()) { me in _ = await me.receive() }
                processes.append(WeakReference(process))
                cores.append(WeakReference(process.core))
            }
            #expect(await group.processCount() == count)
            for process in processes { process.object?.send(1) }
            while await group.processCount() > 0 { await Task.yield() }
            // The tasks return in jobs of their own, after their processes have ended.
            for scheduler in group.schedulers {
                while await scheduler.ask({ !$0.ready.isEmpty }) { await Task.yield() }
            }
            #expect(processes.count { $0.object != nil } == 0)
            #expect(cores.count { $0.object != nil } == 0)
        }
    }

    @Test func `every exit reason says what it is (P4)`() {
        let reasons: [(ExitReason, String)] = [
            (.normal, "normal"), (.shutdown, "shutdown"), (.shutdown("upgrade"), "shutdown(upgrade)"),
            (.kill, "kill"), (.killed, "killed"), (.noProcess, "no process"), (.error(Broken()), "error(Broken())"),
        ]
        for (reason, text) in reasons { #expect("\(reason)" == text) }
    }
}

@Suite(.timeLimit(.minutes(2))) struct ExitTests {
    let driven = HandDriven()

    private func spawn(_ body: @escaping Process<Int>.Body) -> Process<Int> {
        driven.run { Process<Int>.spawn(body) }
    }

    /// Records the reason of the process's end.
    private func watch(_ process: Process<Int>) -> Probe<ExitReason.Kind> {
        let probe = Probe<ExitReason.Kind>()
        driven.run { _ = process.core.addObserver { probe.record($0.kind) } }
        return probe
    }

    @Test func `normal from another does nothing (P6)`() {
        let probe = Probe<Int>()
        let process = spawn { me in for await number in me.mailbox { probe.record(number) } }
        let end = watch(process)
        driven.run {
            process.exit(.normal)
            process.send(1)
        }
        driven.settle()
        #expect(probe.values == [1])
        #expect(end.count == 0)
        driven.run { process.exit(.kill) }
        driven.settle()
    }

    @Test func `normal on oneself ends it (P6)`() {
        let probe = Probe<Bool>()
        let process = spawn { me in
            me.exit(.normal)
            probe.record(await me.receive() == nil)
            probe.record(Task.isCancelled)
        }
        let end = watch(process)
        driven.settle()
        #expect(probe.values == [true, true])
        #expect(end.values == [.normal])
    }

    @Test func `shutdown closes the mailbox, cancels the task, and the down waits for the body (P4)`() {
        let (seen, gate) = (Probe<String>(), DrivenLatch(driven))
        let process = spawn { me in
            for await number in me.mailbox { seen.record("\(number)") }
            seen.record(Task.isCancelled ? "cancelled" : "not cancelled")
            await gate.wait()
        }
        let end = watch(process)
        driven.settle()
        driven.run {
            process.send(1)
            driven.settle()
            process.send(2)
            process.exit(.shutdown("now"))
            process.send(3)
        }
        driven.settle()
        #expect(seen.values == ["1", "cancelled"], "what waited in the mailbox is dropped with it")
        #expect(end.count == 0 && process.pid.isAlive)
        gate.open()
        driven.settle()
        #expect(end.values == [.shutdown])
        #expect(driven.scheduler.alarmCount == 0)
    }

    @Test func `the reason of the signal stands, whatever the body throws (P4)`() {
        let process = spawn { me in
            while await me.receive() != nil {}
            throw CancellationError()
        }
        let end = watch(process)
        driven.settle()
        driven.run {
            process.exit(.shutdown)
            process.exit(.error(CancellationError()))
            process.exit(.normal)
        }
        driven.settle()
        #expect(end.values == [.shutdown])
    }

    @Test func `kill marks it dead at once, its task returns later (P4, P6)`() {
        let (gate, late) = (DrivenLatch(driven), Probe<Bool>())
        let process = spawn { me in
            await gate.wait()
            late.record(await me.receive() == nil && Task.isCancelled)
        }
        let end = watch(process)
        driven.settle()
        driven.run { process.exit(.kill) }
        #expect(end.values == [.killed])
        #expect(!process.pid.isAlive)
        #expect(driven.scheduler.processes.isEmpty)
        gate.open()
        driven.settle()
        #expect(late.values == [true])
        #expect(end.count == 1)
    }

    @Test func `kill overtakes a shutdown that goes on (P4)`() {
        let gate = DrivenLatch(driven)
        let process = spawn { _ in await gate.wait() }
        let end = watch(process)
        driven.settle()
        driven.run { process.exit(.shutdown) }
        driven.settle()
        #expect(driven.scheduler.alarmCount == 1)
        driven.run { process.exit(.kill) }
        #expect(end.values == [.killed])
        #expect(driven.scheduler.alarmCount == 0)
        gate.open()
        driven.settle()
        #expect(end.count == 1)
    }

    @Test func `after a grace of 5 s it is marked dead (P4)`() {
        let gate = DrivenLatch(driven)
        let process = spawn { _ in await gate.wait() }
        let end = watch(process)
        driven.settle()
        driven.run { process.exit(.shutdown) }
        driven.advance(by: .milliseconds(4_999))
        #expect(end.count == 0)
        driven.advance(by: .milliseconds(1))
        #expect(end.values == [.killed])
        #expect(driven.scheduler.processes.isEmpty)
        gate.open()
        driven.settle()
        #expect(end.count == 1)
    }

    @Test func `down tells every asker the reason, before and after the end (P7, P24)`() async throws {
        try await withGroup { group in
            let process = Process<Int>.spawn(on: group.next()) { me in _ = await me.receive() }
            async let first = process.down()
            async let second = process.pid.down()
            while await process.core.scheduler.ask({ _ in process.core.observerCount }) < 2 { await Task.yield() }
            process.send(1)
            let kinds = try await [first.kind, second.kind]
            #expect(kinds == [.normal, .normal])
            let ending = try await process.down()
            #expect(ending.kind == .normal)
        }
    }

    @Test func `what waits for nothing is not kept by an end that was asked for twice`() {
        let process = spawn { me in for await _ in me.mailbox {} }
        let weak = WeakReference(process)
        driven.settle()
        driven.run {
            process.exit(.shutdown)
            process.exit(.kill)
        }
        driven.settle()
        #expect(driven.scheduler.alarmCount == 0)
        #expect(weak.object != nil)
    }

    @Test(arguments: [ExitReason.kill, .shutdown, .error(Failure())], [false, true])
    func `a body that is told to end before it has begun never runs (P4)`(reason: ExitReason, isTask: Bool) {
        let world = World()
        let ran = Counter()
        let pid = world.play {
            let process =
                isTask
                ? ProcessTask.spawn(on: world.scheduler) { ran.add() }.pid
                : Process<Int>.spawn(on: world.scheduler) { _ in ran.add() }.pid
            process.exit(reason)
            return process
        }
        #expect(ran.value == 0)
        #expect(pid.core.endReason?.kind == (reason.kind == .kill ? .killed : reason.kind))
        #expect(world.scheduler.zombies == 0 && world.scheduler.processes.isEmpty)
    }

    @Test(arguments: [ExitReason.shutdown, .error(Failure())])
    func `what is left to do is done in a task that the exit signal has not cancelled (P4)`(reason: ExitReason) {
        let world = World()
        let log = Probe<String>()
        let desk = world.spawn(Reply<Int>.self) { me in for await reply in me.mailbox { reply(7) } }
        let guest = world.spawn(Int.self) { me in
            for await _ in me.mailbox {}
            log.record("\(Task.isCancelled) \((try? await desk.call { $0 }) ?? -1)")
            let answer = try? await me.cleanUp { me in
                log.record("\(Task.isCancelled) \(PID.current == me.pid)")
                do { try await me.send(waiting: 1) } catch {
                    log.record("\((error as? CallError)?.code.description ?? "")")
                }
                return try await desk.call { $0 }
            }
            log.record("\(answer ?? -1) \(Task.isCancelled)")
            await #expect(throws: Failure.self) { try await me.cleanUp { _ in throw Failure() } }
        }
        world.play { guest.exit(reason) }
        world.wait { !guest.pid.isAlive }
        #expect(log.values == ["true -1", "false true", "noProcess", "7 true"])
        #expect(guest.core.endReason?.kind == reason.kind && world.scheduler.zombies == 0)
        world.end()
    }

    @Test func `an exit signal does not cancel what is left to do, a kill does, and the end of the grace (P4)`() {
        for way in ["signal", "kill", "grace"] {
            let world = World()
            let log = Probe<String>()
            let latch = DrivenLatch(world.driven)
            let guest = world.spawn(Int.self) { me in
                await me.cleanUp { _ in
                    await me.cleanUp { _ in
                        await latch.wait()
                        log.record("inner \(Task.isCancelled)")
                    }
                    log.record("outer \(Task.isCancelled)")
                }
                log.record("body \(Task.isCancelled)")
            }
            world.play { guest.exit(way == "kill" ? .kill : .shutdown) }
            if way == "grace" { world.advance(by: .seconds(5)) }
            latch.open()
            world.wait { log.count == 3 }
            #expect(log.values == ["inner \(way != "signal")", "outer \(way != "signal")", "body true"])
            world.driven.settle()
            #expect(guest.core.endReason?.kind == (way == "signal" ? .shutdown : .killed))
            #expect(world.scheduler.zombies == 0)
            world.end()
        }
    }

    @Test func `one whose linked process fails before it has begun never runs (P4, P5)`() {
        let world = World()
        let ran = Counter()
        let parent = world.puppet()
        world.tell(parent) { me in
            me.spawnLink(Int.self) { _ in ran.add() }
            throw Failure()
        }
        #expect(ran.value == 0 && world.scheduler.processes.isEmpty)
    }
}
