import HansomTesting
import Testing

@testable import Actors

@Suite(.ownThread, .timeLimit(.minutes(1))) struct TimerTests {
    let world = World()
    let log = Probe<String>()

    @Test func `a message comes when its time has come, and what remained is told by a cancel (P15)`() {
        let a = world.puppet(log)
        let timers = world.ask(a) { me in (0..<3).map { me.sendAfter(.seconds($0 + 1), .text("\($0)")) } } ?? []
        world.advance(by: .milliseconds(1_500))
        #expect(log.values == ["0"])
        let left = world.ask(a) { me in [me.cancel(timers[0]), me.cancel(timers[2]), me.cancel(timers[2])] }
        #expect(left == [nil, .milliseconds(1_500), nil])
        world.advance(by: .seconds(10))
        #expect(log.values == ["0", "1"])
        #expect(world.scheduler.alarmCount == 0)
        world.end()
    }

    @Test func `another process's timer cannot be cancelled (P15)`() {
        let (a, b) = (world.puppet(log), world.puppet())
        let timer = world.ask(a) { $0.sendAfter(.seconds(1), .text("rang")) }
        #expect(world.ask(b) { me in timer.map { me.cancel($0) } } == .some(.some(nil)))
        world.advance(by: .seconds(1))
        #expect(log.values == ["rang"])
        world.end()
    }

    @Test func `a repeated message does not drift, and what was missed is left out (P15)`() {
        let times = Probe<UInt64>()
        let begin = world.scheduler.time.nanoseconds
        let process = world.spawn(Int.self) { [world] me in
            me.sendEvery(.seconds(10), 1)
            for await _ in me.mailbox { times.record((world.scheduler.time.nanoseconds - begin) / 1_000_000) }
        }
        for delay in [10_000, 10_300, 9_700, 35_000, 4_999, 1] { world.advance(by: .milliseconds(delay)) }
        #expect(times.values == [10_000, 20_300, 30_000, 65_000, 70_000])
        world.play { process.exit(.shutdown) }
        #expect(world.scheduler.alarmCount == 0)
    }

    @Test func `a repeated message can be cancelled by its first reference (P15)`() {
        let a = world.puppet(log)
        let timer = world.ask(a) { $0.sendEvery(.seconds(1), .text("tick")) }
        world.advance(by: .seconds(1))
        world.advance(by: .milliseconds(1_250))
        #expect(world.ask(a) { me in timer.flatMap { me.cancel($0) } } == .milliseconds(750))
        world.advance(by: .seconds(10))
        #expect(log.values == ["tick", "tick"])
        world.end()
    }

    @Test(arguments: [ExitReason.shutdown, .kill, .error(Failure())])
    func `timers go with their owner, and one to a dead process is dropped (P15)`(reason: ExitReason) {
        let (a, b) = (world.puppet(log), world.puppet(log))
        world.tell(a) { me in
            for number in 1...100 { me.sendAfter(.seconds(number), .text("own")) }
            me.sendEvery(.seconds(1), .text("own"))
            me.sendAfter(.seconds(2), Puppet.text("other"), to: b)
        }
        world.tell(b) { $0.sendAfter(.seconds(5), Puppet.text("late"), to: a) }
        world.advance(by: .seconds(1))
        #expect(log.values == ["own", "own"])
        world.tell(a) { _ in throw reason }
        #expect(world.scheduler.alarmCount == 1, "the one to the other process")
        let letters = world.scheduler.deadLetters
        world.advance(by: .seconds(10))
        #expect(log.values == ["own", "own", "other"])
        #expect(world.scheduler.deadLetters == letters)
        world.end()
    }

    @Test func `timers in any order and number come in order of their times (P15)`() {
        var random = SplitMix(seed: 15)
        let delays = (0..<2_000).map { _ in Int.random(in: 1...1_000, using: &random) }
        let a = world.puppet(log)
        let timers = world.ask(a) { me in delays.map { me.sendAfter(.milliseconds($0), .text("\($0)")) } } ?? []
        world.tell(a) { me in for index in stride(from: 0, to: 2_000, by: 3) { me.cancel(timers[index]) } }
        for _ in 0..<1_000 { world.advance(by: .milliseconds(1)) }
        let kept = delays.indices.filter { $0 % 3 != 0 }.map { delays[$0] }.sorted()
        #expect(log.values == kept.map { "\($0)" })
        world.end()
    }

    @Test(arguments: [ExitReason.shutdown, .kill], [false, true])
    func `a timer to another process outlives who has set it (P15)`(reason: ExitReason, crosses: Bool) {
        let other = crosses ? World(index: 1) : world
        let (a, b) = (world.puppet(), other.puppet(log))
        world.tell(a) { me in me.sendAfter(.seconds(10), .text("rang"), to: b) }
        other.driven.settle()
        world.play { a.exit(reason) }
        #expect(!a.pid.isAlive)
        for place in [world, other] { place.advance(by: .seconds(10)) }
        #expect(log.values == ["rang"])
        #expect(world.scheduler.alarmCount == 0 && other.scheduler.alarmCount == 0)
        world.end()
    }

    @Test(arguments: [false, true])
    func `a timer to another process goes with that process, and is cancelled by who has set it (P15)`(crosses: Bool) {
        let other = crosses ? World(index: 1) : world
        let (a, b, c) = (world.puppet(), other.puppet(log), other.puppet(log))
        let timers =
            world.ask(a) { me in
                [
                    me.sendAfter(.seconds(10), .text("b"), to: b), me.sendAfter(.seconds(10), .text("c"), to: c),
                    me.sendAfter(.seconds(20), .text("c"), to: c),
                ]
            } ?? []
        other.driven.settle()
        other.play { b.exit(.shutdown) }
        #expect(other.scheduler.alarmCount == 2, "what is for a dead process is dropped at once")
        #expect(world.ask(a) { me in me.cancel(timers[1]) } == .some(.seconds(10)))
        #expect(world.ask(a) { me in me.cancel(timers[1]) } == .some(nil))
        other.driven.settle()
        #expect(other.scheduler.alarmCount == 1)
        for place in crosses ? [world, other] : [world] { place.advance(by: .seconds(20)) }
        #expect(log.values == ["c"])
        #expect(world.ask(a) { me in me.cancel(timers[2]) } == .some(nil), "it has rung")
        world.end()
    }
}
