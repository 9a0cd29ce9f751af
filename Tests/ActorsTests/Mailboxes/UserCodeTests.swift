import Actors
import HansomTesting
import Testing

/// Code of the user's that runs in the middle of what a mailbox does: it may send, end and forget whatever it likes.
@Suite(.ownThread, .timeLimit(.minutes(1))) struct UserCodeTests {
    let world = World()

    /// A message that is counted while it lives, so that one that was overwritten or freed twice is noticed.
    final class Token: Sendable {
        let number: Int
        let living: Counter

        init(_ number: Int, _ living: Counter) {
            self.number = number
            self.living = living
            living.add()
        }

        deinit { living.add(-1) }
    }

    @Test(arguments: 1...20)
    func `a predicate that sends to its own process overwrites nothing (P13)`(count: Int) {
        let living = Counter()
        let got = Probe<Int>()
        let process = world.spawn(Token.self) { me in
            // Asked once when a message has arrived and once when it is looked for: each answers by another message.
            let last = await me.receive { token in
                if token.number < 1_000 { me.send(Token(token.number + 1_000, living)) }
                return token.number == count
            }
            got.record(last?.number ?? -1)
            while let token = await me.receive() { got.record(token.number) }
        }
        world.play { for number in 1...count { process.send(Token(number, living)) } }
        #expect(got.values.first == count)
        let ones = got.values.dropFirst().filter { $0 < 1_000 }
        #expect(ones == Array(1..<count), "what is not wanted stays, in order")
        #expect(Set(got.values.filter { $0 > 1_000 }) == Set((1...count).map { $0 + 1_000 }))
        world.end()
        #expect(living.value == 0)
    }

    @Test func `a tracer that sends to the process it traces overwrites nothing (P21)`() {
        let living = Counter()
        let got = Probe<Int>()
        let process = world.spawn(Token.self) { me in
            while let token = await me.receive() { got.record(token.number) }
        }
        let left = Counter()
        left.add(100)
        world.play {
            process.trace { event in
                if event.kind == .arrived, left.add(-1) >= 0 { process.send(Token(left.value, living)) }
            }
        }
        world.play { for _ in 0..<10 { process.send(Token(-1, living)) } }
        #expect(got.count == 110)
        process.trace(nil)
        world.driven.settle()
        world.end()
        #expect(living.value == 0)
    }

    @Test func `who is told of a long mailbox may send to it (P14, P21)`() {
        let target = Probe<Process<Int>>()
        let reports = Counter()
        let settings = SystemSettings(mailboxWarning: 4) { event in
            guard case .longMailbox = event, reports.add() == 1 else { return }
            for number in 100..<150 { target.values[0].send(number) }
        }
        let driven = HandDriven(settings: settings)
        let got = Probe<Int>()
        driven.run {
            let process = Process<Int>.spawn(on: driven.scheduler) { me in
                while let number = await me.receive() { got.record(number) }
            }
            target.record(process)
            for number in 0..<20 { process.send(number) }
            driven.settle()
            process.exit(.kill)
            driven.settle()
        }
        target.removeAll()
        #expect(reports.value == 1)
        #expect(got.values.filter { $0 < 100 } == Array(0..<20))
        #expect(got.values.filter { $0 >= 100 } == Array(100..<150))
    }

    @Test func `a predicate that drops what it is asked about, or moves it, gets no other message for it (P13, P14)`() {
        let got = Probe<Int?>()
        let process = world.spawn(Int.self, mailbox: .bounded(3, whenFull: .dropOldest)) { me in
            // The mailbox is full: the oldest goes for each that is sent, first what is being asked about.
            got.record(
                await me.receive(timeout: .seconds(1)) { number in
                    if number == 1 { me.send(4) }
                    return number == 1
                })
            while let number = await me.receive(timeout: .zero) { got.record(number) }
        }
        world.play {
            process.pid.suspend()
            for number in 1...3 { process.send(number) }
            process.pid.resume()
        }
        world.advance(by: .seconds(1))
        #expect(!got.values.contains(1), "it was dropped while it was asked about")
        #expect(got.values.suffix(3) == [2, 3, 4])
        world.end()
    }

    @Test func `a message that moves while it is asked about is the one that is taken (P13)`() {
        let got = Probe<String>()
        let other = world.spawn(Int.self) { me in while await me.receive() != nil {} }
        let puppet = world.spawn(Puppet.self) { me in
            let monitor = me.monitor(other.pid) { .down($0) }
            let wanted = await me.receive(matching: { (message: Puppet) -> String? in
                guard case .text(let text) = message, text == "wanted" else { return nil }
                // Takes the down away that stands behind it: what is before that moves up.
                me.demonitor(monitor, flush: true)
                return text
            })
            got.record(wanted ?? "nothing")
            while let next = await me.receive() {
                if case .text(let text) = next { got.record(text) } else { got.record("other") }
            }
        }
        world.play {
            puppet.pid.suspend()
            puppet.send(.text("before"))
            puppet.send(.text("wanted"))
        }
        world.play { other.exit(.shutdown) }
        world.play {
            puppet.send(.text("behind"))
            puppet.pid.resume()
        }
        #expect(got.values == ["wanted", "before", "behind"])
        world.end()
    }

    @Test func `a predicate may end its own process (P13)`() {
        let got = Probe<Int?>()
        let process = world.spawn(Int.self) { me in
            got.record(
                await me.receive { number in
                    if number == 2 { me.exit(.shutdown) }
                    return number == 2
                })
        }
        world.play {
            for number in 1...9 { process.send(number) }
        }
        #expect(got.values == [nil])
        #expect(!process.pid.isAlive)
    }

    /// A message that does something when it goes.
    final class Farewell: Sendable {
        let action: @Sendable () -> Void
        init(_ action: @escaping @Sendable () -> Void) { self.action = action }
        deinit { action() }
    }

    @Test func `messages of timers that go with their process may cancel others and send (P15)`() {
        let gone = Counter()
        let heard = Probe<Int>()
        let listener = world.spawn(Int.self) { me in while let number = await me.receive() { heard.record(number) } }
        let process = world.spawn(Farewell.self) { me in
            // A reference keeps its timer: only those of the others go with the process.
            let spares = (0..<200).map { me.sendAfter(.seconds($0 % 5 + 1), Farewell {}) }
            for number in 0..<200 {
                let farewell = Farewell { [me] in
                    gone.add()
                    listener.send(number)
                    me.assumeIsolated { me in
                        me.cancel(spares[number])
                        me.cancel(spares[199 - number])
                        me.sendAfter(.seconds(1), Farewell {})
                    }
                }
                me.sendAfter(.seconds(number % 7 + 1), farewell)
            }
            _ = await me.receive()
        }
        let before = world.scheduler.alarmCount
        #expect(before == 400)
        world.play { process.exit(.shutdown) }
        #expect(!process.pid.isAlive)
        #expect(gone.value == 200 && heard.count == 200)
        #expect(world.scheduler.alarmCount == 0)
        world.end()
    }

    @Test func `messages that go with a mailbox may send to it and look at it (P1)`() {
        let gone = Counter()
        let process = world.spawn(Farewell.self) { me in _ = await me.receive() }
        world.play {
            process.pid.suspend()
            for _ in 0..<50 {
                process.send(
                    Farewell { [weak process] in
                        gone.add()
                        process?.send(Farewell {})
                        _ = process?.activity
                    })
            }
        }
        world.play { process.exit(.kill) }
        #expect(gone.value == 50)
        #expect(!process.pid.isAlive)
    }

    @Test func `what goes with an alarm that is disarmed may arm and disarm others (P15)`() {
        let driven = world.driven
        driven.run {
            let scheduler = driven.scheduler
            var alarms: [Alarm] = []
            for number in 0..<100 {
                let farewell = Farewell {
                    driven.run {
                        let late = Alarm {}
                        scheduler.arm(late, at: UInt64(number))
                        scheduler.disarm(late)
                    }
                }
                let alarm = Alarm { withExtendedLifetime(farewell) {} }
                scheduler.arm(alarm, at: UInt64(1_000 + number))
                alarms.append(alarm)
            }
            while let alarm = alarms.popLast() { scheduler.disarm(alarm) }
            #expect(scheduler.alarmCount == 0)
        }
    }
}
