import Actors
import HansomTesting
import Testing

@Suite(.ownThread, .timeLimit(.minutes(2))) struct ReceiveTests {
    let driven = HandDriven()

    @Test func `a receive with a timeout returns nothing when it is over, and loses nothing (P13)`() {
        let probe = Probe<Int?>()
        driven.run {
            let process = Process<Int>.spawn { me in
                for _ in 0..<5 { probe.record(await me.receive(timeout: .seconds(1))) }
            }
            driven.settle()
            driven.advance(by: .milliseconds(999))
            #expect(probe.values == [])
            driven.advance(by: .milliseconds(1))
            #expect(probe.values == [nil])
            driven.advance(by: .milliseconds(500))
            process.send(1)
            process.send(2)
            driven.settle()
            #expect(probe.values == [nil, 1, 2])
            #expect(driven.scheduler.alarmCount == 1, "only the alarm of the receive that waits now")
            // The message is there when the time is over: it counts.
            process.send(3)
            driven.advance(by: .seconds(1))
            #expect(probe.values == [nil, 1, 2, 3])
            driven.advance(by: .seconds(1))
            #expect(probe.values == [nil, 1, 2, 3, nil])
            #expect(driven.scheduler.alarmCount == 0)
        }
    }

    @Test func `a message and the end of the time in one turn lose nothing (P13)`() {
        let probe = Probe<Int?>()
        let driven = driven
        driven.run {
            let process = Process<Int>.spawn { me in
                for _ in 0..<3 { probe.record(await me.receive(timeout: .seconds(1))) }
            }
            driven.settle()
            driven.time.advance(by: .seconds(1))
            OSThreads.run { _ in process.send(7) }
            driven.settle()
            driven.time.advance(by: .seconds(1))
            driven.turn()
            process.send(8)
            driven.settle()
            #expect(probe.values.compactMap { $0 } == [7, 8])
            process.exit(.kill)
            driven.settle()
        }
    }

    @Test(arguments: [Duration.zero, .seconds(-1)])
    func `a timeout of nothing takes what is there and waits for nothing (P13)`(timeout: Duration) {
        let probe = Probe<Int?>()
        driven.run {
            let process = Process<Int>.spawn { me in
                while await me.receive() != 0 {}
                for _ in 0..<3 { probe.record(await me.receive(timeout: timeout)) }
            }
            for number in [5, 0, 1, 2] { process.send(number) }
            driven.settle()
        }
        #expect(probe.values == [1, 2, nil])
    }

    @Test func `the end of a process ends its receive and its iteration (P4)`() {
        let probe = Probe<String>()
        driven.run {
            let timed = Process<Int>.spawn { me in
                probe.record("timed \(await me.receive(timeout: .seconds(9)) == nil)")
                probe.record("again \(await me.receive(timeout: .seconds(9)) == nil)")
            }
            let iterating = Process<Int>.spawn { me in
                for await number in me.mailbox { probe.record("\(number)") }
                probe.record("iterated \(await me.receive() == nil)")
            }
            iterating.send(1)
            driven.settle()
            timed.exit(.shutdown)
            iterating.exit(.shutdown)
            driven.settle()
            #expect(driven.scheduler.alarmCount == 0)
        }
        #expect(probe.values == ["1", "timed true", "again true", "iterated true"])
    }

    @Test func `an iterator can be moved by hand`() {
        let probe = Probe<Int?>()
        driven.run {
            let process = Process<Int>.spawn { me in
                var iterator = me.mailbox.makeAsyncIterator()
                probe.record(await iterator.next())
                probe.record(await iterator.next(isolation: me))
            }
            process.send(1)
            process.send(2)
            driven.settle()
        }
        #expect(probe.values == [1, 2])
    }

    @Test func `a receive that need not wait costs no job, and one that must costs one`() {
        let count = 1_000
        driven.run {
            let process = Process<Int>.spawn { me in
                for await _ in me.mailbox {}
            }
            driven.settle()
            var before = driven.scheduler.jobsRun
            for number in 0..<count {
                process.send(number)
                driven.settle()
            }
            #expect(driven.scheduler.jobsRun - before == UInt64(count), "each had to be waited for")
            before = driven.scheduler.jobsRun
            for number in 0..<count { process.send(number) }
            driven.settle()
            #expect(driven.scheduler.jobsRun - before == 1, "the first was waited for, the others were there")
            #expect(driven.scheduler.jobsPosted == 0)
            process.exit(.kill)
            driven.settle()
        }
    }

    @Test func `a body never leaves its thread, whoever sends`() async throws {
        try await withGroup { group in
            let scheduler = group.schedulers[0]
            let own = await scheduler.ask { _ in currentThread() }
            let count = 2_000
            let before = await scheduler.ask { $0.jobsPosted }
            let process = Process<Int>.spawn(on: scheduler) { me in
                for _ in 0..<count {
                    _ = await me.receive(timeout: .seconds(60))
                    if currentThread() != own { Issue.record("resumed on another thread") }
                }
            }
            OSThreads.run(4) { _ in for number in 0..<count / 4 { process.send(number) } }
            _ = try await process.down()
            // Messages come as actions: no other thread ever resumed the task.
            #expect(await scheduler.ask { $0.jobsPosted } == before)
        }
    }

    @Test func `a task that prefers the scheduler comes back to it after other actors`() async throws {
        actor Elsewhere { func visit() -> UInt { currentThread() } }
        try await withGroup { group in
            let own = await group.schedulers[0].ask { _ in currentThread() }
            let elsewhere = Elsewhere()
            let process = Process<Int>.spawn(on: group.schedulers[0]) { me in
                for _ in 0..<100 {
                    _ = await elsewhere.visit()
                    if currentThread() != own { Issue.record("did not come back") }
                    await Task.yield()
                    if currentThread() != own { Issue.record("did not come back from a yield") }
                }
            }
            _ = try await process.down()
        }
    }

    /// The ways to wait for a message.
    enum Way: CaseIterable, Sendable {
        case plain, timed, selective, iterated

        func receive(_ me: isolated Process<Int>) async -> Int? {
            switch self {
            case .plain: return await me.receive()
            case .timed: return await me.receive(timeout: .seconds(60))
            case .selective: return await me.receive { $0 > 0 }
            case .iterated:
                for await number in me.mailbox { return number }
                return nil
            }
        }
    }

    @Test(arguments: Way.allCases, Way.allCases)
    func `a second task that receives gets nothing and is reported, the first goes on (P13)`(first: Way, second: Way) {
        let world = World()
        let log = Probe<String>()
        let process = world.spawn(Int.self, label: "greedy") { me in
            Task {
                log.record("second \(await second.receive(me) ?? -1)")
                log.record("third \(await second.receive(me) ?? -1)")
            }
            log.record("first \(await first.receive(me) ?? -1)")
            log.record("again \(await first.receive(me) ?? -1)")
        }
        #expect(log.values == ["second -1", "third -1"])
        let reports = world.events.values.compactMap { event -> ProcessIdentity? in
            if case .secondReceiver(let report) = event { report.process } else { nil }
        }
        #expect(reports.map(\.pid) == [process.pid, process.pid] && reports.first?.label == "greedy")
        world.play { process.send(7) }
        #expect(log.values.last == "first 7" && log.count == 3)
        world.advance(by: .seconds(30))
        world.play { process.send(8) }
        #expect(log.values.last == "again 8")
        #expect(!process.pid.isAlive && world.scheduler.alarmCount == 0)
        world.end()
    }

    @Test func `who received first stays first, though the other took its message (P13)`() {
        let world = World()
        let log = Probe<String>()
        let process = world.spawn(Int.self) { me in
            let helper = Task {
                await Task.yield()
                while let number = await me.receive() { log.record("helper \(number)") }
                log.record("helper ends")
            }
            for await number in me.mailbox { log.record("body \(number)") }
            await helper.value
        }
        world.wait { log.count == 1 }
        #expect(log.values == ["helper ends"])
        world.play { for number in 0..<3 { process.send(number) } }
        #expect(log.values == ["helper ends", "body 0", "body 1", "body 2"])
        world.end()
    }

    @Test(arguments: Way.allCases)
    func `a helper that waits for a message and is cancelled waits no longer (P13)`(way: Way) {
        let world = World()
        let log = Probe<String>()
        let process = world.spawn(Int.self) { me in
            let helper = Task { log.record("helper \(await way.receive(me) ?? -1)") }
            let begun = Task { await Task.yield() }
            await begun.value
            helper.cancel()
            await helper.value
            // One that is cancelled before it waits does not begin to.
            let late = Task {
                while !Task.isCancelled { await Task.yield() }
                log.record("late \(await way.receive(me) ?? -1)")
            }
            late.cancel()
            await late.value
            log.record("body \(await way.receive(me) ?? -1)")
        }
        world.wait { log.count == 2 }
        #expect(log.values == ["helper -1", "late -1"])
        world.play { process.send(3) }
        world.wait { log.count == 3 }
        #expect(log.values.last == "body 3")
        #expect(world.events.count == 0 && world.scheduler.alarmCount == 0)
        world.end()
    }

    @Test(arguments: Way.allCases)
    func `a helper that was started at once is no part of its body: it waits until it is cancelled (P13)`(way: Way) {
        let world = World()
        let log = Probe<String>()
        let process = world.spawn(Int.self) { me in
            let helper = Task.immediate { log.record("helper \(await way.receive(me) ?? -1)") }
            let begun = Task { await Task.yield() }
            await begun.value
            helper.cancel()
            await helper.value
            log.record("body \(await way.receive(me) ?? -1)")
        }
        world.wait { log.count == 1 }
        #expect(log.values == ["helper -1"])
        world.play { process.send(3) }
        world.wait { log.count == 2 }
        #expect(log.values.last == "body 3")
        world.end()
    }

    @Test func `who is no part of a process receives none of its messages (P13)`() {
        let world = World()
        let (log, got) = (Probe<String>(), Probe<Int>())
        let other = world.spawn(Int.self) { me in while let number = await me.receive() { got.record(number) } }
        let thief = world.spawn(Int.self) { _ in log.record("\(await other.receive() ?? -1)") }
        world.wait { !thief.pid.isAlive }
        #expect(log.values == ["-1"])
        world.play { other.send(1) }
        #expect(got.values == [1])
        let reports = world.events.values.filter { if case .secondReceiver = $0 { true } else { false } }
        #expect(reports.count == 1)
        world.end()
    }
}

@Suite(.timeLimit(.minutes(2))) struct JobCountTests {
    @Test func `a process that does nothing costs a job to start and at most one to end`() {
        let driven = HandDriven()
        _ = driven.run { Process<Int>.spawn { _ in } }
        driven.settle()
        // The compiler may leave out the hop from the actor's last line back to the task's.
        #expect(driven.scheduler.jobsRun <= 2)
    }
}
