import Glibc
import Testing

@testable import WSServer

/// Which handshake goes when others want its place (S3, T46).
@Suite(.timeLimit(.minutes(2))) struct HandshakeQueueTests {
    private static let second: UInt64 = 1_000_000_000

    /// A queue of handshakes that began one second after the other, number by number.
    private func queue(_ count: UInt64, _ standing: (UInt64) -> HandshakeQueue.Standing = { _ in .silent })
        -> HandshakeQueue
    {
        var queue = HandshakeQueue()
        for number in 1...count { queue.append(number, at: number * Self.second, living: Int(count), standing) }
        return queue
    }

    @Test func `the oldest that has said nothing goes first, then the oldest of the others (S3) (T46)`() {
        let standing: (UInt64) -> HandshakeQueue.Standing = { $0 % 2 == 0 ? .silent : .speaking }
        var queue = queue(6)
        let order = (0..<7).map { _ in queue.next(at: 100 * Self.second, standing) }
        #expect(order == [2, 4, 6, 1, 3, 5, nil])
    }

    @Test func `nobody goes before his patience is over (S3) (T46)`() {
        var queue = queue(2)
        #expect(queue.next(at: Self.second + Self.second / 2 - 1) { _ in .silent } == nil)
        #expect(queue.next(at: Self.second + Self.second / 2) { _ in .silent } == 1)
        #expect(queue.next(at: 3 * Self.second - 1) { _ in .speaking } == nil)
        #expect(queue.next(at: 3 * Self.second) { _ in .speaking } == 2)
        #expect(queue.next(at: 9 * Self.second) { _ in .speaking } == nil)
    }

    @Test func `a young silent one does not keep an old speaking one (S3) (T46)`() {
        var queue = queue(2)
        #expect(queue.next(at: 2 * Self.second + 1) { $0 == 1 ? .speaking : .silent } == 1)
    }

    @Test func `who waits for us does not go, and is looked at again (S3) (T46)`() {
        var queue = queue(3)
        var served: Set<UInt64> = [1, 2, 3]
        let standing: (UInt64) -> HandshakeQueue.Standing = { served.contains($0) ? .served : .speaking }
        #expect(queue.next(at: 100 * Self.second, standing) == nil)
        served = [1, 3]
        #expect(queue.next(at: 100 * Self.second) { served.contains($0) ? .served : .speaking } == 2)
        #expect(queue.next(at: 100 * Self.second) { _ in .gone } == nil)
        #expect(queue.count == 0)
    }

    @Test func `those that are gone are forgotten, without anybody who wants a place (S3) (T46)`() {
        var queue = HandshakeQueue()
        var most = 0
        for number in 1...10_000 as ClosedRange<UInt64> {
            queue.append(number, at: number, living: 1) { $0 == number ? .silent : .gone }
            most = max(most, queue.count)
        }
        #expect(most < 100)
        #expect(queue.next(at: 100 * Self.second) { $0 == 10_000 ? .silent : .gone } == 10_000)
    }

    @Test func `whoever is forgotten, each goes once and the oldest of its kind first (S3) (T46)`() {
        var random = SystemRandomNumberGenerator()
        var queue = HandshakeQueue()
        var alive: [UInt64: Bool] = [:]
        var gone: Set<UInt64> = []
        for number in 1...5_000 as ClosedRange<UInt64> {
            alive[number] = Bool.random(using: &random)
            let standing: (UInt64) -> HandshakeQueue.Standing = { alive[$0].map { $0 ? .silent : .speaking } ?? .gone }
            queue.append(number, at: number, living: alive.count, standing)
            if Bool.random(using: &random), let leaving = alive.keys.randomElement(using: &random) {
                alive[leaving] = nil
            }
            guard number % 3 == 0, let victim = queue.next(at: 100 * Self.second, standing) else { continue }
            let isSilent = alive[victim] == true
            #expect(alive[victim] != nil && gone.insert(victim).inserted)
            #expect(isSilent || !alive.values.contains(true))
            #expect(alive.allSatisfy { $0.value != isSilent || $0.key >= victim })
            alive[victim] = nil
        }
    }

    @Test(arguments: [
        (EMFILE, AcceptFault.exhaustion), (ENFILE, .exhaustion), (ENOBUFS, .exhaustion), (ENOMEM, .exhaustion),
        (ECONNABORTED, .ofConnection), (EPROTO, .ofConnection), (EPERM, .ofConnection), (ENETDOWN, .ofConnection),
        (EBADF, .ofSocket), (EINVAL, .ofSocket), (ENOTSOCK, .ofSocket), (12_345, .ofSocket),
    ])
    func `an error of accept is one connection's, the system's or the socket's (S3)`(code: Int32, fault: AcceptFault) {
        #expect(AcceptFault(code) == fault)
    }
}
