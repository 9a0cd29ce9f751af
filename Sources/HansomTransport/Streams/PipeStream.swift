package import Actors
package import Glibc

/// One end of an in-memory pipe: a byte stream without a descriptor, with a socket's manners.
///
/// Each end belongs to a scheduler, its own or the other's. Each direction holds a bounded number of bytes, so that a
/// reader that stops makes the writer wait.
package final class PipeStream: LentStream, @unchecked Sendable {
    // Safety (@unchecked Sendable): the ends share only `Shared`, which has a lock. Everything else belongs to the
    // thread of `scheduler`.

    /// What one direction may hold, in bytes, unless told otherwise.
    package static let defaultCapacity = 64 << 10

    private let scheduler: Scheduler
    private let shared: Shared
    private let side: Int
    private unowned(unsafe) var unownedObserver: (any StreamObserver)?
    private var wantsRead = false
    private var wantsWrite = false
    private var isScheduled = false
    private var isOpen = true
    private var isLent = false

    /// Makes both ends.
    ///
    /// - Parameters:
    ///   - first, second: the schedulers that the ends belong to.
    ///   - capacity: the bytes that each direction holds.
    package static func pair(
        _ first: Scheduler, _ second: Scheduler, capacity: Int = defaultCapacity
    ) -> (PipeStream, PipeStream) {
        let shared = Shared(capacity: capacity)
        let ends = (PipeStream(first, shared, side: 0), PipeStream(second, shared, side: 1))
        shared.connect(ends.0, ends.1)
        return ends
    }

    private init(_ scheduler: Scheduler, _ shared: Shared, side: Int) {
        self.scheduler = scheduler
        self.shared = shared
        self.side = side
    }

    deinit {
        if isOpen { shared.leave(side)?.otherEndMoved() }
    }

    package var observer: (any StreamObserver)? {
        get { unsafe unownedObserver }
        set { unsafe unownedObserver = newValue }
    }

    package func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        guard isOpen else { return .failed(.truncated) }
        let (progress, wake) = unsafe shared.read(side, into: buffer)
        wake?.otherEndMoved()
        return progress
    }

    package func write(_ buffers: UnsafeBufferPointer<iovec>) -> StreamProgress {
        guard isOpen else { return .failed(.truncated) }
        let (progress, wake) = unsafe shared.write(side, buffers)
        wake?.otherEndMoved()
        return progress
    }

    package func setWantsRead(_ wanted: Bool) {
        wantsRead = wanted
        if wanted { scheduleNotice() }
    }

    package func setWantsWrite(_ wanted: Bool) {
        wantsWrite = wanted
        if wanted { scheduleNotice() }
    }

    /// The bytes in memory of what this end wrote, those that were read already included.
    package var bytesHeld: Int { shared.bytesHeld(side) }

    /// From now on, until `keep` is called, closing only lets go of it.
    package func lend() { isLent = true }

    package func keep() { isLent = false }

    package func closeWrite() {
        if !isLent { shared.finish(side)?.otherEndMoved() }
    }

    package func close() {
        guard isOpen else { return }
        guard !isLent else {
            observer = nil
            return
        }
        isOpen = false
        observer = nil
        shared.leave(side)?.otherEndMoved()
    }

    /// Breaks the pipe as a reset breaks a connection: the other end reads what has arrived, then both reads and writes
    /// fail.
    package func reset() {
        guard isOpen else { return }
        isOpen = false
        observer = nil
        shared.tearDown(side)?.otherEndMoved()
    }

    /// The other end read, wrote or closed. Any thread.
    private func otherEndMoved() {
        scheduler.runLater { [self] in scheduleNotice() }
    }

    private func scheduleNotice() {
        guard isOpen, !isScheduled, wantsRead || wantsWrite else { return }
        isScheduled = true
        scheduler.runHereLater { [self] in notify() }
    }

    private func notify() {
        isScheduled = false
        guard isOpen else { return }
        let (readable, writable) = shared.readiness(side)
        if readable, wantsRead { observer?.streamIsReadable() }
        if isOpen, writable, wantsWrite { observer?.streamIsWritable() }
        // Level-triggered: as long as something is left to do, say so again.
        let (stillReadable, stillWritable) = shared.readiness(side)
        if stillReadable && wantsRead || stillWritable && wantsWrite { scheduleNotice() }
    }

    /// Both directions, behind a lock.
    private final class Shared: @unchecked Sendable {
        // Safety: every var is touched with `lock` held.
        private let lock = Lock()
        private let capacity: Int
        private var bytes: [[UInt8]] = [[], []]
        private var heads = [0, 0]
        private var isFinished = [false, false]
        private var isGone = [false, false]
        private var isBroken = false
        private weak var first: PipeStream?
        private weak var second: PipeStream?

        init(capacity: Int) { self.capacity = max(capacity, 1) }

        func connect(_ first: PipeStream, _ second: PipeStream) {
            self.first = first
            self.second = second
        }

        private func other(_ side: Int) -> PipeStream? { side == 0 ? second : first }

        private func waiting(from side: Int) -> Int { bytes[side].count - heads[side] }

        func read(_ side: Int, into buffer: UnsafeMutableRawBufferPointer) -> (StreamProgress, PipeStream?) {
            lock.withLock {
                let from = 1 - side
                if unsafe buffer.isEmpty { return (.bytes(0), nil) }
                let count = min(waiting(from: from), buffer.count)
                if count == 0 {
                    if isBroken { return (.failed(.system(call: "recv", errno: ECONNRESET)), nil) }
                    return (isFinished[from] ? .endOfStream : .wouldBlock, nil)
                }
                unsafe buffer.copyBytes(from: bytes[from][heads[from]..<heads[from] + count])
                heads[from] += count
                if heads[from] == bytes[from].count {
                    bytes[from].removeAll(keepingCapacity: true)
                    heads[from] = 0
                } else if heads[from] > capacity {
                    bytes[from].removeFirst(heads[from])
                    heads[from] = 0
                }
                return (.bytes(count), other(side))
            }
        }

        func write(_ side: Int, _ buffers: UnsafeBufferPointer<iovec>) -> (StreamProgress, PipeStream?) {
            lock.withLock {
                if isBroken || isFinished[side] || isGone[1 - side] {
                    return (.failed(.system(call: "send", errno: EPIPE)), nil)
                }
                var room = capacity - waiting(from: side)
                var written = 0
                var hasBytes = false
                for index in buffers.indices where unsafe buffers[index].iov_len > 0 {
                    let buffer = unsafe buffers[index]
                    hasBytes = true
                    let part = unsafe UnsafeRawBufferPointer(start: buffer.iov_base, count: min(buffer.iov_len, room))
                    unsafe bytes[side].append(contentsOf: part)
                    room -= part.count
                    written += part.count
                    if room == 0 { break }
                }
                if !hasBytes { return (.bytes(0), nil) }
                return written == 0 ? (.wouldBlock, nil) : (.bytes(written), other(side))
            }
        }

        func readiness(_ side: Int) -> (readable: Bool, writable: Bool) {
            lock.withLock {
                let readable = waiting(from: 1 - side) > 0 || isFinished[1 - side] || isBroken
                return (readable, waiting(from: side) < capacity || isBroken || isGone[1 - side])
            }
        }

        func bytesHeld(_ side: Int) -> Int { lock.withLock { bytes[side].count } }

        func finish(_ side: Int) -> PipeStream? {
            lock.withLock {
                isFinished[side] = true
                return other(side)
            }
        }

        /// Nobody reads on this side any more.
        func leave(_ side: Int) -> PipeStream? {
            lock.withLock {
                isFinished[side] = true
                isGone[side] = true
                return other(side)
            }
        }

        /// In one step, so that the other end never takes it for an orderly end.
        func tearDown(_ side: Int) -> PipeStream? {
            lock.withLock {
                isFinished[side] = true
                isGone[side] = true
                isBroken = true
                return other(side)
            }
        }
    }
}
