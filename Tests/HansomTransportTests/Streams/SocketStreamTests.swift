import Glibc
import HansomTesting
import HansomTransport
import Testing

@testable import Actors

/// A socket stream under test on a scheduler turned by hand with the kernel's own poller, and its bare peer.
final class SocketPair {
    let scheduler: Scheduler
    let stream: SocketStream
    let end: StreamEnd
    private(set) var peer: Int32

    init(poller: any Poller) {
        scheduler = Scheduler(index: 0, poller: poller, time: ManualTime())
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
        _ = unsafe socketpair(AF_UNIX, kind, 0, &ends)
        stream = SocketStream(descriptor: ends[0], scheduler: scheduler)
        end = StreamEnd(stream)
        peer = ends[1]
    }

    convenience init() throws { self.init(poller: try EpollPoller()) }

    deinit {
        run { stream.close() }
        closePeer()
    }

    func run<R>(_ body: () -> R) -> R { scheduler.onThisThread(body) }

    /// Some turns without sleep; a descriptor's readiness is there when the call that made it returns.
    func turn(_ times: Int = 1) { run { for _ in 0..<times { scheduler.turn(maySleep: false) } } }

    func send(_ bytes: [UInt8]) { _ = unsafe Glibc.send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    func receive(_ count: Int) -> Int {
        var bytes = [UInt8](repeating: 0, count: count)
        return unsafe recv(peer, &bytes, count, 0)
    }

    func closePeer() {
        if peer >= 0 { close(peer) }
        peer = -1
    }
}

@Suite(.timeLimit(.minutes(2))) struct SocketStreamTests {
    @Test func `it reads what is there and writes pieces in order`() throws {
        let pair = try SocketPair()
        pair.run {
            #expect(pair.end.read() == .wouldBlock)
            pair.send([1, 2, 3])
            #expect(pair.end.read(2) == .bytes([1, 2]))
            #expect(pair.end.read() == .bytes([3]))
            #expect(pair.end.write([1], [], [2, 3]) == .bytes([1, 2, 3]))
            #expect(pair.end.write([4]) == .bytes([4]))
            #expect(pair.receive(9) == 4)
        }
    }

    @Test func `an empty request comes to no bytes and is not the end`() throws {
        let pair = try SocketPair()
        pair.run {
            pair.send([1])
            #expect(pair.end.read(0) == .bytes([]))
            #expect(pair.end.write([]) == .bytes([]))
            #expect(pair.end.write() == .bytes([]))
            #expect(pair.end.read() == .bytes([1]))
        }
    }

    @Test func `readiness to read is told every turn while bytes are left`() throws {
        let pair = try SocketPair()
        pair.send([1])
        pair.run { pair.stream.setWantsRead(true) }
        pair.turn(3)
        #expect(pair.end.readable == 3)
        pair.run { pair.stream.setWantsRead(false) }
        pair.turn(3)
        #expect(pair.end.readable == 3)
        _ = pair.run {
            pair.stream.setWantsRead(true)
            return pair.end.read()
        }
        pair.turn(3)
        #expect(pair.end.readable == 3)
    }

    @Test func `a full socket takes part of a write, then none, then more when the peer has read`() throws {
        let pair = try SocketPair()
        let megabyte = [UInt8](repeating: 5, count: 1 << 20)
        pair.run {
            guard case .bytes(let first) = pair.end.write(megabyte) else {
                Issue.record("nothing was taken")
                return
            }
            #expect(first.count < megabyte.count)
            while case .bytes = pair.end.write(megabyte) {}
            #expect(pair.end.write(megabyte) == .wouldBlock)
            pair.stream.setWantsWrite(true)
        }
        pair.turn(3)
        #expect(pair.end.writable == 0)
        while pair.receive(1 << 20) > 0 {}
        pair.turn()
        #expect(pair.end.writable == 1)
    }

    @Test func `more pieces than the kernel takes at once are a partial write`() throws {
        let pair = try SocketPair()
        var bytes = [UInt8](repeating: 3, count: 2_000)
        pair.run {
            let progress = unsafe bytes.withUnsafeMutableBytes { raw in
                let vectors = unsafe (0..<2_000).map { index in
                    unsafe iovec(iov_base: raw.baseAddress.map { unsafe $0 + index }, iov_len: 1)
                }
                return unsafe vectors.withUnsafeBufferPointer { unsafe pair.stream.write($0) }
            }
            guard case .bytes(let count) = progress else {
                Issue.record("\(progress)")
                return
            }
            #expect(count >= 1 && count <= 2_000)
            #expect(pair.receive(4_000) == count)
        }
    }

    @Test func `a half-closed peer is the end of the stream and can still be written to`() throws {
        let pair = try SocketPair()
        pair.send([1])
        shutdown(pair.peer, Int32(SHUT_WR))
        pair.run {
            pair.stream.setWantsRead(true)
            pair.scheduler.turn(maySleep: false)
            #expect(pair.end.readable == 1)
            #expect(pair.end.read() == .bytes([1]))
            #expect(pair.end.read() == .endOfStream)
            #expect(pair.end.write([2]) == .bytes([2]))
            pair.stream.closeWrite()
            #expect(pair.end.write([3]) == .system("send", EPIPE))
            #expect(pair.receive(9) == 1)
            #expect(pair.receive(9) == 0)
        }
    }

    @Test func `a peer that is gone fails writes, without a signal`() throws {
        let pair = try SocketPair()
        pair.closePeer()
        pair.run {
            #expect(pair.end.write([1]) == .system("send", EPIPE))
            #expect(pair.end.write([1], [2]) == .system("send", EPIPE))
            #expect(pair.end.read() == .endOfStream)
        }
    }

    @Test func `a hang-up that nobody waits for does not spin`() throws {
        let pair = try SocketPair()
        pair.run {
            pair.stream.setWantsRead(true)
            pair.stream.setWantsRead(false)
        }
        pair.closePeer()
        pair.turn()
        #expect(pair.scheduler.watchCount == 0, "the kernel would tell it turn after turn")
        let busy = pair.run { (0..<10).count { _ in pair.scheduler.turn(maySleep: false) } }
        #expect(busy == 0)
        pair.run { pair.stream.setWantsRead(true) }
        pair.turn()
        #expect(pair.end.readable == 1)
        pair.run { #expect(pair.end.read() == .endOfStream) }
    }

    @Test func `a hang-up is told to who waits to read and to who waits to write`() throws {
        let pair = try SocketPair()
        pair.run {
            pair.stream.setWantsRead(true)
            pair.stream.setWantsWrite(true)
        }
        pair.closePeer()
        pair.turn()
        #expect(pair.end.readable == 1 && pair.end.writable == 1)
    }

    @Test func `an observer that closes when it can read hears nothing of writing`() throws {
        let pair = try SocketPair()
        pair.send([1])
        pair.end.onReadable = { [unowned pair] in pair.stream.close() }
        pair.run {
            pair.stream.setWantsRead(true)
            pair.stream.setWantsWrite(true)
        }
        pair.turn(2)
        #expect(pair.end.readable == 1 && pair.end.writable == 0)
        #expect(pair.scheduler.watchCount == 0)
    }

    @Test func `after a close nothing is read, written, told or asked of the descriptor's next owner`() throws {
        let pair = try SocketPair()
        pair.send([1])
        pair.run {
            pair.stream.setWantsRead(true)
            pair.stream.close()
            pair.stream.close()
            pair.stream.setWantsRead(true)
            pair.stream.closeWrite()
            pair.stream.reset()
            #expect(pair.end.read() == .failed(.truncated))
            #expect(pair.end.write([1]) == .failed(.truncated))
            #expect(throws: SystemError(call: "connect", errno: EBADF)) { try pair.stream.checkConnected() }
        }
        pair.turn(2)
        #expect(pair.end.readable == 0)
        let listener = try ListeningSocket(.loopback())
        #expect(pair.stream.localAddress == nil)
        #expect(pair.stream.peerAddress == nil)
        listener.close()
    }

    @Test(arguments: [true, false])
    func `a descriptor that cannot be watched fails reads and writes and tells who waits`(reading: Bool) throws {
        let poller = MockPoller()
        let pair = SocketPair(poller: poller)
        poller.refusal = ENOSPC
        pair.run { if reading { pair.stream.setWantsRead(true) } else { pair.stream.setWantsWrite(true) } }
        pair.turn(2)
        #expect(pair.end.readable == (reading ? 1 : 0))
        #expect(pair.end.writable == (reading ? 0 : 1))
        pair.run {
            #expect(pair.end.read() == .system("epoll_ctl", ENOSPC))
            #expect(pair.end.write([1]) == .system("epoll_ctl", ENOSPC))
        }
    }

    @Test func `a reset fails the peer's reads`() async throws {
        let listener = try ListeningSocket(.loopback())
        let scheduler = Scheduler(index: 0, poller: try EpollPoller(), time: ManualTime())
        let client = try Socket.open(family: AF_INET)
        _ = try Socket.connect(client, to: listener.address)
        let server = try await accept(listener)
        scheduler.onThisThread { SocketStream(descriptor: client, scheduler: scheduler).reset() }
        scheduler.onThisThread {
            let end = StreamEnd(SocketStream(descriptor: server, scheduler: scheduler))
            #expect(end.read() == .system("recv", ECONNRESET))
            end.stream.close()
        }
        listener.close()
    }

    @Test func `a stream that is released closes its descriptor`() throws {
        var ends: [Int32] = [-1, -1]
        _ = unsafe socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends)
        let scheduler = Scheduler(index: 0, poller: try EpollPoller(), time: ManualTime())
        scheduler.onThisThread {
            var stream: SocketStream? = SocketStream(descriptor: ends[0], scheduler: scheduler)
            #expect(stream?.peerAddress == .unix(path: ""))
            stream?.setWantsRead(true)
            stream = nil
        }
        #expect(scheduler.watchCount == 0)
        var byte: UInt8 = 0
        #expect(unsafe recv(ends[1], &byte, 1, 0) == 0)
        close(ends[1])
    }

    @Test(arguments: Machine.streamFamilies)
    func `every byte arrives over a real socket between two schedulers`(family: Int32) async throws {
        let path = TemporaryPath()
        let listener = try ListeningSocket(.loopback(family, path: path.text))
        let group = try SchedulerGroup(options: .init(count: 2))
        let client = try Socket.open(family: family)
        _ = try Socket.connect(client, to: listener.address)
        let server = try await accept(listener)
        let total = 2_000_000
        let first = group.schedulers[0]
        let second = group.schedulers[1]
        async let sent = Transfer.run(over: client, on: first, seed: 1, expecting: 2, total)
        async let back = Transfer.run(over: server, on: second, seed: 2, expecting: 1, total)
        #expect(await sent == total)
        #expect(await back == total)
        #expect(await first.ask { $0.watchCount } == 0)
        listener.close()
        await group.shutdown()
    }
}

extension Transfer {
    static func run(
        over descriptor: Int32, on scheduler: Scheduler, seed: UInt32, expecting: UInt32, _ total: Int
    ) async -> Int {
        let stream = await scheduler.ask { Unchecked(SocketStream(descriptor: descriptor, scheduler: $0)) }
        return await run(over: stream, on: scheduler, seed: seed, expecting: expecting, total)
    }
}

/// Carries a stream to its scheduler.
final class Unchecked: ByteStream, @unchecked Sendable {
    // Safety: every call is made on the stream's scheduler.
    private let stream: any ByteStream
    init(_ stream: any ByteStream) { self.stream = stream }

    var observer: (any StreamObserver)? {
        get { stream.observer }
        set { stream.observer = newValue }
    }
    func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress { unsafe stream.read(into: buffer) }
    func write(_ buffers: UnsafeBufferPointer<iovec>) -> StreamProgress { unsafe stream.write(buffers) }
    func setWantsRead(_ wanted: Bool) { stream.setWantsRead(wanted) }
    func setWantsWrite(_ wanted: Bool) { stream.setWantsWrite(wanted) }
    func closeWrite() { stream.closeWrite() }
    func close() { stream.close() }
}
