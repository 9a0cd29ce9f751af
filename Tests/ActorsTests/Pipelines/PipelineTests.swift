import HansomTesting
import Testing

@testable import Actors

/// Stages that run: what is asked for, made, handed out and handled (P36).
@Suite(.ownThread, .timeLimit(.minutes(2))) struct PipelineTests {
    private let world = World()
    private let got = Probe<Int>()
    private var here: Scheduler { world.scheduler }

    @Test func `nothing is made that nobody has asked for, and no more than that (P36)`() throws {
        let numbers = Numbers()
        let producer = try world.start { [here] in try await numbers.started(on: here) }
        #expect(numbers.asked.count == 0)
        let turnstile = Turnstile(world.driven)
        let slow = Collector(got: got, turnstile: turnstile)
        let consumer = try world.start { [here] in
            try await slow.started(from: .producer(producer, max: 10, min: 4), on: here)
        }
        #expect(numbers.asked.values == [10])
        var made = 10
        for round in 1...20 {
            turnstile.pass()
            world.driven.settle()
            made = numbers.asked.values.reduce(0, +)
            #expect(made - got.count <= 10, "round \(round)")
        }
        #expect(got.values == Array(0..<got.count) && got.count > 50)
        #expect(slow.batches.values.allSatisfy { $0 <= 6 })
        // An event costs less than a message: here two for each six.
        #expect(numbers.asked.count <= got.count / 6 + 2)
        let statistics = try world.statistics(producer)
        #expect(statistics.handedOut == UInt64(made) && statistics.consumers == 1 && statistics.held == 0)
        world.driven.run { consumer.pid.exit(.kill) }
        turnstile.open()
        world.driven.settle()
        #expect(try world.statistics(producer).demand == 0)
        world.end()
    }

    @Test(arguments: [1, 3]) func `what stands between handles what is wanted, and drops none (P36)`(factor: Int) throws
    {
        let numbers = Numbers(end: 100)
        let between = Multiplier(factor: factor, last: -1)
        let turnstile = Turnstile(world.driven, count: 400)
        let slow = Collector(got: got, turnstile: turnstile)
        let (first, middle) = try world.start { [here] in
            let first = try await numbers.started(on: here)
            return (first, try await between.started(from: .producer(first, max: 8), on: here))
        }
        #expect(numbers.asked.count == 0, "nobody at the end has asked")
        let last = try world.start { [here] in
            try await slow.started(from: .producer(middle, max: 2, min: 0), on: here)
        }
        #expect(numbers.asked.values.first == 8)
        for _ in 0..<10 {
            turnstile.pass()
            world.driven.settle()
            let made = numbers.asked.values.reduce(0, +)
            #expect(made - got.count / factor <= 8 + 2 + factor, "\(made) made, \(got.count) handled")
        }
        #expect(between.batches.values.allSatisfy { $0 <= 2 })
        turnstile.open()
        world.driven.settle()
        #expect(got.values == (0..<100).flatMap { Array(repeating: $0, count: factor) } + [-1])
        #expect(world.end(of: first) == .normal && world.end(of: middle) == .normal && world.end(of: last) == .normal)
        #expect(slow.ends.values == ["finish", "normal"])
        world.end()
    }

    @Test func `who has asked for most is served, so that a slow one does not hold up the others (P36)`() throws {
        let numbers = Numbers(end: 1_000)
        let turnstile = Turnstile(world.driven)
        let (slow, quick) = (Probe<Int>(), Probe<Int>())
        let stages = try world.start { [here] in
            let producer = try await numbers.started(on: here)
            _ = try await Collector(got: slow, turnstile: turnstile).started(
                from: .producer(producer, max: 10), on: here)
            return try await Collector(got: quick).started(from: .producer(producer, max: 10), on: here)
        }
        #expect(quick.count == 1_000 - 10 && world.end(of: stages) == .normal)
        turnstile.open()
        world.driven.settle()
        #expect(Set(slow.values + quick.values) == Set(0..<1_000))
        world.end()
    }

    @Test func `a broadcast goes at the pace of the slowest, and faster when that is gone (P36)`() throws {
        let numbers = Numbers()
        let turnstile = Turnstile(world.driven)
        let other = Probe<Int>()
        let (producer, slow) = try world.start { [here, got] in
            let producer = try await numbers.started(dispatch: .broadcast, on: here)
            let slow = try await Collector(got: got, turnstile: turnstile)
                .started(from: .producer(producer, max: 4, min: 0), on: here)
            _ = try await Collector(got: other).started(from: .producer(producer, max: 100, min: 90), on: here)
            return (producer, slow)
        }
        #expect(other.count <= 4)
        for _ in 0..<3 {
            turnstile.pass()
            world.driven.settle()
            #expect(other.count <= got.count + 4)
        }
        let before = other.count
        #expect(got.count > 0)
        // Without end, now that nobody is slow: so it makes some and no more.
        world.driven.run { slow.pid.exit(.kill) }
        for _ in 0..<20 { world.driven.turn() }
        #expect(other.count > before + 100)
        #expect(other.values == Array(other.values[0]..<other.values[0] + other.count))
        world.driven.run { producer.pid.exit(.kill) }
        turnstile.open()
        world.end()
    }

    @Test func `what comes for a partition waits for its consumer, also for one that is started again (P36)`() throws {
        let numbers = Numbers(sleeps: true)
        let even = Probe<Int>()
        let (producer, first) = try world.start { [here, got] in
            let producer = try await numbers.started(
                dispatch: EventDispatch(rule: .partition(2) { $0 % 2 }), buffer: .keepFirst(10), on: here)
            _ = try await Collector(got: even).started(from: .producer(producer, partition: 0), on: here)
            return (
                producer, try await Collector(got: got).started(from: .producer(producer, partition: 1), on: here)
            )
        }
        world.play { producer.emit([0, 1, 2, 3]) }
        #expect(even.values == [0, 2] && got.values == [1, 3])
        world.play { first.pid.exit(.kill) }
        world.play { producer.emit([4, 5, 6, 7]) }
        #expect(even.values == [0, 2, 4, 6] && got.values == [1, 3])
        let again = try world.start { [here, got] in
            try await Collector(got: got).started(from: .producer(producer, partition: 1), on: here)
        }
        #expect(got.values == [1, 3, 5, 7])
        // One that is too many ends, and says why; a temporary one lives on.
        let (wrong, temporary) = try world.start { [here, got] in
            (
                try await Collector(got: got).started(from: .producer(producer, partition: 1), on: here),
                try await Collector(got: got).started(from: .producer(producer, .temporary, partition: 7), on: here)
            )
        }
        #expect(world.end(of: wrong)?.error(as: PipelineError.self)?.code == .partitionTaken)
        #expect(again.pid.isAlive && temporary.pid.isAlive)
        #expect(world.events.values.contains { if case .crash = $0 { true } else { false } }, "that is reported")
        let error = try #require(world.end(of: wrong)?.error(as: PipelineError.self))
        #expect(error.producer == producer.pid && "\(error)".contains("partition 1"))
        world.end()
    }

    @Test func `a consumer finishes with the last that it lives for, and not before (P36)`() throws {
        let turnstile = Turnstile(world.driven)
        let numbers = [Numbers(end: 3), Numbers(next: 100, end: 104), Numbers(next: 1_000)]
        let collector = Collector(got: got, turnstile: turnstile)
        let (producers, consumer) = try world.start { [here] in
            var producers: [RunningStage<Numbers>] = []
            for number in numbers { producers.append(try await number.started(on: here)) }
            let consumer = try await collector.started(
                from: [
                    .producer(producers[0]), .producer(producers[1], max: 2),
                    .producer(producers[2], max: 2, .temporary),
                ], on: here)
            return (producers, consumer)
        }
        #expect(world.end(of: producers[0]) == nil || world.end(of: producers[0]) == .normal)
        #expect(consumer.pid.isAlive)
        turnstile.open()
        world.wait { !consumer.pid.isAlive }
        #expect(got.values.filter { $0 < 1_000 }.sorted() == [0, 1, 2, 100, 101, 102, 103])
        #expect(world.end(of: consumer) == .normal && collector.ends.values == ["finish", "normal"])
        #expect(producers[2].pid.isAlive, "who has no consumer any more waits")
        #expect(try world.statistics(producers[2]).consumers == 0)
        world.end()
    }

    /// How a producer ends, and while its consumer does what.
    enum Phase: CaseIterable, Sendable { case idle, handling, queued }

    @Test(arguments: SubscriptionKind.allCases, Phase.allCases)
    func `what a consumer does when its producer has ended (P36)`(kind: SubscriptionKind, phase: Phase) throws {
        for reason in [ExitReason.shutdown, .kill, .error(Failure())] {
            let got = Probe<Int>()
            let turnstile = phase == .idle ? nil : Turnstile(world.driven)
            let numbers = Numbers(end: 8, sleeps: phase == .idle)
            let (producer, consumer) = try world.start { [here] in
                let producer = try await numbers.started(on: here)
                let subscription = Subscription.producer(
                    producer, max: phase == .queued ? 8 : 4, min: phase == .queued ? 6 : 0, kind)
                return (
                    producer, try await Collector(got: got, turnstile: turnstile).started(from: subscription, on: here)
                )
            }
            let events = world.events.count
            world.play { reason.kind == .error ? producer.send(.fail) : producer.pid.exit(reason) }
            turnstile?.open()
            world.driven.settle()
            let seen = try #require(world.end(of: producer))
            let ends = kind == .permanent || kind == .transient && !seen.isOrderly
            #expect(world.end(of: consumer)?.kind == (ends ? seen.kind : nil), "\(reason)")
            // What it was handed before is handled all the same.
            if phase != .idle, !ends || phase == .handling {
                #expect(got.values == Array(0..<got.count) && got.count >= 4)
            }
            let crashes = world.events.values.dropFirst(events).count {
                if case .crash = $0 { true } else { false }
            }
            #expect(crashes == (reason.kind == .error ? 1 : 0), "of the producer, once")
            world.play { consumer.pid.exit(.kill) }
        }
        world.end()
    }

    @Test func `the demand of a consumer that dies is taken back, and the next one is served (P36)`() throws {
        let numbers = Numbers(end: 1_000, sleeps: true)
        let producer = try world.start { [here] in try await numbers.started(on: here) }
        // While it waits for events, while it handles some, by its own fault and by another's.
        for fault in 0..<3 {
            let turnstile = fault == 1 ? Turnstile(world.driven) : nil
            let collector = Collector(got: got, turnstile: turnstile, failsAt: fault == 2 ? -2 : nil)
            let consumer = try world.start { [here] in
                try await collector.started(from: .producer(producer, max: 10), on: here)
            }
            #expect(try world.statistics(producer).demand == 10)
            if fault > 0 { world.play { producer.emit([-1, -2, -3]) } }
            if fault < 2 { world.play { consumer.pid.exit(.kill) } }
            turnstile?.open()
            world.driven.settle()
            #expect(!consumer.pid.isAlive)
            let statistics = try world.statistics(producer)
            #expect(statistics.demand == 0 && statistics.consumers == 0 && statistics.held == 0)
        }
        got.removeAll()
        world.play { producer.emit([1, 2]) }
        let last = try world.start { [here, got] in
            try await Collector(got: got).started(from: .producer(producer, max: 10), on: here)
        }
        #expect(got.values == [1, 2])
        world.play { producer.send(.awake) }
        #expect(got.values == [1, 2] + Array(0..<1_000) && world.end(of: last) == .normal)
        world.end()
    }

    @Test func `events that come without demand wait within a bound, and what is dropped is told (P36)`() throws {
        for (buffer, kept) in [(EventBuffer.keepFirst(3), [0, 1, 2]), (.keepLast(3), [7, 8, 9])] {
            let numbers = Numbers(sleeps: true)
            let got = Probe<Int>()
            let producer = try world.start { [here] in try await numbers.started(buffer: buffer, on: here) }
            let before = world.scheduler.messagesDropped
            world.play {
                producer.emit(Array(0..<5))
                producer.send(.emit(Array(5..<10)))
            }
            #expect(numbers.dropped.values.reduce(0, +) == 7)
            #expect(world.scheduler.messagesDropped - before == 7)
            let statistics = try world.statistics(producer)
            #expect(statistics.dropped == 7 && statistics.held == 3)
            let consumer = try world.start { [here] in
                try await Collector(got: got).started(from: .producer(producer), on: here)
            }
            #expect(got.values == kept)
            // What it makes beyond the demand is treated alike.
            world.play { producer.send(.finish) }
            #expect(world.end(of: producer) == .normal && world.end(of: consumer) == .normal)
        }
        world.end()
    }

    @Test func `a stage that finishes hands out what waits first (P36)`() throws {
        let numbers = Numbers(sleeps: true)
        let producer = try world.start { [here] in try await numbers.started(on: here) }
        world.play {
            producer.emit([1, 2, 3])
            producer.send(.finish)
        }
        #expect(producer.pid.isAlive)
        let consumer = try world.start { [here, got] in
            try await Collector(got: got).started(from: .producer(producer, max: 1), on: here)
        }
        #expect(got.values == [1, 2, 3] && world.end(of: consumer) == .normal && world.end(of: producer) == .normal)
        world.end()
    }

    @Test func `one that has nothing just now is asked again when it says so (P36)`() throws {
        let numbers = Numbers(end: 5, sleeps: true)
        let consumer = try world.start { [here, got] in
            let producer = try await numbers.started(name: "sleeper", on: here)
            _ = producer
            return try await Collector(got: got).started(from: .producer(named: "sleeper", Numbers.self), on: here)
        }
        #expect(got.count == 0 && numbers.asked.count == 1)
        let sleeper = try #require(Registry.whereis("sleeper", server: StageServer<Numbers>.self))
        world.play { sleeper.send(.info(.awake)) }
        #expect(got.values == [0, 1, 2, 3, 4] && world.end(of: consumer) == .normal)
        world.end()
    }

    @Test func `who comes when a producer has finished finishes too, at once or with the others (P36)`() throws {
        let producer = try world.start { [here] in try await Numbers(end: 3).started(on: here) }
        let first = try world.start { [here, got] in
            try await Collector(got: got).started(from: .producer(producer), on: here)
        }
        #expect(got.values == [0, 1, 2] && world.end(of: first) == .normal && world.end(of: producer) == .normal)
        let late = Collector(got: got)
        let second = try world.start { [here] in try await late.started(from: .producer(producer), on: here) }
        #expect(world.end(of: second) == .normal && late.ends.values == ["finish", "normal"])
        let other = try world.start { [here, got] in
            let other = try await Numbers(next: 10, end: 13, sleeps: true).started(on: here)
            let third = try await Collector(got: got).started(from: [.producer(producer), .producer(other)], on: here)
            return (other, third)
        }
        #expect(other.1.pid.isAlive)
        world.play { other.0.send(.awake) }
        #expect(got.values == [0, 1, 2, 10, 11, 12] && world.end(of: other.1) == .normal)
        world.end()
    }

    @Test func `who subscribes to nobody does not start, unless that does not matter (P36)`() throws {
        for kind in [SubscriptionKind.permanent, .transient] {
            let error = #expect(throws: CallError.self) {
                try world.start { [here, got] in
                    try await Collector(got: got).started(
                        from: .producer(named: "nobody", Numbers.self, kind), on: here)
                }
            }
            #expect(error?.code == .noProcess && "\(String(describing: error))".contains("nobody"))
        }
        let consumer = try world.start { [here, got] in
            try await Collector(got: got).started(from: .producer(named: "nobody", Numbers.self, .temporary), on: here)
        }
        #expect(consumer.pid.isAlive)
        // It is told of one later, and of one that has ended by then.
        let producers = try world.start { [here] in
            [try await Numbers(end: 3).started(on: here), try await Numbers(end: 3).started(on: here)]
        }
        world.play { consumer.subscribe(to: .producer(producers[0], .transient)) }
        #expect(got.values == [0, 1, 2] && consumer.pid.isAlive)
        world.play { producers[1].pid.exit(.kill) }
        world.play { consumer.subscribe(to: .producer(producers[1])) }
        #expect(world.end(of: consumer) == .killed, "the true reason")
        world.end()
    }

    @Test func `a subscription that is taken back brings nothing more, and frees its demand (P36)`() throws {
        let numbers = Numbers(sleeps: true)
        let (producer, consumer) = try world.start { [here, got] in
            let producer = try await numbers.started(on: here)
            return (producer, try await Collector(got: got).started(from: .producer(producer), on: here))
        }
        world.play { producer.emit([1]) }
        world.play { consumer.unsubscribe(from: producer) }
        world.play { producer.emit([2]) }
        #expect(got.values == [1] && consumer.pid.isAlive)
        let statistics = try world.statistics(producer)
        #expect(statistics.demand == 0 && statistics.consumers == 0 && statistics.held == 1)
        world.play { producer.pid.exit(.kill) }
        #expect(consumer.pid.isAlive)
        world.end()
    }

    @Test func `a stage answers questions, and one that is stopped drains nothing (P36)`() throws {
        let turnstile = Turnstile(world.driven)
        let collector = Collector(got: got, turnstile: turnstile)
        let numbers = Numbers()
        let (producer, consumer) = try world.start { [here] in
            let producer = try await numbers.started(on: here)
            return (producer, try await collector.started(from: .producer(producer, max: 10, min: 5), on: here))
        }
        turnstile.pass()
        world.driven.settle()
        let total = Probe<Int>()
        world.spawn(Never.self) { _ in total.record(try await consumer.call { .total($0) }) }
        world.play { consumer.process.request(.stop(.shutdown, grace: .seconds(5))) }
        // It is in the midst of its second batch, and the third has come before the wish that it stops.
        for _ in 0..<2 {
            turnstile.pass()
            world.driven.settle()
        }
        world.wait { !consumer.pid.isAlive && total.count > 0 }
        #expect(world.end(of: consumer) == .shutdown && got.values == Array(0..<15) && total.values == [15])
        #expect(numbers.asked.values.reduce(0, +) > 15, "what it was handed later is lost")
        #expect(collector.ends.values == ["shutdown"], "it has not finished")
        #expect(producer.pid.isAlive)
        turnstile.open()
        world.end()
    }

    @Test func `the report of a crash tells what a stage was handling, and of events their number (P35, P36)`() throws {
        let collector = Collector(got: got, failsAt: 2)
        let consumer = try world.start { [here] in
            let producer = try await Numbers(end: 5).started(on: here)
            return try await collector.started(from: .producer(producer), on: here)
        }
        #expect(!consumer.pid.isAlive)
        let crashes = world.events.values.compactMap { if case .crash(let report) = $0 { report } else { nil } }
        #expect(crashes.map(\.handling) == ["5 events"])
        #expect(crashes.first?.state?.contains("Collector") == true)
        #expect("\(StageMessage<Collector>.info(.fail))" == "info(fail)")
        world.end()
    }

    @Test func `a pipeline under a supervisor is started again from the stage that failed on (P16, P36)`() throws {
        let supervisor = try world.start { [here, got] in
            try await Supervisor(.restForOne, maxRestarts: 10) {
                Child("numbers") { try await Numbers(end: 1_000_000, sleeps: true).started(name: "numbers") }
                Child("between") {
                    try await Multiplier().started(
                        from: .producer(named: "numbers", Numbers.self, .temporary), name: "between")
                }
                Child("collector") {
                    try await Collector(got: got).started(
                        from: .producer(named: "between", Multiplier.self, .temporary), name: "collector")
                }
            }.start(on: here)
        }
        func send(_ numbers: [Int]) {
            world.play { Registry.whereis("numbers", server: StageServer<Numbers>.self)?.send(.info(.emit(numbers))) }
        }
        send([1, 2])
        #expect(got.values == [1, 2])
        world.play { Registry.whereis("collector", server: StageServer<Collector>.self)?.send(.info(.fail)) }
        world.wait { Registry.whereis("collector") != nil }
        world.driven.settle()
        send([3])
        #expect(got.values == [1, 2, 3])
        world.play { Registry.whereis("between", server: StageServer<Multiplier>.self)?.send(.info(.fail)) }
        world.wait { Registry.whereis("collector") != nil }
        world.driven.settle()
        send([4])
        #expect(got.values == [1, 2, 3, 4])
        world.play { Registry.whereis("numbers", server: StageServer<Numbers>.self)?.send(.info(.fail)) }
        world.wait { Registry.whereis("collector") != nil }
        world.driven.settle()
        send([5])
        #expect(got.values == [1, 2, 3, 4, 5])
        world.driven.run { supervisor.pid.exit(.shutdown) }
        world.wait { !supervisor.pid.isAlive }
        #expect(Registry.whereis("numbers") == nil)
        world.end()
    }
}
