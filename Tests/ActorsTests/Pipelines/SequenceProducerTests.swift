import HansomTesting
import Testing

@testable import Actors

/// A sequence that counts how far it is read, and gives what a test puts into it.
private final class Feed: AsyncSequence, AsyncIteratorProtocol, @unchecked Sendable {
    // Safety: touched by the scheduler's thread only, which the test turns by hand.
    typealias Element = Int

    private var waiting: [Int] = []
    private var end: (any Error)??
    private let gate = Gate()
    private let driven: HandDriven
    private(set) var read = 0
    private(set) var isCancelled = false

    init(_ driven: HandDriven) { self.driven = driven }

    func makeAsyncIterator() -> Feed { self }

    func next() async throws -> Int? { preconditionFailure("read on some other thread") }

    func next(isolation actor: isolated (any Actor)?) async throws -> Int? {
        while waiting.isEmpty {
            if case .some(let end) = end {
                if let end { throw end }
                return nil
            }
            if Task.isCancelled {
                isCancelled = true
                throw CancellationError()
            }
            let (gate, scheduler) = (gate, driven.scheduler)
            await withTaskCancellationHandler {
                _ = actor
                await gate.pass(on: scheduler)
            } onCancel: {
                scheduler.runLater { gate.open(on: scheduler) }
            }
        }
        read += 1
        return waiting.removeFirst()
    }

    func put(_ numbers: some Sequence<Int>) { go { $0.waiting += numbers } }

    func finish(_ error: (any Error)? = nil) { go { $0.end = .some(error) } }

    private func go(_ change: (Feed) -> Void) {
        driven.run {
            change(self)
            gate.open(on: driven.scheduler)
        }
        driven.settle()
    }
}

/// Sequences that are the source of a pipeline (P36).
@Suite(.ownThread, .timeLimit(.minutes(1))) struct SequenceProducerTests {
    private let world = World()
    private let got = Probe<Int>()
    private let feed: Feed
    private var here: Scheduler { world.scheduler }

    init() { feed = Feed(world.driven) }

    private func started(
        _ collector: Collector, max: Int
    ) throws -> (RunningStage<SequenceProducer<Feed>>, RunningStage<Collector>) {
        try world.start { [here, feed] in
            let producer = try await SequenceProducer(feed).started(on: here)
            return (producer, try await collector.started(from: .producer(producer, max: max), on: here))
        }
    }

    @Test func `no more is read than was asked for, and it all arrives in order (P36)`() throws {
        let turnstile = Turnstile(world.driven)
        feed.put(0..<100)
        let producer = try world.start { [here, feed] in try await SequenceProducer(feed).started(on: here) }
        #expect(feed.read == 0, "nobody has asked")
        let consumer = try world.start { [here, got] in
            try await Collector(got: got, turnstile: turnstile)
                .started(from: .producer(producer, max: 6, min: 3), on: here)
        }
        for _ in 0..<10 {
            #expect(feed.read - got.count <= 6)
            turnstile.pass()
            world.driven.settle()
        }
        #expect(got.count > 20 && feed.read < 50)
        feed.finish()
        #expect(producer.pid.isAlive)
        turnstile.open()
        world.driven.settle()
        #expect(got.values == Array(0..<100))
        #expect(world.end(of: producer) == .normal && world.end(of: consumer) == .normal)
        world.end()
    }

    @Test func `elements that are there together travel together (P36)`() throws {
        let collector = Collector(got: got)
        let (producer, _) = try started(collector, max: 20)
        feed.put(0..<10)
        feed.put(10..<12)
        feed.put([12])
        #expect(got.values == Array(0..<13) && collector.batches.values == [10, 2, 1])
        let handled = producer.process.core.actor?.activity.handled ?? 0
        #expect(handled < 13, "fewer messages than events: \(handled)")
        world.end()
    }

    @Test func `an error ends the stage behind the elements before it (P36)`() throws {
        let (producer, consumer) = try started(Collector(got: got), max: 10)
        feed.put(0..<3)
        feed.finish(Failure())
        #expect(got.values == [0, 1, 2])
        #expect(world.end(of: producer)?.error(as: Failure.self) != nil)
        #expect(world.end(of: consumer)?.error(as: Failure.self) != nil)
        world.end()
    }

    @Test(arguments: [ExitReason.shutdown, .kill])
    func `with the stage the reading ends, wherever it is (P36)`(reason: ExitReason) throws {
        // At the sequence.
        let (reading, consumer) = try started(Collector(got: got), max: 10)
        world.play { reading.pid.exit(reason) }
        #expect(feed.isCancelled && !reading.pid.isAlive && !consumer.pid.isAlive)
        // Where it waits for demand.
        let other = Feed(world.driven)
        other.put(0..<3)
        let weak = try world.start { [here] in
            let producer = try await SequenceProducer(other).started(on: here)
            return (producer.pid, WeakReference(producer.process))
        }
        world.play { weak.0.exit(reason) }
        world.wait { weak.1.object == nil }
        #expect(weak.1.object == nil, "no task keeps the process")
        #expect(other.read == 0)
        world.end()
    }

    @Test func `when the only consumer dies no more than one element is read (P36)`() throws {
        let (producer, first) = try started(Collector(got: got), max: 10)
        world.play { first.pid.exit(.kill) }
        feed.put(0..<5)
        // The one that it was waiting for already.
        #expect(feed.read == 1 && got.count == 0)
        _ = try world.start { [here, got] in
            try await Collector(got: got).started(from: .producer(producer, max: 10), on: here)
        }
        #expect(got.values == [0, 1, 2, 3, 4], "and that one is not lost")
        world.end()
    }

    @Test func `a sequence that always has something gives way to the neighbours (P30, P36)`() throws {
        let count = 20_000
        feed.put(0..<count)
        let (_, _) = try world.start { [here, got, feed] in
            let producer = try await SequenceProducer(feed).started(on: here)
            return (producer, try await Collector(got: got).started(from: .producer(producer, max: count), on: here))
        }
        #expect(got.values == Array(0..<count))
        #expect(world.scheduler.jobsRun > 5, "it has given way")
        world.end()
    }
}

/// A process for each event (P36).
@Suite(.ownThread, .timeLimit(.minutes(1))) struct ConsumerSupervisorTests {
    private let world = World()
    private let begun = Probe<Int>()
    private let ended = Probe<Int>()
    private var here: Scheduler { world.scheduler }

    private func supervisor(_ latches: [DrivenLatch]) -> ConsumerSupervisor<Int> {
        ConsumerSupervisor(placement: .here) { [begun, ended] number in
            begun.record(number)
            await latches[number].wait()
            if number % 3 == 0 { throw Failure() }
            ended.record(number)
        }
    }

    @Test func `no more processes run at a time than it may ask for, and one that fails is one that ended (P36)`()
        throws
    {
        let latches = (0..<12).map { _ in DrivenLatch(world.driven) }
        let workers = supervisor(latches)
        let (producer, consumer) = try world.start { [here] in
            let producer = try await Numbers(end: 12).started(on: here)
            return (producer, try await workers.started(from: .producer(producer, max: 4, min: 3), on: here))
        }
        world.wait { begun.count == 4 }
        for number in 0..<12 {
            #expect(begun.values == Array(0..<min(number + 4, 12)), "event \(number)")
            latches[number].open()
            world.wait { begun.count >= min(number + 5, 12) }
        }
        world.wait { !consumer.pid.isAlive }
        #expect(ended.values == [1, 2, 4, 5, 7, 8, 10, 11])
        #expect(world.end(of: consumer) == .normal, "once all have ended")
        #expect(world.end(of: producer) == .normal)
        world.end()
    }

    @Test(arguments: [ExitReason.shutdown, .kill])
    func `with it its processes end (P36)`(reason: ExitReason) throws {
        let latches = (0..<4).map { _ in DrivenLatch(world.driven) }
        let workers = supervisor(latches)
        let (producer, consumer) = try world.start { [here] in
            let producer = try await Numbers().started(on: here)
            return (producer, try await workers.started(from: .producer(producer, max: 4, .temporary), on: here))
        }
        world.wait { begun.count == 4 }
        let children = world.scheduler.processes.cores.map(\.pid).filter { $0 != producer.pid && $0 != consumer.pid }
        #expect(children.count == 4)
        world.driven.run { consumer.pid.exit(reason) }
        for latch in latches { latch.open() }
        world.wait { !consumer.pid.isAlive && !children.contains(where: \.isAlive) }
        #expect(world.end(of: consumer)?.kind == (reason == .kill ? .killed : .shutdown))
        #expect(!children.contains { $0.isAlive })
        #expect(begun.count == 4, "it has begun no other")
        world.end()
    }

    @Test func `one that was asked to end by a signal of no failure goes on, by another ends (P36)`() throws {
        let workers = supervisor([])
        let consumer = try world.start { [here] in try await workers.started(on: here) }
        world.play { consumer.pid.exit(.normal) }
        #expect(consumer.pid.isAlive)
        world.play { consumer.pid.exit(.error(Failure())) }
        #expect(world.end(of: consumer)?.error(as: Failure.self) != nil)
        #expect(!world.events.values.contains { if case .crash = $0 { true } else { false } }, "no crash of its own")
        world.end()
    }
}

/// The same on several threads, while some die (P36).
@Suite(.timeLimit(.minutes(2))) struct PipelineThreadTests {
    @Test func `between two stages order stands, and nothing gets lost but with who dies (P36)`() async throws {
        try await withQuietGroup(count: 3) { group in
            let count = 20_000
            let got = Probe<Int>()
            let other = Probe<Int>()
            let place = group.schedulers
            let producer = try await Numbers(end: count, most: 7).started(on: place[0])
            let first = try await Multiplier().started(from: .producer(producer, max: 20), on: place[1])
            let second = try await Multiplier().started(from: .producer(producer, max: 20), on: place[2])
            let consumer = try await Collector(got: got).started(
                from: [.producer(first, max: 30), .producer(second, max: 30, .transient)], on: place[0])
            // Now and then somebody comes, takes a few, and dies.
            var lives = 0
            while consumer.pid.isAlive {
                let guest = try await Collector(got: other).started(
                    from: .producer(producer, max: 5, .temporary), on: place[lives % 3])
                for _ in 0..<20 { await Task.yield() }
                guest.pid.exit(.kill)
                _ = try await guest.pid.down()
                lives += 1
            }
            #expect(try await consumer.pid.down() == .normal)
            let values = got.values
            #expect(Set(values).count == values.count && Set(values).isDisjoint(with: other.values))
            let missing = count - values.count - other.count
            #expect(missing >= 0 && missing <= 5 * lives + 30, "\(missing) missing with \(lives) that died")
        }
    }

    @Test func `order stands from thread to thread (P2, P36)`() async throws {
        try await withQuietGroup(count: 3) { group in
            let count = 20_000
            let got = Probe<Int>()
            let place = group.schedulers
            let producer = try await Numbers(end: count, most: 11).started(on: place[0])
            let between = try await Multiplier().started(from: .producer(producer, max: 16, min: 15), on: place[1])
            let consumer = try await Collector(got: got).started(from: .producer(between, max: 3), on: place[2])
            #expect(try await consumer.pid.down() == .normal)
            #expect(got.values == Array(0..<count))
            #expect(try await between.pid.down() == .normal)
            #expect(try await producer.pid.down() == .normal)
        }
    }
}
