import HansomTesting

@testable import Actors

/// Stages for tests, which write down what they do.
struct Numbers: Producer {
    enum Info: Sendable {
        case emit([Int])
        case finish
        case fail
        case awake
    }

    var next = 0
    /// Where it ends.
    var end = Int.max
    /// How many it makes at once, whatever is wanted.
    var most = Int.max
    /// Whether it makes nothing until it is told that there is something.
    var sleeps = false
    var asked = Probe<Int>()
    var dropped = Probe<Int>()

    mutating func produce(_ demand: Int, _ me: isolated Me) async throws -> [Int]? {
        asked.record(demand)
        if sleeps { return [] }
        if next >= end { return nil }
        let count = min(demand, end - next, most)
        defer { next += count }
        return Array(next..<next + count)
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws {
        switch info {
        case .emit(let numbers): me.emit(numbers)
        case .finish: me.finish()
        case .fail: throw Failure()
        case .awake:
            sleeps = false
            me.produceAgain()
        }
    }

    mutating func eventsDropped(_ count: Int, _ me: isolated Me) async throws { dropped.record(count) }
}

/// Handles its batches when the test lets it: one with each `pass`.
final class Turnstile: Sendable {
    private let latches: [DrivenLatch]
    private let taken = Counter()
    private let opened = Counter()

    init(_ driven: HandDriven, count: Int = 100) { latches = (0..<count).map { _ in DrivenLatch(driven) } }

    func wait() async {
        let number = taken.add() - 1
        if number < latches.count { await latches[number].wait() }
    }

    func pass() { latches[opened.add() - 1].open() }

    /// Nobody is held up any more.
    func open() { while opened.value < latches.count { pass() } }
}

struct Collector: Consumer {
    enum Info: Sendable {
        case total(Reply<Int>)
        case fail
    }

    let got: Probe<Int>
    var batches = Probe<Int>()
    var turnstile: Turnstile?
    var ends = Probe<String>()
    var failsAt: Int?

    mutating func consume(_ events: [Int], _ me: isolated Me) async throws {
        batches.record(events.count)
        await turnstile?.wait()
        for event in events {
            if event == failsAt { throw Failure() }
            got.record(event)
        }
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws {
        switch info {
        case .total(let reply): reply(got.count)
        case .fail: throw Failure()
        }
    }

    mutating func finish(_ me: isolated Me) async throws { ends.record("finish") }

    mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async { ends.record("\(reason)") }
}

/// Makes several of each, and one more when it finishes.
struct Multiplier: ProducerConsumer {
    enum Info: Sendable { case fail }

    var factor = 1
    var last: Int?
    var batches = Probe<Int>()

    mutating func process(_ events: [Int], _ me: isolated Me) async throws -> [Int] {
        batches.record(events.count)
        return events.flatMap { Array(repeating: $0, count: factor) }
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws { throw Failure() }

    mutating func finish(_ me: isolated Me) async throws { if let last { me.emit([last]) } }
}

extension World {
    /// Starts something and lets all come to rest.
    func start<R: Sendable>(_ start: @escaping @Sendable () async throws -> R) throws -> R {
        let result = Probe<Result<R, any Error>>()
        let starter = spawn(Never.self) { _ in
            do { result.record(.success(try await start())) } catch { result.record(.failure(error)) }
        }
        wait { result.count > 0 }
        wait { !starter.pid.isAlive }
        driven.settle()
        guard let result = result.values.first else { throw Failure() }
        return try result.get()
    }

    func statistics<S: Stage>(_ stage: RunningStage<S>) throws -> StageStatistics {
        try start { try await stage.statistics() }
    }

    /// The reason with which a stage has ended, if it has.
    func end(of stage: some Supervisable) -> ExitReason? { stage.pid.core.lastReason }
}
