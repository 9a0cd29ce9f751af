import Testing

@testable import Actors

/// Who is handed which event, in every history of a few consumers (P36).
@Suite(.timeLimit(.minutes(2))) struct DispatchMachineTests {
    enum Way: CaseIterable, Sendable {
        case demand, broadcast, partition

        var dispatch: EventDispatch<Int> {
            switch self {
            case .demand: .demand
            case .broadcast: .broadcast
            case .partition: EventDispatch(rule: .partition(2) { $0 % 2 })
            }
        }

        /// Which partition an event comes to.
        func partition(of event: Int) -> Int? {
            self == .partition ? event % 2 : nil
        }
    }

    /// A consumer as the test sees it.
    private struct Taker {
        let id: UInt64
        let partition: Int?
        let joined: Int
        var asked = 0
        var got: [Int] = []
        var turn: Int
        var demand: Int { asked - got.count }
    }

    private struct World {
        let way: Way
        let buffer: EventBuffer
        let most: Int
        var machine: DispatchMachine<Int>
        var takers: [Taker] = []
        /// Those that have gone.
        var former: [Taker] = []
        var made = 0
        var dropped = 0
        var lastID: UInt64 = 0
        var turn = 0
        var faults: [String] = []

        init(_ way: Way, _ buffer: EventBuffer, most: Int) {
            self.way = way
            self.buffer = buffer
            self.most = most
            machine = DispatchMachine(way.dispatch)
        }

        mutating func join(_ partition: Int?) {
            lastID += 1
            turn += 1
            let refusal = machine.subscribe(lastID, partition: partition)
            let isTaken = partition != nil && takers.contains { $0.partition == partition }
            if (refusal != nil) != isTaken { faults.append("refused: \(String(describing: refusal))") }
            if refusal == nil {
                takers.append(Taker(id: lastID, partition: partition, joined: made, turn: turn))
            }
        }

        mutating func ask(_ index: Int, _ more: Int) {
            takers[index].asked += more
            take(machine.ask(takers[index].id, more))
        }

        mutating func leave(_ index: Int) {
            let taker = takers.remove(at: index)
            former.append(taker)
            take(machine.cancel(taker.id))
            if !machine.ask(taker.id, 1).isEmpty { faults.append("one that is gone is handed something") }
        }

        mutating func dispatch(_ count: Int) {
            let events = Array(made..<made + count)
            made += count
            expectGreatest(count)
            take(machine.dispatch(events))
        }

        mutating func emit(_ count: Int) {
            let events = Array(made..<made + count)
            made += count
            let (deliveries, dropped) = machine.emit(events, buffer)
            self.dropped += dropped
            take(deliveries)
        }

        /// With demand dispatch, who has asked for most is served first; of several, the one served longest ago.
        private var expected: UInt64?
        private mutating func expectGreatest(_ count: Int) {
            guard way == .demand, count > 0 else { return }
            expected = takers.filter { $0.demand > 0 }.max { ($0.demand, -$0.turn) < ($1.demand, -$1.turn) }?.id
        }

        mutating func take(_ deliveries: [(id: UInt64, events: [Int])]) {
            if let expected, deliveries.first?.id != expected { faults.append("\(deliveries) and not to \(expected)") }
            expected = nil
            for (id, events) in deliveries {
                if events.isEmpty { faults.append("an empty delivery") }
                guard let index = takers.firstIndex(where: { $0.id == id }) else {
                    faults.append("\(events) for nobody")
                    continue
                }
                turn += 1
                takers[index].turn = turn
                takers[index].got += events
            }
            check()
        }

        mutating func check() {
            for taker in takers where taker.got.count > taker.asked { faults.append("more than was asked for") }
            for taker in takers + former {
                if taker.got != taker.got.sorted() { faults.append("out of order: \(taker.got)") }
                if taker.got.contains(where: { way.partition(of: $0) != taker.partition }) {
                    faults.append("\(taker.got) in partition \(String(describing: taker.partition))")
                }
            }
            let demands = takers.map(\.demand)
            let demand = way == .broadcast ? demands.min() ?? 0 : demands.reduce(0, +)
            if machine.demand != demand { faults.append("demand \(machine.demand), not \(demand)") }
            if machine.wanted != max(demand - machine.held, 0) { faults.append("wanted \(machine.wanted)") }
            if way != .partition, machine.held > 0, demand > 0 {
                faults.append("something waits where there is demand")
            }
            if way == .broadcast {
                // All have got the same, each from where it joined.
                for pair in zip(takers, takers.dropFirst()) where pair.0.got.count > 0 && pair.1.got.count > 0 {
                    let shared = min(pair.0.got.count, pair.1.got.count)
                    if pair.0.got.suffix(shared) != pair.1.got.suffix(shared) { faults.append("not the same") }
                }
            } else {
                let handed = (takers + former).reduce(0) { $0 + $1.got.count }
                if handed + machine.held + dropped != made { faults.append("\(made - handed) neither here nor there") }
            }
        }

        /// What waits comes to whoever asks for it, whole and in order.
        mutating func drain() {
            let waiting = machine.held
            while !takers.isEmpty { leave(0) }
            if machine.held != waiting && way != .broadcast { faults.append("lost with a consumer") }
            let left = machine.held
            for partition in way == .partition ? [0, 1] : [nil] as [Int?] { join(partition) }
            for index in takers.indices { ask(index, made + 1) }
            let got = takers.reduce(0) { $0 + $1.got.count }
            if got != left || machine.held != 0 { faults.append("\(got) of \(left) that waited") }
            let all = (former + takers).flatMap(\.got)
            if way != .broadcast, Set(all).count != all.count { faults.append("handed out twice: \(all)") }
        }
    }

    private struct Explorer {
        var faults: Set<String> = []
        var histories = 0

        mutating func explore(_ world: World, _ steps: Int) {
            guard world.faults.isEmpty else { return faults.formUnion(world.faults) }
            guard steps > 0 else {
                histories += 1
                var last = world
                last.drain()
                return faults.formUnion(last.faults)
            }
            func step(_ change: (inout World) -> Void) -> World {
                var next = world
                change(&next)
                return next
            }
            if world.takers.count < world.most {
                for partition in world.way == .partition ? [0, 1] : [nil] as [Int?] {
                    explore(step { $0.join(partition) }, steps - 1)
                }
            }
            for index in world.takers.indices {
                for more in 1...2 { explore(step { $0.ask(index, more) }, steps - 1) }
                explore(step { $0.leave(index) }, steps - 1)
            }
            // As much as is wanted, and what was wanted a moment ago.
            for count in Set([1, max(world.machine.wanted, 1)]) {
                explore(step { $0.dispatch(count) }, steps - 1)
            }
            explore(step { $0.emit(2) }, steps - 1)
        }
    }

    @Test(arguments: Way.allCases, [EventBuffer.keepFirst(1), .keepLast(2)])
    func `what is handed out was asked for, in order, and nothing gets lost (P36)`(way: Way, buffer: EventBuffer) {
        var explorer = Explorer()
        explorer.explore(World(way, buffer, most: 3), 3)
        var two = World(way, buffer, most: 3)
        for partition in way == .partition ? [0, 1] : [nil, nil] as [Int?] { two.join(partition) }
        explorer.explore(two, 4)
        #expect(explorer.faults == [])
        #expect(explorer.histories > 1_000)
    }

    @Test func `a buffer keeps the first or the last, and says what it dropped (P36)`() {
        for (buffer, kept) in [(EventBuffer.keepFirst(3), [0, 1, 2]), (.keepLast(3), [4, 5, 6])] {
            var machine = DispatchMachine<Int>(.demand)
            #expect(machine.emit(Array(0..<5), buffer).dropped == 2)
            #expect(machine.emit([5, 6], buffer).dropped == 2)
            #expect(machine.held == 3)
            _ = machine.subscribe(1, partition: nil)
            let got = machine.ask(1, 10)
            #expect(got.map(\.events) == [kept])
        }
    }

    @Test func `what was asked for is not dropped when its consumer has gone (P36)`() {
        var machine = DispatchMachine<Int>(.demand)
        _ = machine.subscribe(1, partition: nil)
        _ = machine.ask(1, 5)
        _ = machine.cancel(1)
        #expect(machine.wanted == 0)
        #expect(machine.dispatch([1, 2, 3, 4, 5]).isEmpty)
        #expect(machine.emit([6], .keepFirst(2)).dropped == 1)
        _ = machine.subscribe(2, partition: nil)
        #expect(machine.ask(2, 10).map(\.events) == [[1, 2, 3, 4, 5]])
    }

    @Test func `a partition that stands still holds as much as the others have asked for, and no more (P36)`() {
        var machine = DispatchMachine(Way.partition.dispatch)
        _ = machine.subscribe(1, partition: 0)
        _ = machine.subscribe(2, partition: 1)
        _ = machine.ask(1, 10)
        var number = 0
        var rounds = 0
        while machine.wanted > 0, rounds < 1_000 {
            rounds += 1
            // Of the two kinds of events each comes as often, and the one consumer asks for each that it is handed.
            let events = Array(number..<number + machine.wanted)
            number += events.count
            for delivery in machine.dispatch(events) { _ = machine.ask(delivery.id, delivery.events.count) }
        }
        #expect(machine.held == 10, "\(machine.held) wait")
        let held = machine.held
        let got = machine.ask(2, 100)
        #expect(got.count <= 1 && (got.first?.events.count ?? held) == held)
        #expect(machine.wanted > 0)
    }

    @Test func `events with equal keys come to one partition, and each key to one that there is (P36)`() {
        for count in [-1, 1, 2, 7] {
            guard
                case .partition(let parts, let place) = EventDispatch<Int>.partition(into: count, by: { $0 / 10 }).rule
            else { return }
            #expect(parts == max(count, 1))
            for event in 0..<200 {
                #expect((0..<parts).contains(place(event)) && place(event) == place(event / 10 * 10))
            }
        }
    }

    @Test func `partitions are named, and have one consumer each (P36)`() {
        var machine = DispatchMachine(Way.partition.dispatch)
        for wrong in [nil, -1, 2] {
            guard case .noSuchPartition(2) = machine.subscribe(1, partition: wrong) else {
                Issue.record("\(String(describing: wrong)) is no partition")
                continue
            }
        }
        #expect(machine.subscribe(1, partition: 1) == nil)
        guard case .partitionTaken(1) = machine.subscribe(2, partition: 1) else {
            Issue.record("taken")
            return
        }
        for way in [EventDispatch<Int>.demand, .broadcast] {
            var other = DispatchMachine(way)
            guard case .noPartitions = other.subscribe(1, partition: 0) else {
                Issue.record("there are none")
                continue
            }
        }
    }
}

/// What a consumer asks for, in every history of two producers (P36).
@Suite(.timeLimit(.minutes(2))) struct InflowTests {
    private struct Side {
        let max: Int
        let min: Int
        var asked: Int
        var got = 0
        var handled = 0
        var isGone = false
    }

    private struct World {
        var inflow = Inflow<Int>()
        var sides: [Side] = []
        var next: [Int] = []
        var queue: [(id: UInt64, event: Int)] = []
        var faults: [String] = []

        init(_ terms: [(max: Int, min: Int)]) {
            for (index, term) in terms.enumerated() {
                let asked = inflow.add(UInt64(index), .init(max: term.max, min: term.min, .permanent)) ?? 0
                sides.append(Side(max: term.max, min: term.min, asked: asked))
                next.append(index * 1_000)
            }
        }

        mutating func receive(_ index: Int, _ count: Int) {
            let events = Array(next[index]..<next[index] + count)
            next[index] += count
            inflow.receive(UInt64(index), events)
            if sides[index].isGone { return }
            sides[index].got += count
            queue += events.map { (UInt64(index), $0) }
        }

        mutating func handle(_ most: Int) {
            guard let (id, events) = inflow.next(atMost: most) else {
                if most > 0, !queue.isEmpty { faults.append("does not handle \(queue)") }
                return
            }
            let index = Int(id)
            if events.count > most || events.isEmpty { faults.append("\(events.count) of \(most) at once") }
            if !sides[index].isGone, events.count > sides[index].max - sides[index].min { faults.append("too many") }
            if queue.prefix(events.count).map(\.event) != events { faults.append("\(events) of \(queue)") }
            queue.removeFirst(min(events.count, queue.count))
            sides[index].handled += events.count
            let more = inflow.handled(id, events.count)
            let side = sides[index]
            let pending = side.asked - side.handled
            if side.isGone ? more != nil : (more != nil) != (pending <= side.min) { faults.append("asks \(more ?? 0)") }
            if let more {
                sides[index].asked += more
                if pending + more != side.max { faults.append("asks for \(more) at \(pending)") }
            }
        }

        mutating func go(_ index: Int) {
            sides[index].isGone = true
            inflow.finished(UInt64(index))
        }

        mutating func check() {
            if inflow.unhandled != queue.count { faults.append("\(inflow.unhandled) of \(queue.count) unhandled") }
            let pending = sides.filter { !$0.isGone }.map { $0.asked - $0.handled }
            if inflow.pending != pending.reduce(0, +) { faults.append("pending \(inflow.pending)") }
            for (side, pending) in zip(sides.filter { !$0.isGone }, pending) where pending > side.max {
                faults.append("\(pending) of \(side.max) under way")
            }
            if inflow.isLastProduced != sides.allSatisfy(\.isGone) {
                faults.append("the last: \(inflow.isLastProduced)")
            }
        }
    }

    private func explore(_ world: World, _ steps: Int, _ faults: inout Set<String>) {
        var world = world
        world.check()
        faults.formUnion(world.faults)
        guard steps > 0, world.faults.isEmpty else { return }
        func step(_ change: (inout World) -> Void) {
            var next = world
            change(&next)
            explore(next, steps - 1, &faults)
        }
        for index in world.sides.indices {
            let side = world.sides[index]
            let open = side.isGone ? 1 : side.asked - side.got
            for count in Set([1, open]) where count > 0 && count <= open { step { $0.receive(index, count) } }
            if !side.isGone { step { $0.go(index) } }
        }
        for most in [1, 2, .max] { step { $0.handle(most) } }
    }

    @Test func `no more is under way than its maximum, and it asks at its minimum (P36)`() {
        for terms in [[(1, 0), (3, 1)], [(2, 1), (4, 0)], [(5, 4), (2, 0)]] as [[(max: Int, min: Int)]] {
            var faults: Set<String> = []
            explore(World(terms), 5, &faults)
            #expect(faults == [])
        }
    }

    @Test func `contradictions become the nearest that makes sense (P36)`() {
        typealias Terms = Inflow<Int>.Terms
        #expect(Terms(max: 0, min: nil, .permanent) == Terms(max: 1, min: 0, .permanent))
        #expect(Terms(max: 10, min: 10, .permanent) == Terms(max: 10, min: 9, .permanent))
        #expect(Terms(max: 10, min: -1, .permanent) == Terms(max: 10, min: 0, .permanent))
        #expect(Terms(max: 11, min: nil, .permanent).min == 5)
        var inflow = Inflow<Int>()
        let asked = (0..<8).compactMap { inflow.add($0, Terms(max: .max, min: nil, .permanent)) }
        #expect(inflow.pending == asked.reduce(0, +), "sums do not overflow")
    }

    @Test func `one that sleeps asks for nothing, and for all that is missing when it is woken (P36)`() {
        var inflow = Inflow<Int>(isAwake: false)
        #expect(inflow.add(1, .init(max: 10, min: 5, .permanent)) == nil && inflow.pending == 0)
        #expect(inflow.wake().map(\.count) == [10] && inflow.pending == 10)
        #expect(inflow.add(2, .init(max: 4, min: 2, .permanent)) == 4)
    }

    @Test func `what the end of a producer means depends on the kind (P36)`() {
        for kind in SubscriptionKind.allCases {
            for isOrderly in [true, false] {
                var inflow = Inflow<Int>()
                _ = inflow.add(1, .init(max: 10, min: 5, kind))
                let ends = kind == .permanent || kind == .transient && !isOrderly
                #expect(inflow.ended(1, isOrderly: isOrderly) == (ends ? .end : .goOn))
                #expect(inflow.ended(1, isOrderly: isOrderly) == .goOn, "once")
                #expect(!inflow.isLastProduced, "it has not finished")
                _ = inflow.add(2, .init(max: 10, min: 5, kind))
                inflow.finished(2)
                #expect(inflow.isLastProduced == (kind == .permanent))
            }
        }
    }
}
