import HansomTesting
import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct SchedulerTurnTests {
    let driven = HandDriven()
    var scheduler: Scheduler { driven.scheduler }

    /// Makes one job ready on the scheduler.
    private func addJob(_ body: @escaping @Sendable () -> Void) {
        Task(executorPreference: driven.scheduler) { body() }
    }

    @Test func `jobs run in the order in which they became ready`() {
        let probe = Probe<Int>()
        driven.run { for number in 0..<1_000 { addJob { probe.record(number) } } }
        driven.settle()
        #expect(probe.values == Array(0..<1_000))
    }

    @Test func `the job queue keeps its order while it grows and wraps`() {
        let probe = Probe<Int>()
        driven.run {
            // 100 leave from the front before 700 more arrive, so the ring wraps and then doubles twice.
            for number in 0..<200 { addJob { probe.record(number) } }
            scheduler.turn(maySleep: false)
            for number in 200..<900 { addJob { probe.record(number) } }
        }
        driven.settle()
        #expect(probe.values == Array(0..<900))
    }

    @Test func `a turn runs 256 jobs and then looks at descriptors again`() throws {
        let observer = ObserverDouble()
        let watch = try scheduler.watch(5, interest: .read, observer: observer)
        driven.run { for _ in 0..<600 { addJob {} } }
        driven.turn()
        #expect(scheduler.jobsRun == 256)
        driven.poller.makeReady(5, .read)
        driven.turn()
        #expect(observer.heard == [.read])
        #expect(scheduler.jobsRun == 512)
        driven.turn(maySleep: true)
        #expect(driven.poller.waits == [0, 0, 0], "with jobs waiting it must not sleep")
        scheduler.unwatch(watch)
        driven.settle()
    }

    @Test func `a flood of posts holds up neither descriptors nor alarms nor the order (P26)`() throws {
        let observer = ObserverDouble()
        let watch = try scheduler.watch(5, interest: .read, observer: observer)
        let probe = Probe<Int>()
        let rung = Counter()
        let alarm = Alarm { rung.add() }
        driven.run { scheduler.arm(alarm, at: 0) }
        OSThreads.run { [driven] _ in for number in 0..<10_000 { driven.scheduler.run { probe.record(number) } } }
        driven.poller.makeReady(5, .read)
        driven.turn(maySleep: true)
        #expect(rung.value == 1 && observer.heard == [.read])
        #expect(probe.count == 2 * Scheduler.postsPerDrain)
        // What comes meanwhile has its turn behind what is there, and before that nothing sleeps.
        OSThreads.run { [driven] _ in driven.scheduler.run { probe.record(10_000) } }
        for turn in 1...30 {
            driven.poller.makeReady(5, .read)
            driven.turn(maySleep: true)
            #expect(observer.heard.count == turn + 1)
        }
        #expect(probe.values == Array(0...10_000))
        #expect(driven.poller.waits.prefix(20).allSatisfy { $0 == 0 })
        scheduler.unwatch(watch)
    }

    @Test func `what a post holds is let go of when it is done, not when all are (P26)`() {
        final class Token: Sendable {}
        var tokens: [WeakReference<Token>] = []
        for _ in 0..<1_000 {
            let token = Token()
            tokens.append(WeakReference(token))
            scheduler.run { withExtendedLifetime(token) {} }
        }
        driven.turn()
        #expect(tokens.filter { $0.object == nil }.count == 2 * Scheduler.postsPerDrain)
        driven.settle()
        #expect(tokens.allSatisfy { $0.object == nil })
    }

    @Test func `thousands of alarms of one moment hold up neither descriptors nor posts (P26)`() throws {
        let observer = ObserverDouble()
        let watch = try scheduler.watch(5, interest: .read, observer: observer)
        let rung = Probe<Int>()
        let count = 5_000
        driven.run { for number in 0..<count { scheduler.arm(Alarm { rung.record(number) }, at: 0) } }
        driven.poller.makeReady(5, .read)
        driven.turn()
        #expect(observer.heard == [.read])
        #expect(rung.count == Scheduler.alarmsPerTurn)
        driven.settle()
        #expect(rung.values == Array(0..<count), "they ring in order")
        scheduler.unwatch(watch)
    }

    @Test func `many posts wake a parked scheduler once`() {
        let probe = Probe<Int>()
        driven.poller.duringNextWait = { [driven] in
            OSThreads.run(4) { thread in
                for number in 0..<60 { driven.scheduler.run { probe.record(thread * 60 + number) } }
            }
        }
        driven.turn(maySleep: true)
        #expect(driven.poller.wakes == 1)
        #expect(driven.poller.waits == [nil])
        #expect(probe.count == 240, "what woke it runs in the same turn")
        for thread in 0..<4 {
            let own = probe.values.filter { $0 / 60 == thread }
            #expect(own == Array(thread * 60..<(thread + 1) * 60), "each sender's order is kept")
        }
    }

    @Test func `posts to a scheduler that is awake wake nobody`() {
        let probe = Probe<Int>()
        let driven = driven
        driven.run {
            addJob { OSThreads.run { _ in for number in 0..<100 { driven.scheduler.run { probe.record(number) } } } }
        }
        driven.settle()
        #expect(probe.count == 100)
        #expect(driven.poller.wakes == 0)
    }

    @Test func `what is posted before it parks keeps it from parking`() {
        let driven = driven
        OSThreads.run { _ in driven.scheduler.run {} }
        driven.turn(maySleep: true)
        #expect(driven.poller.waits == [0])
    }

    @Test func `a job from another thread is counted as posted and one of its own is not`() {
        driven.run { addJob {} }
        driven.settle()
        #expect(scheduler.jobsRun > 0)
        #expect(scheduler.jobsPosted == 0)
        addJob {}
        driven.settle()
        #expect(scheduler.jobsPosted == 1)
    }

    @Test func `it sleeps for ever without alarms and until the soonest with them`() {
        let poller = MockPoller()
        let scheduler = Scheduler(index: 0, poller: poller, time: FrozenTime())
        let (sooner, later) = (Alarm {}, Alarm {})
        scheduler.onThisThread {
            scheduler.turn(maySleep: true)
            scheduler.arm(later, after: .milliseconds(7))
            scheduler.turn(maySleep: true)
            scheduler.arm(sooner, after: .microseconds(3))
            scheduler.turn(maySleep: true)
            scheduler.disarm(sooner)
            scheduler.disarm(later)
            scheduler.turn(maySleep: true)
        }
        #expect(poller.waits == [nil, 7_000_000, 3_000, nil])
    }

    @Test func `with manual time it sleeps until the time is moved, and moving it wakes it`() {
        let rang = Probe<Int>()
        driven.run { scheduler.arm(Alarm { rang.record(1) }, after: .seconds(1)) }
        driven.poller.duringNextWait = { [driven] in driven.time.advance(by: .seconds(1)) }
        driven.turn(maySleep: true)
        #expect(driven.poller.waits == [nil])
        #expect(driven.poller.wakes == 1)
        #expect(rang.count == 1)
    }

    @Test func `time moved before it sleeps keeps it from sleeping`() {
        driven.run { scheduler.arm(Alarm {}, after: .seconds(1)) }
        driven.time.advance(by: .seconds(1))
        driven.turn(maySleep: true)
        #expect(driven.poller.waits == [0])
        #expect(driven.poller.wakes == 0)
    }

    @Test func `work for itself runs at once, or later if asked so`() {
        let probe = Probe<String>()
        driven.run {
            scheduler.run { probe.record("at once") }
            scheduler.runLater { probe.record("later") }
            probe.record("returned")
        }
        driven.settle()
        #expect(probe.values == ["at once", "returned", "later"])
    }

    @Test func `a deferred action runs in the next round, without a sleep between`() {
        let probe = Probe<Int>()
        let scheduler = driven.scheduler
        driven.run {
            scheduler.runHereLater {
                probe.record(1)
                scheduler.runHereLater { probe.record(2) }
            }
        }
        driven.turn(maySleep: true)
        #expect(probe.values == [1])
        driven.turn(maySleep: true)
        #expect(probe.values == [1, 2])
        #expect(driven.poller.waits == [0, 0])
    }

    @Test func `asks from elsewhere are answered on the scheduler`() async throws {
        let group = try SchedulerGroup(options: .init(count: 1))
        let answer = await group.schedulers[0].ask { ($0.isCurrent, $0.index, Scheduler.current === $0) }
        #expect(answer == (true, 0, true))
        await group.shutdown()
    }

    @Test func `isolation is checked by thread`() {
        #expect(Scheduler.current == nil)
        #expect(!scheduler.isCurrent)
        #expect(scheduler.isIsolatingCurrentContext() == false)
        driven.run {
            #expect(Scheduler.current === scheduler)
            #expect(scheduler.isIsolatingCurrentContext() == true)
            scheduler.checkIsolated()
        }
        #expect(Scheduler.current == nil)
    }

    @Test func `a false claim of isolation traps`() async {
        await #expect(processExitsWith: .failure) { HandDriven().scheduler.checkIsolated() }
    }

    @Test func `turning one scheduler inside another restores the outer one`() {
        let inner = HandDriven(index: 1)
        driven.run {
            inner.run { #expect(Scheduler.current === inner.scheduler) }
            #expect(Scheduler.current === scheduler)
        }
    }
}

@Suite(.timeLimit(.minutes(2))) struct SpinBudgetTests {
    @Test func `it spins after a post woke it, and each vain spin halves the next`() {
        var budget = SpinBudget()
        #expect(budget.rounds == 0)
        budget.wasWokenByPost()
        var seen: [Int] = []
        while budget.rounds > 0 {
            seen.append(budget.rounds)
            budget.wasVain()
        }
        #expect(seen == [2_000, 1_000, 500, 250, 125, 62])
        budget.wasVain()
        #expect(budget.rounds == 0)
    }

    @Test func `a scheduler that was woken by a post spins and one that a descriptor woke does not`() throws {
        let driven = HandDriven()
        let observer = ObserverDouble()
        let watch = try driven.scheduler.watch(5, interest: .read, observer: observer)
        driven.poller.makeReady(5, .read)
        driven.turn(maySleep: true)
        #expect(driven.scheduler.spins.rounds == 0)
        driven.poller.duringNextWait = { OSThreads.run { _ in driven.scheduler.run {} } }
        driven.turn(maySleep: true)
        #expect(driven.scheduler.spins.rounds == SpinBudget.most)
        driven.turn(maySleep: true)
        #expect(driven.scheduler.spins.rounds == SpinBudget.most / 2)
        driven.scheduler.unwatch(watch)
    }

    @Test func `two schedulers pass a message back and forth without losing a wake-up`() async throws {
        let group = try SchedulerGroup(options: .init(count: 2))
        let hops = 20_000
        let ponger = Process<Process<Int>>.spawn(on: group.schedulers[1]) { me in
            guard let pinger = await me.receive() else { return }
            for hop in 1...hops {
                pinger.send(hop)
                _ = await me.receive()
            }
        }
        let pinger = Process<Int>.spawn(on: group.schedulers[0]) { me in
            ponger.send(me)
            for expected in 1...hops {
                let hop = await me.receive()
                #expect(hop == expected)
                ponger.send(me)
            }
        }
        let ending = try await pinger.down()
        #expect(ending.kind == .normal)
        let secondEnding = try await ponger.down()
        #expect(secondEnding.kind != .error)
        await group.shutdown()
    }
}
