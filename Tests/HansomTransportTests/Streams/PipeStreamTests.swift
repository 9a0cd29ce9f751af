import Glibc
import HansomTesting
import HansomTransport
import Testing

@testable import Actors

@Suite(.timeLimit(.minutes(2))) final class PipeStreamTests {
    let driven = HandDriven()
    private var ends: [StreamEnd] = []

    deinit {
        for end in ends {
            (end.onReadable, end.onWritable) = ({}, {})
            driven.run { end.stream.close() }
        }
        driven.settle()
    }

    private func pair(capacity: Int = 16) -> (a: StreamEnd, b: StreamEnd) {
        let pair = PipeStream.pair(driven.scheduler, driven.scheduler, capacity: capacity)
        let (a, b) = (StreamEnd(pair.0), StreamEnd(pair.1))
        ends += [a, b]
        return (a, b)
    }

    @Test func `bytes go both ways, in order, from several pieces`() {
        let (a, b) = pair()
        driven.run {
            #expect(a.write([1, 2], [], [3]) == .bytes([1, 2, 3]))
            #expect(b.write([9]) == .bytes([9]))
            #expect(b.read(2) == .bytes([1, 2]))
            #expect(b.read() == .bytes([3]))
            #expect(b.read() == .wouldBlock)
            #expect(a.read() == .bytes([9]))
        }
    }

    @Test(arguments: [1, 5, 16])
    func `it takes no more than it holds and makes the writer wait`(capacity: Int) {
        let (a, b) = pair(capacity: capacity)
        driven.run {
            #expect(a.write(Array(0..<20)) == .bytes(Array(0..<UInt8(capacity))))
            #expect(a.write([1]) == .wouldBlock)
            a.stream.setWantsWrite(true)
            driven.settle()
            #expect(a.writable == 0)
            #expect(b.read(1) == .bytes([0]))
            a.onWritable = {
                #expect(a.write([7, 8]) == .bytes([7]))
            }
            #expect(driven.settle())
            #expect(a.writable == 1)
        }
    }

    @Test func `an empty request comes to no bytes`() {
        let (a, b) = pair()
        driven.run {
            #expect(a.write([]) == .bytes([]))
            #expect(b.read(0) == .bytes([]))
        }
    }

    @Test func `readiness is told every turn while something is left, and only to who asked`() {
        let (a, b) = pair()
        driven.run {
            _ = a.write([1, 2])
            driven.settle()
            #expect(b.readable == 0)
            b.stream.setWantsRead(true)
            for _ in 0..<3 { driven.turn() }
            #expect(b.readable == 3)
            b.stream.setWantsRead(false)
            for _ in 0..<3 { driven.turn() }
            #expect(b.readable == 3)
            b.stream.setWantsRead(true)
            b.onReadable = { _ = b.read(1) }
            #expect(driven.settle(), "once everything is read it is told no more")
            #expect(b.readable == 5)
        }
    }

    @Test func `an end that is half closed can still be read at the other and written back`() {
        let (a, b) = pair()
        driven.run {
            _ = a.write([1])
            a.stream.closeWrite()
            #expect(a.write([2]) == .system("send", EPIPE))
            #expect(b.read() == .bytes([1]))
            #expect(b.read() == .endOfStream)
            #expect(b.read() == .endOfStream)
            #expect(b.write([3]) == .bytes([3]))
            #expect(a.read() == .bytes([3]))
        }
    }

    @Test func `a closed end is the end of the stream for the other, after what it had sent`() {
        let (a, b) = pair()
        driven.run {
            b.stream.setWantsRead(true)
            _ = a.write([1])
            a.stream.close()
            a.stream.close()
            driven.turn()
            #expect(b.readable == 1)
            #expect(b.read() == .bytes([1]))
            #expect(b.read() == .endOfStream)
            #expect(b.write([2]) == .system("send", EPIPE))
            #expect(a.read() == .failed(.truncated))
            #expect(a.write([1]) == .failed(.truncated))
        }
    }

    @Test(arguments: [false, true])
    func `the other end reads what was sent and then the end when one is released, closed or not`(isClosed: Bool) {
        var ends: (PipeStream, PipeStream)? = PipeStream.pair(driven.scheduler, driven.scheduler)
        let second = ends?.1
        driven.run {
            guard let second else { return }
            let b = StreamEnd(second)
            b.stream.setWantsRead(true)
            driven.settle()
            _ = unsafe [1].withUnsafeBytes { bytes in
                let base = unsafe UnsafeMutableRawPointer(mutating: bytes.baseAddress)
                return unsafe withUnsafePointer(to: iovec(iov_base: base, iov_len: 1)) {
                    unsafe ends?.0.write(UnsafeBufferPointer(start: $0, count: 1))
                }
            }
            if isClosed { ends?.0.close() }
            ends = nil
            for _ in 0..<2 { driven.turn() }
            #expect(b.readable > 0)
            #expect(b.read() == .bytes([1]))
            #expect(b.read() == .endOfStream)
            b.stream.close()
            driven.settle()
        }
    }

    @Test func `a reset fails the other end's reads and writes`() {
        let ends = PipeStream.pair(driven.scheduler, driven.scheduler)
        let b = StreamEnd(ends.1)
        driven.run {
            b.stream.setWantsRead(true)
            b.stream.setWantsWrite(true)
            ends.0.reset()
            ends.0.reset()
            driven.turn()
            #expect(b.readable > 0 && b.writable > 0)
            #expect(b.read() == .system("recv", ECONNRESET))
            #expect(b.write([1]) == .system("send", EPIPE))
            b.stream.close()
            driven.settle()
        }
    }

    @Test func `a reset is never seen as an orderly end, also from another scheduler`() async throws {
        let group = try SchedulerGroup(options: .init(count: 2))
        for _ in 0..<300 {
            let ends = PipeStream.pair(group.schedulers[0], group.schedulers[1])
            async let seen = group.schedulers[1].ask { _ in
                let b = StreamEnd(ends.1)
                while true {
                    let outcome = b.read()
                    if outcome != .wouldBlock { return outcome }
                    sched_yield()
                }
            }
            group.schedulers[0].run { ends.0.reset() }
            #expect(await seen == .system("recv", ECONNRESET))
        }
        await group.shutdown()
    }

    @Test func `a reader that never empties the pipe does not make it grow`() {
        let (a, b) = pair(capacity: 1 << 10)
        let chunk = [UInt8](repeating: 7, count: 256)
        driven.run {
            _ = a.write(chunk)
            for _ in 0..<1_000 {
                _ = a.write(chunk)
                _ = b.read(256)
            }
            #expect((a.stream as? PipeStream)?.bytesHeld ?? .max <= 4 << 10, "250 KiB went through")
        }
    }

    @Test(arguments: [1, 7, 1_000, 64 << 10])
    func `every byte arrives between two schedulers under load`(capacity: Int) async throws {
        let group = try SchedulerGroup(options: .init(count: 2))
        let total = capacity == 1 ? 20_000 : 400_000
        let ends = PipeStream.pair(group.schedulers[0], group.schedulers[1], capacity: capacity)
        async let first = Transfer.run(over: ends.0, on: group.schedulers[0], seed: 1, expecting: 2, total)
        async let second = Transfer.run(over: ends.1, on: group.schedulers[1], seed: 2, expecting: 1, total)
        #expect(await first == total)
        #expect(await second == total)
        await group.shutdown()
    }
}
