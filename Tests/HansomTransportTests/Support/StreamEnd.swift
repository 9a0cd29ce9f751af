import Glibc
import HansomTransport

/// Reads and writes a stream by hand, and records what its observer hears.
final class StreamEnd: StreamObserver {
    let stream: any ByteStream
    private(set) var readable = 0
    private(set) var writable = 0
    var onReadable: () -> Void = {}
    var onWritable: () -> Void = {}

    init(_ stream: any ByteStream) {
        self.stream = stream
        stream.observer = self
    }

    func streamIsReadable() {
        readable += 1
        onReadable()
    }

    func streamIsWritable() {
        writable += 1
        onWritable()
    }

    /// What one read came to.
    func read(_ count: Int = 64 << 10) -> Outcome {
        var buffer = [UInt8](repeating: 0, count: count)
        let progress = unsafe buffer.withUnsafeMutableBytes { unsafe stream.read(into: $0) }
        return Outcome(progress) { Array(buffer.prefix($0)) }
    }

    /// What one write of several pieces came to.
    func write(_ pieces: [UInt8]...) -> Outcome {
        var pieces = pieces
        let vectors = unsafe pieces.indices.map { index in
            unsafe pieces[index].withUnsafeMutableBytes { bytes in
                let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(bytes.count, 1), alignment: 1)
                unsafe copy.copyMemory(from: UnsafeRawBufferPointer(bytes))
                return unsafe iovec(iov_base: copy.baseAddress, iov_len: bytes.count)
            }
        }
        defer { for index in unsafe vectors.indices { unsafe vectors[index].iov_base.deallocate() } }
        let progress = unsafe vectors.withUnsafeBufferPointer { unsafe stream.write($0) }
        return Outcome(progress) { Array(pieces.joined().prefix($0)) }
    }
}

/// What a read or a write came to, comparable.
enum Outcome: Equatable {
    case bytes([UInt8])
    case wouldBlock, endOfStream
    case failed(StreamError)

    init(_ progress: StreamProgress, _ bytes: (Int) -> [UInt8]) {
        self =
            switch progress {
            case .bytes(let count): .bytes(bytes(count))
            case .wouldBlock: .wouldBlock
            case .endOfStream: .endOfStream
            case .failed(let error): .failed(error)
            }
    }

    static func system(_ call: StaticName, _ errno: Int32) -> Outcome { .failed(.system(call: call, errno: errno)) }
}
