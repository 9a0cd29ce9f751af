import HansomTesting
import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) struct AlarmHeapTests {
    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func `random operations agree with a sorted reference`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var heap = AlarmHeap()
        let alarms = (0..<200).map { _ in Alarm {} }
        var reference: [(deadline: UInt64, turn: Int, alarm: Int)] = []
        func insert(_ deadline: UInt64, _ turn: Int, _ alarm: Int) {
            reference.removeAll { $0.alarm == alarm }
            let place = reference.firstIndex { ($0.deadline, $0.turn) > (deadline, turn) } ?? reference.count
            reference.insert((deadline, turn, alarm), at: place)
        }
        for turn in 0..<20_000 {
            let which = Int.random(in: 0..<alarms.count, using: &random)
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let deadline = UInt64.random(in: 0..<1_000, using: &random)
                heap.arm(alarms[which], at: deadline)
                insert(deadline, turn, which)
            case 5..<8:
                unsafe heap.disarm(alarms[which])?.release()
                reference.removeAll { $0.alarm == which }
            default:
                let now = UInt64.random(in: 0..<300, using: &random)
                let popped = heap.popDue(at: now)
                let expected = reference.first.flatMap { $0.deadline <= now ? $0 : nil }
                #expect(popped === expected.map { alarms[$0.alarm] })
                if expected != nil { reference.removeFirst() }
            }
            #expect(heap.count == reference.count)
            #expect(heap.soonest == reference.first?.deadline)
        }
        for (index, alarm) in alarms.enumerated() {
            #expect(alarm.isArmed == reference.contains { $0.alarm == index })
        }
    }

    @Test func `100,000 alarms ring in order`() {
        var random = SplitMix(seed: 7)
        var heap = AlarmHeap()
        var deadlines: [UInt64] = []
        for _ in 0..<100_000 {
            let deadline = UInt64.random(in: 0..<1 << 40, using: &random)
            deadlines.append(deadline)
            heap.arm(Alarm {}, at: deadline)
        }
        deadlines.sort()
        var rung: [UInt64] = []
        while let alarm = heap.popDue(at: .max) { rung.append(alarm.deadline) }
        #expect(rung == deadlines)
        #expect(heap.count == 0)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func `of many that are due together, those that are moved or disarmed meanwhile do not ring`(seed: UInt64) {
        var random = SplitMix(seed: seed)
        var heap = AlarmHeap()
        let alarms = (0..<4_000).map { _ in Alarm {} }
        // By alarm: when it is to ring and in which turn it was armed.
        var armed: [Int: (deadline: UInt64, turn: Int)] = [:]
        var turn = 0
        func arm(_ index: Int, at deadline: UInt64) {
            turn += 1
            heap.arm(alarms[index], at: deadline)
            armed[index] = (deadline, turn)
        }
        let numbers = Dictionary(uniqueKeysWithValues: alarms.enumerated().map { (ObjectIdentifier($1), $0) })
        for index in alarms.indices { arm(index, at: UInt64.random(in: 0..<100, using: &random)) }
        for now in stride(from: 20 as UInt64, through: 200, by: 30) {
            var last: (deadline: UInt64, turn: Int) = (0, 0)
            while let popped = heap.popDue(at: now) {
                let index = numbers[ObjectIdentifier(popped)] ?? -1
                let key = armed.removeValue(forKey: index) ?? (.max, 0)
                #expect(key.deadline <= now && key > last)
                last = key
                let other = Int.random(in: alarms.indices, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0:
                    unsafe heap.disarm(alarms[other])?.release()
                    armed[other] = nil
                // As a scheduler does: never before now.
                case 1: arm(other, at: now + UInt64.random(in: 1..<50, using: &random))
                default: break
                }
                #expect(heap.count == armed.count)
            }
            #expect(!armed.values.contains { $0.deadline <= now })
            #expect(heap.soonest == armed.values.map(\.deadline).min())
        }
        #expect(alarms.indices.allSatisfy { alarms[$0].isArmed == (armed[$0] != nil) })
    }

    @Test(arguments: [1, 4_000, 10_000_000, 1 << 40, UInt64.max / 2])
    func `many that are due together ring by their time and then as they were armed (P26)`(span: UInt64) {
        var random = SplitMix(seed: span)
        for count in [63, 64, 255, 256, 5_000] {
            var heap = AlarmHeap()
            let alarms = (0..<count).map { _ in Alarm {} }
            var armed: [(deadline: UInt64, number: Int)] = []
            for number in alarms.indices {
                let deadline = 1_000_000_007 + UInt64.random(in: 0..<span, using: &random)
                heap.arm(alarms[number], at: deadline)
                armed.append((deadline, number))
            }
            armed.sort { $0 < $1 }
            var rung: [ObjectIdentifier] = []
            while let alarm = heap.popDue(at: .max) { rung.append(ObjectIdentifier(alarm)) }
            #expect(rung == armed.map { ObjectIdentifier(alarms[$0.number]) })
        }
    }

    @Test func `a heap that goes lets go of its alarms`() {
        weak var first: Alarm?
        weak var last: Alarm?
        do {
            var heap = AlarmHeap()
            for number in 0..<200 as Range<UInt64> {
                let alarm = Alarm {}
                if number == 0 { first = alarm }
                if number == 199 { last = alarm }
                heap.arm(alarm, at: number < 100 ? 1 + number : 1_000)
            }
            _ = heap.popDue(at: 500)
        }
        #expect(first == nil && last == nil)
    }

    @Test func `alarms of one moment ring in the order in which they were armed`() {
        var heap = AlarmHeap()
        let alarms = (0..<100).map { _ in Alarm {} }
        for alarm in alarms { heap.arm(alarm, at: 9) }
        heap.arm(alarms[0], at: 9)
        var rung: [ObjectIdentifier] = []
        while let alarm = heap.popDue(at: 9) { rung.append(ObjectIdentifier(alarm)) }
        #expect(rung == (alarms[1...] + [alarms[0]]).map { ObjectIdentifier($0) })
    }

    @Test func `nothing is due before its time`() {
        var heap = AlarmHeap()
        let alarm = Alarm {}
        unsafe heap.disarm(alarm)?.release()
        heap.arm(alarm, at: 10)
        #expect(heap.popDue(at: 9) == nil)
        #expect(heap.popDue(at: 10) === alarm)
        #expect(!alarm.isArmed)
    }
}

@Suite(.timeLimit(.minutes(2))) struct AlarmTests {
    let driven = HandDriven()
    var scheduler: Scheduler { driven.scheduler }

    @Test func `alarms ring at their time, in order, once`() {
        let probe = Probe<Int>()
        driven.run {
            for seconds in [3, 1, 2, 5] { scheduler.arm(Alarm { probe.record(seconds) }, after: .seconds(seconds)) }
        }
        #expect(scheduler.alarmCount == 4)
        driven.advance(by: .seconds(3))
        #expect(probe.values == [1, 2, 3])
        driven.advance(by: .milliseconds(1_999))
        #expect(probe.values == [1, 2, 3])
        driven.advance(by: .milliseconds(1))
        #expect(probe.values == [1, 2, 3, 5])
        #expect(scheduler.alarmCount == 0)
    }

    @Test func `moving an alarm forgets its former time and disarming it all of them`() {
        let probe = Probe<Int>()
        let alarm = Alarm { probe.record(1) }
        driven.run {
            scheduler.arm(alarm, after: .seconds(1))
            scheduler.arm(alarm, after: .seconds(2))
        }
        driven.advance(by: .seconds(1))
        #expect(probe.count == 0)
        driven.advance(by: .seconds(1))
        #expect(probe.count == 1)
        driven.run {
            scheduler.arm(alarm, after: .seconds(1))
            scheduler.disarm(alarm)
            scheduler.disarm(alarm)
        }
        driven.advance(by: .seconds(9))
        #expect(probe.count == 1)
    }

    @Test func `an alarm that another disarms in the same turn does not ring`() {
        let probe = Probe<Int>()
        let scheduler = driven.scheduler
        let second = Alarm { probe.record(2) }
        driven.run {
            scheduler.arm(
                Alarm {
                    probe.record(1)
                    scheduler.disarm(second)
                }, after: .seconds(1))
            scheduler.arm(second, after: .seconds(1))
        }
        driven.advance(by: .seconds(1))
        #expect(probe.values == [1])
    }

    @Test func `an alarm that arms itself for now rings once a turn and holds up nobody`() {
        let probe = Probe<Int>()
        let scheduler = driven.scheduler
        let restless = Alarm {}
        restless.action = { [unowned restless] in
            probe.record(1)
            if probe.count < 1_000 { scheduler.arm(restless, after: .zero) }
        }
        driven.run {
            scheduler.arm(restless, after: .zero)
            scheduler.arm(Alarm { probe.record(2) }, after: .zero)
        }
        driven.turn()
        #expect(probe.values == [1, 2])
        driven.turn()
        #expect(probe.values == [1, 2, 1])
        driven.settle()
    }

    @Test func `an alarm that arms itself for a time long past holds up nobody either`() {
        let probe = Probe<Int>()
        let scheduler = driven.scheduler
        let restless = Alarm {}
        restless.action = { [unowned restless] in
            probe.record(1)
            if probe.count < 1_000 { scheduler.arm(restless, at: 0) }
        }
        driven.run {
            scheduler.arm(restless, at: 0)
            scheduler.arm(Alarm { probe.record(2) }, after: .zero)
        }
        driven.turn()
        #expect(probe.values == [1, 2])
        driven.settle()
    }

    @Test(
        arguments: [
            (Duration.seconds(-1), 0), (.zero, 0), (.nanoseconds(1), 1), (.milliseconds(1_500), 1_500_000_000),
            (.seconds(Int64.max), UInt64.max / 2), (.seconds(3) + .nanoseconds(7), 3_000_000_007),
            (.nanoseconds(-1), 0), (.nanoseconds(999) / 1_000, 0), (.nanoseconds(1_999) / 1_000, 1),
            (.seconds(86_400) + .nanoseconds(1), 86_400_000_000_001),
            (.seconds(9_223_372_036), 9_223_372_036_000_000_000),
            (.seconds(9_223_372_037), UInt64.max / 2), (.seconds(18_446_744_074), UInt64.max / 2),
        ] as [(Duration, UInt64)])
    func `a duration becomes whole nanoseconds within bounds`(duration: Duration, nanoseconds: UInt64) {
        #expect(duration.clampedNanoseconds == nanoseconds)
    }

    @Test func `a deadline that is cancelled before its scheduler has armed it leaves no alarm (P33)`() throws {
        let (driven, made) = (HandDriven(), Probe<Deadline>())
        OSThreads.run { _ in made.record(Deadline(after: .seconds(8), of: driven.scheduler) {}) }
        let deadline = try #require(made.values.first)
        driven.run { deadline.cancel() }
        driven.settle()
        #expect(driven.scheduler.alarmCount == 0)
    }

    @Test func `the system's time goes on and needs no moving`() {
        let first = SystemTime.shared.nanoseconds
        SystemTime.shared.onMove { Issue.record("nobody moves it") }
        #expect(SystemTime.shared.nanoseconds >= first)
        #expect(SystemTime.shared.flows)
    }
}
