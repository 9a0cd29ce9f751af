import Glibc
import HansomTesting
import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct WatchTests {
    let driven = HandDriven()
    var scheduler: Scheduler { driven.scheduler }

    @Test func `an event reaches who watches, with what is ready`() throws {
        let (first, second) = (ObserverDouble(), ObserverDouble())
        let watches = [
            try scheduler.watch(5, interest: .read, observer: first),
            try scheduler.watch(6, interest: .write, observer: second),
        ]
        driven.poller.makeReady(6, [.write, .hangUp])
        driven.settle()
        #expect(first.heard == [])
        #expect(second.heard == [[.write, .hangUp]])
        for watch in watches { scheduler.unwatch(watch) }
        #expect(scheduler.watchCount == 0)
        #expect(driven.poller.watched.isEmpty)
    }

    @Test func `an event for a descriptor that was closed and opened again in the same batch is dropped`() throws {
        let scheduler = driven.scheduler
        let (closer, stale, fresh) = (ObserverDouble(), ObserverDouble(), ObserverDouble())
        let own = try scheduler.watch(4, interest: .read, observer: closer)
        let old = try scheduler.watch(5, interest: .read, observer: stale)
        var new: Watch?
        closer.action = { _ in
            scheduler.unwatch(old)
            new = try? scheduler.watch(5, interest: .read, observer: fresh)
        }
        driven.poller.makeReady(4, .read)
        driven.poller.makeReady(5, .read)
        driven.settle()
        #expect(stale.heard == [])
        #expect(fresh.heard == [], "the event was meant for the descriptor's former owner")
        let watch = try #require(new)
        #expect(watch.slot == old.slot && watch.generation == old.generation + 1)
        driven.poller.makeReady(5, .read)
        driven.settle()
        #expect(fresh.heard == [.read])
        scheduler.unwatch(watch)
        scheduler.unwatch(own)
    }

    @Test func `unwatching twice leaves the next owner of the descriptor alone`() throws {
        let (first, second) = (ObserverDouble(), ObserverDouble())
        let old = try scheduler.watch(5, interest: .read, observer: first)
        scheduler.unwatch(old)
        let new = try scheduler.watch(5, interest: .read, observer: second)
        scheduler.unwatch(old)
        driven.poller.makeReady(5, .read)
        driven.settle()
        #expect(second.heard == [.read])
        #expect(scheduler.watchCount == 1)
        scheduler.unwatch(new)
    }

    @Test(arguments: [ENOSPC, ENOMEM, EMFILE])
    func `a watch that the poller refuses throws and leaves nothing`(error: Int32) throws {
        driven.poller.refusal = error
        let observer = ObserverDouble()
        #expect(throws: SystemError(call: "add", errno: error)) {
            _ = try scheduler.watch(5, interest: .read, observer: observer)
        }
        #expect(scheduler.watchCount == 0)
        driven.poller.refusal = nil
        let watch = try scheduler.watch(5, interest: .read, observer: observer)
        driven.poller.refusal = error
        #expect(throws: SystemError(call: "modify", errno: error)) {
            try scheduler.setInterest(.write, of: watch)
        }
        scheduler.unwatch(watch)
    }

    @Test func `interest can be changed`() throws {
        let observer = ObserverDouble()
        let watch = try scheduler.watch(5, interest: .read, observer: observer)
        try scheduler.setInterest([.read, .write], of: watch)
        #expect(driven.poller.watched[5]?.interest == [.read, .write])
        scheduler.unwatch(watch)
    }

    @Test func `slots are used again, with another generation, and the poller's own token is nobody's`() {
        var table = WatchTable()
        let observer = ObserverDouble()
        #expect(table.observer(of: .max) == nil)
        #expect(table.observer(of: 0) == nil)
        var last = table.add(1, observer)
        for _ in 0..<100 {
            let (first, second) = (table.remove(last), table.remove(last))
            #expect(first && !second)
            #expect(table.observer(of: last.token) == nil)
            let next = table.add(1, observer)
            #expect(next.slot == 0 && next.generation == last.generation + 1)
            #expect(table.observer(of: next.token) === observer)
            last = next
        }
        #expect(table.count == 1)
    }

    @Test func `a system error says what failed and why`() {
        #expect(SystemError(call: "bind", errno: EACCES).description == "bind: Permission denied (errno 13)")
        #expect(SystemError.text(of: 99_999).contains("99999"))
    }
}
