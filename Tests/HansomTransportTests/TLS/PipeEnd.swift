import Glibc

@testable import HansomTransport

/// One end of an in-memory pipe, with knobs to make it behave badly.
final class PipeEnd: ByteStream {
    weak var observer: (any StreamObserver)?
    weak var peer: PipeEnd?

    /// The most bytes that one read gives.
    var readLimit = Int.max
    /// The most bytes that one write takes.
    var writeLimit = Int.max
    /// How many bytes may still be written, ever.
    var writeBudget = Int.max
    /// Nothing can be read, whatever has come.
    var isReadStalled = false
    /// Nothing can be written, whatever room there is.
    var isWriteStalled = false
    /// What the next read or write comes to.
    var failure: StreamError?

    /// What each write comes to from now on, while what has come can still be read.
    var writeFailure: StreamError?

    private(set) var wantsRead = false
    private(set) var wantsWrite = false
    private(set) var isClosed = false
    private(set) var reads = 0
    private(set) var writes = 0
    /// How many bytes were written here.
    private(set) var bytesWritten = 0

    private let capacity: Int
    private var inbound: ArraySlice<UInt8> = []
    private var hasEnded = false

    init(capacity: Int) { self.capacity = capacity }

    var isReadable: Bool { !isClosed && !isReadStalled && (!inbound.isEmpty || hasEnded || failure != nil) }

    var isWritable: Bool {
        !isClosed && !isWriteStalled && writeBudget > 0 && ((peer?.room ?? 1) > 0 || failure != nil)
    }

    /// How many bytes wait to be read.
    var waiting: Int { inbound.count }

    /// Bytes from nowhere.
    func inject(_ bytes: [UInt8]) { inbound += bytes }

    /// The pipe ends here, and nobody said goodbye.
    func cut() { hasEnded = true }

    /// Everything that waits.
    func drain() -> [UInt8] {
        defer { inbound = [] }
        return Array(inbound)
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        reads += 1
        if let failure { return .failed(failure) }
        if isReadStalled { return .wouldBlock }
        if inbound.isEmpty { return hasEnded ? .endOfStream : .wouldBlock }
        let part = inbound.prefix(min(buffer.count, readLimit))
        unsafe buffer.copyBytes(from: part)
        inbound = inbound.dropFirst(part.count)
        return .bytes(part.count)
    }

    func write(_ buffers: UnsafeBufferPointer<iovec>) -> StreamProgress {
        writes += 1
        if let failure = failure ?? writeFailure { return .failed(failure) }
        guard let peer, !peer.isClosed else { return .failed(.system(call: "sendmsg", errno: EPIPE)) }
        guard isWritable else { return .wouldBlock }
        var left = min(peer.room, writeLimit, writeBudget)
        var total = 0
        for index in buffers.indices {
            let vector = unsafe buffers[index]
            let bytes = unsafe UnsafeRawBufferPointer(start: vector.iov_base, count: vector.iov_len).prefix(left)
            unsafe peer.inbound += bytes
            unsafe left -= bytes.count
            unsafe total += bytes.count
        }
        bytesWritten += total
        writeBudget -= total
        return .bytes(total)
    }

    func setWantsRead(_ wanted: Bool) { wantsRead = wanted }

    func setWantsWrite(_ wanted: Bool) { wantsWrite = wanted }

    func closeWrite() { peer?.hasEnded = true }

    func close() {
        isClosed = true
        observer = nil
        peer?.hasEnded = true
    }

    private var room: Int { capacity - inbound.count }
}
