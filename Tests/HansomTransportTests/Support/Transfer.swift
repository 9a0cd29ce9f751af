import Actors
import Glibc
import HansomTransport

/// Sends a stream of known bytes and checks what comes the other way, until both have ended.
final class Transfer: StreamObserver {
    private let stream: any ByteStream
    private var outgoing: Pattern
    private var incoming: Pattern
    private var left: Int
    private var checked = 0
    private let finish: (Int) -> Void
    private var keepsItself: Transfer?

    struct Pattern {
        private var state: UInt32
        init(_ seed: UInt32) { state = seed }
        mutating func next() -> UInt8 {
            state = state &* 1_664_525 &+ 1_013_904_223
            return UInt8(state >> 24)
        }
    }

    /// Returns how many bytes arrived as expected.
    static func run(
        over stream: any ByteStream & Sendable, on scheduler: Scheduler, seed: UInt32, expecting: UInt32, _ total: Int
    ) async -> Int {
        await withCheckedContinuation { continuation in
            scheduler.run {
                let transfer = Transfer(stream, seed, expecting, total) { continuation.resume(returning: $0) }
                transfer.keepsItself = transfer
                stream.observer = transfer
                stream.setWantsRead(true)
                stream.setWantsWrite(true)
            }
        }
    }

    private init(
        _ stream: any ByteStream, _ seed: UInt32, _ expecting: UInt32, _ total: Int, _ finish: @escaping (Int) -> Void
    ) {
        self.stream = stream
        outgoing = Pattern(seed)
        incoming = Pattern(expecting)
        left = total
        self.finish = finish
    }

    private var pending: [UInt8] = []
    private var hasSent = false
    private var hasReceived = false

    func streamIsWritable() {
        if pending.isEmpty, left > 0 {
            let count = min(left, 3_001)
            pending = (0..<count).map { _ in outgoing.next() }
            left -= count
        }
        if pending.isEmpty {
            stream.setWantsWrite(false)
            stream.closeWrite()
            hasSent = true
            return closeIfDone()
        }
        let progress = unsafe pending.withUnsafeMutableBytes { bytes in
            var vector = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
            return unsafe withUnsafePointer(to: &vector) {
                unsafe stream.write(UnsafeBufferPointer(start: $0, count: 1))
            }
        }
        if case .bytes(let count) = progress { pending.removeFirst(count) }
    }

    func streamIsReadable() {
        var buffer = [UInt8](repeating: 0, count: 2_000)
        switch unsafe buffer.withUnsafeMutableBytes({ unsafe stream.read(into: $0) }) {
        case .bytes(let count):
            for byte in buffer.prefix(count) {
                if byte == incoming.next() { checked += 1 }
            }
        case .wouldBlock: break
        case .endOfStream, .failed:
            stream.setWantsRead(false)
            hasReceived = true
            closeIfDone()
        }
    }

    /// Each direction ends by itself; the last one closes.
    private func closeIfDone() {
        guard hasSent, hasReceived else { return }
        stream.close()
        finish(checked)
        keepsItself = nil
    }
}
