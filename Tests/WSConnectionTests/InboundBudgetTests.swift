import Actors
import HansomTesting
import Synchronization
import Testing

@testable import WSConnection

/// What all connections of a server together hold, counted and bounded (S24), and a peak given back. Every moment is
/// the test's.
@Suite(.timeLimit(.minutes(2))) struct InboundBudgetTests {
    private static let step = InboundBudget.step

    private func connect(
        _ driven: HandDriven, _ budget: InboundBudget, _ options: ConnectionOptions = ConnectionOptions()
    ) -> ByHand { ByHand(on: driven, options, budget: budget, capacity: 4 << 20) }

    /// The beginning of a message of 1 MB.
    private func part(_ count: Int) -> [UInt8] { Wire.header(2, 1_000_000) + [UInt8](repeating: 0, count: count) }

    private func rest(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

    /// The length of the next message, which is taken.
    private func taken(_ peer: ByHand) -> Int? { peer.run { $0.messageAtOnce()?.byteCount } }

    @Test func `what is held is counted in steps of 64 KiB, and no more once it is taken or the connection gone (S24)`()
    {
        let driven = HandDriven()
        let budget = InboundBudget(limit: 64 << 20)
        let (a, b) = (connect(driven, budget), connect(driven, budget))
        a.send(Wire.binary(rest(1000)))
        driven.settle()
        #expect(budget.heldBytes == 0)
        a.send(part(300_000))
        b.send(part(100_000))
        driven.settle()
        let (heldA, heldB) = (a.run { $0.heldBytes }, b.run { $0.heldBytes })
        #expect(heldA >= 300_000 && heldB >= 100_000)
        #expect(budget.heldBytes == (heldA / Self.step + heldB / Self.step) * Self.step)
        a.send(rest(700_000))
        driven.settle()
        // Complete, and waiting: 1,001,000 bytes.
        #expect(budget.heldBytes == (1_001_000 / Self.step + heldB / Self.step) * Self.step)
        #expect(taken(a) == 1000)
        #expect(taken(a) == 1_000_000)
        #expect(budget.heldBytes == heldB / Self.step * Self.step)
        b.end()
        #expect(budget.heldBytes == 0)
        a.end()
    }

    @Test
    func
        `at the bound those that hold most stop reading, small ones do not, and all go on when a quarter is free (S24)`()
    {
        let driven = HandDriven()
        let budget = InboundBudget(limit: 1 << 20)
        let large = connect(driven, budget)
        let other = connect(driven, budget)
        let small = connect(driven, budget)
        large.send(Wire.binary(rest(700_000)))
        driven.settle()
        other.send(part(600_000))
        driven.settle()
        #expect(budget.isFull)
        #expect(budget.heldUpCount >= 1)
        let most = budget.heldBytes
        #expect(most <= budget.limit + 2 * Self.step)
        // It reads no more, and small messages flow.
        other.send(rest(100_000))
        small.send(Wire.binary(rest(100)))
        driven.settle()
        #expect(budget.heldBytes <= most + Self.step)
        #expect(taken(small) == 100)
        // The one takes its message: there is room for the other.
        #expect(taken(large) == 700_000)
        other.send(rest(300_000))
        driven.settle()
        #expect(taken(other) == 1_000_000)
        #expect(budget.heldBytes == 0)
        #expect(budget.heldUpCount == 0)
        for peer in [large, other, small] { peer.end() }
    }

    @Test func `whoever waits for room is not taken for dead, and is heard again afterwards (S24)`() {
        let driven = HandDriven()
        let budget = InboundBudget(limit: 1 << 20)
        let timing = Timing(
            pingInterval: .seconds(1), pingTimeout: .seconds(1), idleTimeout: .seconds(3), messageTimeout: .seconds(3))
        let full = connect(driven, budget)
        for _ in 0..<2 { full.send(Wire.binary(rest(500_000))) }
        driven.settle()
        let other = connect(driven, budget, ConnectionOptions(timing: timing))
        // Complete, and waiting: nothing unfinished that could be given up.
        for _ in 0..<16 { other.send(Wire.binary(rest(4200))) }
        driven.settle()
        #expect(budget.isFull)
        #expect(other.run { $0.isHeldUp })
        for _ in 0..<20 { driven.advance(by: .seconds(1)) }
        #expect(other.run { $0.end.isListening && $0.outcome == nil })
        #expect(taken(full) == 500_000)
        driven.settle()
        #expect(other.run { !$0.isHeldUp })
        // Now the keepalive looks after it again.
        for _ in 0..<4 { driven.advance(by: .seconds(1)) }
        #expect(other.run { $0.outcome != nil })
        for peer in [full, other] { peer.end() }
    }

    @Test func `messages that nobody completes are given up with 1013 after a second, the largest first (S24) (T50)`() {
        let driven = HandDriven()
        let budget = InboundBudget(limit: 2 << 20)
        let peers = (0..<4).map { _ in connect(driven, budget) }
        for (index, peer) in peers.enumerated() { peer.send(part(200_000 + 200_000 * index)) }
        driven.settle()
        // 2.0 MB came: what is still missing of the bound makes the last two wait.
        for peer in peers { peer.send(rest(150_000)) }
        driven.settle()
        #expect(budget.isFull)
        driven.advance(by: .seconds(1))
        driven.advance(by: .seconds(1))
        let ended = peers.map { $0.run { $0.outcome != nil } }
        #expect(ended == [false, false, false, true])
        #expect(peers[3].frames().first?.closeCode == 1013)
        #expect(budget.heldBytes <= budget.limit - budget.limit / 4)
        #expect(budget.heldUpCount == 0)
        // The others can now complete theirs.
        peers[2].end()
        peers[0].send(rest(1_000_000 - 350_000))
        driven.settle()
        #expect(taken(peers[0]) == 1_000_000)
        for peer in peers { peer.end() }
        #expect(budget.heldBytes == 0)
    }

    @Test func `it is the large and silent that are given up, not whoever came last and waits for them (S24) (T50)`() {
        let driven = HandDriven()
        let budget = InboundBudget(limit: 2 << 20)
        let silent = (0..<2).map { _ in connect(driven, budget) }
        for peer in silent { peer.send(part(900_000)) }
        driven.settle()
        #expect(!budget.isFull)
        let last = connect(driven, budget)
        last.send(part(500_000))
        driven.settle()
        #expect(budget.isFull && budget.heldUpCount == 1)
        for _ in 0..<2 { driven.advance(by: .seconds(1)) }
        #expect(silent.count { $0.run { $0.outcome != nil } } == 1)
        last.send(rest(500_000))
        driven.settle()
        #expect(taken(last) == 1_000_000)
        for peer in silent + [last] { peer.end() }
        #expect(budget.heldBytes == 0)
    }

    @Test func `a large peak is given back, once, five seconds after it (S24)`() {
        let driven = HandDriven()
        let count = Mutex(0)
        let budget = InboundBudget(limit: 256 << 20, largePeak: 3 << 20) { _ in count.withLock { $0 += 1 } }
        func peak(_ connections: Int) {
            let peers = (0..<connections).map { _ in connect(driven, budget) }
            for peer in peers { peer.send(part(990_000)) }
            driven.settle()
            for peer in peers { peer.end() }
            driven.settle()
        }
        peak(3)
        driven.advance(by: .seconds(60))
        #expect(count.withLock { $0 } == 0, "3 MB are no large peak here")
        peak(4)
        driven.advance(by: .seconds(4))
        #expect(count.withLock { $0 } == 0)
        driven.advance(by: .seconds(1))
        #expect(count.withLock { $0 } == 1)
        driven.advance(by: .seconds(60))
        #expect(count.withLock { $0 } == 1)
    }

    @Test func `what was still held when a peak was given back is given back as well, when it goes (S24)`() {
        let driven = HandDriven()
        let count = Mutex(0)
        let budget = InboundBudget(limit: 256 << 20, largePeak: 3 << 20) { _ in count.withLock { $0 += 1 } }
        let peers = (0..<4).map { _ in connect(driven, budget) }
        for peer in peers { peer.send(part(990_000)) }
        driven.settle()
        for peer in peers[..<2] { peer.end() }
        driven.settle()
        driven.advance(by: .seconds(5))
        #expect(count.withLock { $0 } == 1, "half of it is over")
        for peer in peers[2...] { peer.end() }
        driven.settle()
        driven.advance(by: .seconds(5))
        #expect(count.withLock { $0 } == 2)
        driven.advance(by: .seconds(60))
        #expect(count.withLock { $0 } == 2)
    }
}
