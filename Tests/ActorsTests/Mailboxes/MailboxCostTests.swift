import Glibc
import HansomTesting
import Testing

@testable import Actors

/// How what a mailbox costs grows with what waits in it.
@Suite(.timeLimit(.minutes(2))) struct MailboxCostTests {
    /// Nanoseconds of processor time that the calling thread takes.
    private func cost(_ body: () -> Void) -> UInt64 {
        func now() -> UInt64 {
            var time = timespec()
            unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
            return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
        }
        let before = now()
        body()
        return now() - before
    }

    /// Expects that eight times as much costs about eight times as much: four times that would be quadratic by half, and
    /// 64 times what a step for each step is. The best of a few tries counts, since other programs cost too.
    private func expectLinear(
        from few: Int = 1_000, at location: SourceLocation = #_sourceLocation, _ body: (Int) -> Void
    ) {
        body(few)
        var best = Double.infinity
        for _ in 0..<5 where best > 24 {
            let small = cost { body(few) }
            let large = cost { body(few * 8) }
            best = min(best, Double(large) / Double(max(small, 1)))
        }
        #expect(best <= 24, "eight times as much costs \(best) times as much", sourceLocation: location)
    }

    /// A process with so many downs in its mailbox, in which `body` then does something.
    private func withDowns(
        _ count: Int, mailbox: MailboxOptions = .unbounded, also others: Int = 0,
        _ body: @escaping @Sendable (isolated Process<Int>, [MonitorReference]) async -> Void
    ) {
        let world = World()
        let dead = world.spawn(Int.self) { _ in }
        let isDone = Counter()
        let process = world.spawn(Int.self, mailbox: mailbox) { me in
            let references = (0..<count).map { number in me.monitor(dead.pid) { _ in number } }
            for number in 0..<others { me.send(-1 - number) }
            await body(me, references)
            isDone.add()
        }
        world.driven.settle()
        #expect(isDone.value == 1)
        #expect(!process.pid.isAlive)
    }

    @Test func `downs that wait are taken at a cost that does not grow with them, in every form (P13)`() {
        expectLinear { count in
            withDowns(count) { me, _ in
                for number in 0..<count { #expect(await me.receive(timeout: .seconds(1)) == number) }
            }
        }
        expectLinear { count in
            withDowns(count) { me, _ in
                for number in 0..<count { #expect(await me.receive(where: { $0 >= 0 }) == number) }
            }
        }
        expectLinear { count in
            withDowns(count, mailbox: .bounded(4, whenFull: .fail)) { me, _ in
                for number in 0..<count { #expect(await me.receive() == number) }
            }
        }
        expectLinear { count in
            withDowns(count) { me, _ in
                me.trace { _ in }
                for number in 0..<count { #expect(await me.receive() == number) }
            }
        }
    }

    @Test func `downs are taken back one by one, from the front and from the end, at a cost that does not grow (P7)`() {
        for isReversed in [false, true] {
            expectLinear { count in
                withDowns(count) { me, references in
                    for reference in isReversed ? references.reversed() : references {
                        me.demonitor(reference, flush: true)
                    }
                    #expect(await me.receive(timeout: .zero) == nil)
                }
            }
        }
    }

    @Test func `the oldest message is dropped behind signals at a cost that does not grow with them (P14)`() {
        expectLinear { count in
            withDowns(count, mailbox: .bounded(4, whenFull: .dropOldest), also: count) { me, _ in
                for number in 0..<count { #expect(await me.receive() == number) }
                for number in count - 4..<count { #expect(await me.receive() == -1 - number) }
                #expect(await me.receive(timeout: .zero) == nil)
            }
        }
    }

    @Test func `what is waited for behind a long mailbox is taken at a cost that does not grow with it (P13)`() {
        expectLinear { count in
            let world = World()
            let taken = Counter()
            let process = world.spawn(Int.self) { me in
                // The first look goes through all that waits; afterwards only what comes is looked at, and moved.
                _ = await me.receive(where: { $0 == 0 })
                while let number = await me.receive(from: me.queue.end, timeout: nil, matching: { $0 < 0 }, { $0 }) {
                    taken.add()
                    if number == Int.min { return }
                }
            }
            world.play {
                for number in 1...count { process.send(number) }
                process.send(0)
            }
            for number in 1..<count { world.play { process.send(-number) } }
            world.play { process.send(.min) }
            #expect(taken.value == count)
        }
    }

    @Test func `senders that wait for room are cancelled at a cost that does not grow with them (P14)`() {
        expectLinear { count in
            let bound = MailboxBound<Int>(MailboxOptions.Bound(limit: 1, whenFull: .suspend))
            let told = Counter()
            let tickets = (0..<count).map { _ in PlaceTicket() }
            for ticket in tickets { bound.wait(.init(.place { _ in told.add() }, ticket)) }
            for ticket in tickets.reversed() { #expect(bound.removeWaiter(ticket) != nil) }
            #expect(bound.waiterCount == 0 && bound.popWaiter() == nil)
        }
    }

    @Test func `a line of waiting senders keeps its order and its size whoever leaves it (P14)`() {
        let bound = MailboxBound<Int>(MailboxOptions.Bound(limit: 1, whenFull: .suspend))
        let told = Probe<Int>()
        func wait(_ number: Int) -> PlaceTicket {
            let ticket = PlaceTicket()
            bound.wait(.init(.place { _ in told.record(number) }, ticket))
            return ticket
        }
        let first = wait(-1)
        var last = wait(0)
        for number in 1..<10_000 {
            let next = wait(number)
            #expect(bound.removeWaiter(last) != nil)
            #expect(bound.removeWaiter(last) == nil, "once")
            last = next
        }
        #expect(bound.waiterCount == 2)
        #expect(bound.placesInLine < 64, "who has left is forgotten")
        while let waiter = bound.popWaiter() { waiter.refuse() }
        #expect(told.values == [-1, 9_999])
        #expect(bound.removeWaiter(first) == nil && bound.removeWaiter(last) == nil)
    }

    @Test func `a supervisor stops its children at a cost that does not grow with them (P16)`() {
        expectLinear(from: 150) { count in
            let world = World()
            let children = (0..<count).map { number in
                Child("\(number)") { Process<Int>.spawn { me in for await _ in me.mailbox {} } }
            }
            let reasons = Probe<String>()
            let starter = world.spawn(Int.self) { me in
                let supervisor = try await Supervisor(id: "many") { children }.start()
                _ = await me.receive()
                reasons.record("\(await supervisor.stop())")
            }
            world.driven.settle(limit: .max)
            world.play { starter.send(1) }
            world.wait { reasons.count == 1 }
            #expect(reasons.values == ["shutdown"])
        }
    }

    // MARK: Storage

    @Test func `storage of a burst is given back by every way to take (P31)`() {
        typealias Body = @Sendable (isolated Process<Int>) async -> Void
        let count = 1_500
        // Each leaves a few, so that the mailbox is never empty.
        let ways: [(String, Body)] = [
            ("plain", { me in for _ in 0..<count - 3 { _ = await me.receive() } }),
            ("timed", { me in for _ in 0..<count - 3 { _ = await me.receive(timeout: .seconds(1)) } }),
            ("selective", { me in for _ in 0..<count - 3 { _ = await me.receive(where: { $0 >= 0 }) } }),
            (
                "selective from the end",
                { me in for number in (3..<count).reversed() { _ = await me.receive(where: { $0 == number }) } }
            ),
            ("withdraw", { me in #expect(await me.withdraw { $0 > 2 ? $0 : nil }.count == count - 3) }),
        ]
        for (name, body) in ways {
            for bound in [MailboxOptions.unbounded, .bounded(count, whenFull: .fail)] {
                let world = World()
                let widths = Probe<Int>()
                let process = world.spawn(Int.self, mailbox: bound) { me in
                    for number in 0..<count { me.send(number) }
                    widths.record(me.queue.capacity)
                    await body(me)
                    widths.record(me.queue.capacity)
                    #expect(me.queue.count == 3)
                }
                world.wait { !process.pid.isAlive }
                #expect(widths.values.first ?? 0 >= count)
                #expect(widths.values.last ?? .max <= 64, "\(name), \(bound)")
            }
        }
    }

    @Test func `what is kept of signals is given back with them, also when the mailbox lets them go plainly (P31)`() {
        for isTimed in [false, true] {
            withDowns(5_000) { me, _ in
                #expect(me.special?.signals.count == 5_000)
                for _ in 0..<5_000 { _ = isTimed ? await me.receive(timeout: .zero) : await me.receive() }
                #expect(me.special?.signals.count ?? 0 < 64)
                #expect(me.special?.monitors.capacity ?? 0 < 64)
            }
        }
    }

    // MARK: Places

    /// Does what the digits of a script say with a queue and its places, and with an array of marked messages.
    private func agrees(_ script: Int, length: Int) -> Bool {
        var queue = MessageQueue<Int>()
        var places = SignalPlaces()
        var model: [(number: Int, isSignal: Bool)] = []
        var (left, next) = (script, 1)
        for _ in 0..<length {
            let digit = left % 7
            left /= 7
            switch digit {
            case 0, 1, 2:
                for _ in 0..<2 {
                    if digit != 0 { places.add(UInt64(next), at: queue.end, head: queue.head) }
                    queue.append(next)
                    model.append((next, digit != 0))
                    next += 1
                }
            case 3:
                let place = queue.head
                guard queue.popFirst() != nil else { continue }
                // As often as not it is taken without a word, as a plain mailbox does.
                if next % 2 == 0, places.taken(at: place) != model[0].isSignal { return false }
                model.removeFirst()
            case 4, 5:
                let index = digit == 4 ? 1 : model.count - 2
                guard model.indices.contains(index) else { continue }
                let head = queue.head
                let message = queue.remove(at: head + index)
                let wasSignal =
                    queue.head != head
                    ? places.removed(at: head + index, head: head) : places.removedMovingDown(at: head + index)
                let expected = model.remove(at: index)
                if message != expected.number || wasSignal != expected.isSignal { return false }
            default:
                let head = queue.head
                let count = queue.count
                for _ in 0..<count { if let message = queue.popFirst() { queue.append(message) } }
                if places.rearrange(from: head, { $0 + count }) != 0 { return false }
            }
            let firstWithout = model.firstIndex { !$0.isSignal } ?? model.count
            guard places.firstWithout(from: queue.head) == queue.head + firstWithout else { return false }
            for (offset, message) in model.enumerated() {
                let place = places.place(of: UInt64(message.number), head: queue.head)
                if place != (message.isSignal ? queue.head + offset : nil) { return false }
            }
        }
        return true
    }

    @Test func `places of signals are found wherever messages move, whatever is done (P7, P13)`() {
        let length = 7
        var scripts = 1
        for _ in 0..<length { scripts *= 7 }
        let wrong = stride(from: 0, to: scripts, by: 5).filter { !agrees($0, length: length) }
        #expect(wrong == [])
    }
}
