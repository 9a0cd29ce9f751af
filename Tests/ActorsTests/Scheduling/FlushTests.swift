import Actors
import HansomTesting
import Testing

@Suite(.timeLimit(.minutes(2))) struct FlushTests {
    let driven = HandDriven()
    var scheduler: Scheduler { driven.scheduler }

    @Test func `flushes run once, in the order in which they were asked for, after the jobs`() {
        let probe = Probe<String>()
        let flushes = ["a", "b", "c"].map { name in FlushDouble { probe.record(name) } }
        driven.run {
            for flush in flushes { scheduler.flushAtEndOfTurn(flush) }
            Task(executorPreference: scheduler) { probe.record("job") }
        }
        driven.settle()
        #expect(probe.values == ["job", "a", "b", "c"])
    }

    @Test func `a cancelled flush does not run`() {
        let probe = Probe<Int>()
        let flushes = (0..<3).map { number in FlushDouble { probe.record(number) } }
        driven.run {
            for flush in flushes { scheduler.flushAtEndOfTurn(flush) }
            scheduler.cancelFlush(flushes[1])
            scheduler.cancelFlush(FlushDouble())
        }
        driven.settle()
        #expect(probe.values == [0, 2])
    }

    @Test(arguments: [0, 1, 2])
    func `a flush that cancels one of them loses no other`(cancelled: Int) {
        let probe = Probe<Int>()
        let scheduler = driven.scheduler
        let flushes = (0..<4).map { number in FlushDouble { probe.record(number) } }
        flushes[1].action = {
            probe.record(1)
            scheduler.cancelFlush(flushes[cancelled])
        }
        driven.run { for flush in flushes { scheduler.flushAtEndOfTurn(flush) } }
        driven.settle()
        #expect(probe.values == (cancelled == 2 ? [0, 1, 3] : [0, 1, 2, 3]))
        flushes[1].action = {}
    }

    @Test func `a flush may ask for another and for itself without stopping the loop`() {
        let probe = Probe<Int>()
        let scheduler = driven.scheduler
        let other = FlushDouble { probe.record(2) }
        let flush = FlushDouble()
        flush.action = { [unowned flush] in
            probe.record(1)
            scheduler.flushAtEndOfTurn(other)
            if probe.count < 1_000 { scheduler.flushAtEndOfTurn(flush) }
        }
        driven.run { scheduler.flushAtEndOfTurn(flush) }
        driven.turn()
        #expect(probe.count < 1_000, "one turn does not flush for ever")
        driven.turn(maySleep: true)
        #expect(driven.poller.waits == [0, 0], "what is still to be flushed keeps it awake")
        #expect(probe.values.contains(2))
        flush.action = {}
        driven.settle()
    }
}
