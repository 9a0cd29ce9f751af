import Testing
import WSConnection

@testable import WSClient

/// When a client tries again, without a clock, a socket or a die.
@Suite(.timeLimit(.minutes(2))) struct ReconnectMachineTests {
    private static let second: UInt64 = 1_000_000_000
    private static let start = 100 * second

    private func machine(
        first: Duration = .seconds(1), most: Duration = .seconds(8), limit: Int? = nil, total: Duration? = nil
    ) -> ReconnectMachine {
        let backoff = ReconnectOptions.Backoff(first: first, most: most, limit: limit)
        let options = ReconnectOptions(backoff: backoff, totalTimeout: total, steadyAfter: .seconds(10))
        return ReconnectMachine(options, at: Self.start)
    }

    private let hopeful = ReconnectMachine.Prospect.hopeful(notBefore: nil)

    // MARK: Waits

    @Test func `the bound of the wait doubles up to the cap (C9)`() {
        var machine = machine()
        let waits = (0..<6).map { _ in machine.ended(hopeful, at: Self.start, jitter: .max) }
        #expect(waits == [1, 2, 4, 8, 8, 8].map { .retry(after: .seconds($0)) })
    }

    @Test(arguments: [(0, 0), (UInt64.max / 4, 1), (.max / 2, 2), (.max, 4)])
    func `the wait is a random part of its bound, from none to all of it (C9)`(jitter: UInt64, seconds: Int) {
        let backoff = ReconnectOptions.Backoff(first: .seconds(4), most: .seconds(60))
        let wait = backoff.wait(before: 1, jitter)
        #expect(wait <= .seconds(seconds) && wait >= .seconds(seconds) - .milliseconds(1))
    }

    @Test(arguments: [Int.max, 1_000_000, 70, 1])
    func `no number of failures and no bound overflows (C9)`(retry: Int) {
        for duration in [Duration.zero, .nanoseconds(1), .seconds(Int64.max)] {
            let backoff = ReconnectOptions.Backoff(first: duration, most: .seconds(Int64.max))
            #expect(backoff.wait(before: retry, .max) >= min(duration, .seconds(1)))
            #expect(backoff.wait(before: retry, 0) == .zero)
        }
    }

    @Test func `a first wait above the cap is the cap (C9)`() {
        var machine = machine(first: .seconds(60), most: .seconds(5))
        #expect(machine.ended(hopeful, at: Self.start, jitter: .max) == .retry(after: .seconds(5)))
    }

    @Test(arguments: [(0, 1), (1, 1), (3, 3), (8, 8), (9, 8), (100_000, 8)])
    func `what the server asks for is waited for, within the cap, and never less than the backoff (C9)`(
        asked: Int, waited: Int
    ) {
        var machine = machine()
        let decision = machine.ended(
            .hopeful(notBefore: .seconds(asked)), at: Self.start, jitter: .max)
        #expect(decision == .retry(after: .seconds(waited)))
    }

    // MARK: Giving up

    @Test(arguments: 0...4)
    func `so many further attempts follow a failure, and no more (C9)`(limit: Int) {
        var machine = machine(limit: limit)
        for _ in 0..<limit {
            guard case .retry = machine.ended(hopeful, at: Self.start, jitter: 0) else {
                Issue.record("gave up too early")
                return
            }
        }
        #expect(machine.ended(hopeful, at: Self.start, jitter: 0) == .giveUp(.limit))
    }

    @Test func `what cannot get better is given up at once, whatever else is left (C9)`() {
        var machine = machine(limit: 100, total: .seconds(1000))
        #expect(machine.ended(.hopeless, at: Self.start, jitter: 0) == .giveUp(.hopeless))
    }

    @Test func `no attempt begins after the time for all, and each has no more than is left (C9)`() {
        var machine = machine(total: .seconds(5))
        let later = Self.start + 3 * Self.second
        #expect(machine.timeLeft(at: Self.start) == .seconds(5))
        #expect(machine.timeLeft(at: later) == .seconds(2))
        #expect(machine.ended(hopeful, at: later, jitter: .max) == .retry(after: .seconds(1)))
        #expect(machine.ended(hopeful, at: later, jitter: .max) == .giveUp(.time))
        #expect(machine.timeLeft(at: Self.start + 6 * Self.second) == .zero)
    }

    @Test func `the time for all begins anew when a connection is lost that held (C9)`() {
        var machine = machine(total: .seconds(5))
        machine.connected(at: Self.start + 4 * Self.second)
        let lost = Self.start + 100 * Self.second
        #expect(machine.ended(hopeful, at: lost, jitter: .max) == .retry(after: .seconds(1)))
        #expect(machine.timeLeft(at: lost) == .seconds(5))
    }

    // MARK: All sequences

    /// What an attempt comes to.
    private enum Outcome: CaseIterable { case failed, brief, held }

    /// All sequences of so many outcomes.
    private static func sequences(_ length: Int) -> [[Outcome]] {
        length == 0 ? [[]] : sequences(length - 1).flatMap { head in Outcome.allCases.map { head + [$0] } }
    }

    @Test(arguments: [nil, 0, 1, 2, 3])
    func `counts failures since the last connection that held, in every sequence of six (C9)`(limit: Int?) {
        for sequence in Self.sequences(6) {
            var machine = machine(limit: limit)
            var now = Self.start
            var row = 0
            for outcome in sequence {
                #expect(machine.attempt == row + 1)
                if outcome != .failed {
                    machine.connected(at: now)
                    now += outcome == .held ? 10 * Self.second : 10 * Self.second - 1
                }
                row = outcome == .held ? 1 : row + 1
                let decision = machine.ended(hopeful, at: now, jitter: .max)
                if let limit, row > limit {
                    #expect(decision == .giveUp(.limit), "\(sequence)")
                    break
                }
                #expect(decision == .retry(after: .seconds(min(1 << (row - 1), 8))), "\(sequence)")
            }
        }
    }

    // MARK: Options

    @Test(arguments: [
        ReconnectOptions.Backoff(first: .seconds(-1)), .init(most: .seconds(-1)), .init(limit: -1),
    ])
    func `a backoff that makes no sense is refused (C9)`(backoff: ReconnectOptions.Backoff) {
        #expect(throws: WebSocketError.self) { try ReconnectOptions(backoff: backoff).check() }
    }
}
