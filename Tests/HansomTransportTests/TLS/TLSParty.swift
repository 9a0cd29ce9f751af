import Glibc

@testable import HansomTransport

/// The owner of one TLS stream: reads all that comes, and writes what it is given as there is room.
final class TLSParty: StreamObserver {
    let stream: TLSStream
    private(set) var handshake: Result<TLSDetails, StreamError>?
    private(set) var received: [UInt8] = []
    private(set) var end: StreamProgress?
    private(set) var writeFailure: StreamError?
    private(set) var timesToldReadable = 0

    /// The most bytes that one read asks for.
    var readSize = 4096
    /// The most bytes that are offered at once; the rest is offered when they are through.
    var isReading = true {
        didSet { stream.setWantsRead(isReading) }
    }
    /// Whether it reads when it is told that it can.
    var isLazy = false
    /// Whether it ends the stream as soon as everything is written.
    var closesAfterwards = false
    /// What it does, besides, when it is told that it can read.
    var whenReadable: (() -> Void)?

    private var outbound: ArraySlice<UInt8> = []
    /// The sizes of the vectors that a write is cut into, over and over.
    private let vectorSizes: [Int]

    init(_ stream: TLSStream, vectorSizes: [Int] = [10, 4000, 0, 40_000]) {
        self.stream = stream
        self.vectorSizes = vectorSizes
        stream.observer = self
    }

    var details: TLSDetails? { try? handshake?.get() }

    /// Why the handshake failed.
    var refusal: String? {
        guard case .failure(let error) = handshake else { return nil }
        if case .tls(let text) = error { return text }
        return "\(error)"
    }

    /// Why reading failed.
    var readRefusal: String? {
        guard case .failed(let error) = end else { return nil }
        if case .tls(let text) = error { return text }
        return "\(error)"
    }

    var hasEndedOrderly: Bool {
        if case .endOfStream = end { return true }
        return false
    }

    var isTruncated: Bool {
        if case .failed(.truncated) = end { return true }
        return false
    }

    var hasWrittenAll: Bool { outbound.isEmpty }

    func start() {
        stream.handshake { [weak self] result in
            guard let self else { return }
            self.handshake = result
            if case .success = result { self.stream.setWantsRead(self.isReading) }
        }
    }

    func send(_ bytes: some Collection<UInt8>) {
        outbound += bytes
        flush()
    }

    func streamIsReadable() {
        timesToldReadable += 1
        whenReadable?()
        if !isLazy { readOnce() }
    }

    func streamIsWritable() { flush() }

    /// One attempt to read.
    @discardableResult
    func readOnce() -> StreamProgress {
        var buffer = [UInt8](repeating: 0, count: readSize)
        let progress = unsafe buffer.withUnsafeMutableBytes { unsafe stream.read(into: $0) }
        switch progress {
        case .bytes(let count): received += buffer[..<count]
        case .wouldBlock: break
        case .endOfStream, .failed:
            end = progress
            stream.setWantsRead(false)
        }
        return progress
    }

    private func flush() {
        while !outbound.isEmpty, writeFailure == nil {
            switch writeOnce() {
            case .bytes(let count): outbound = outbound.dropFirst(count)
            case .wouldBlock: return stream.setWantsWrite(true)
            case .failed(let error): writeFailure = error
            case .endOfStream: writeFailure = .truncated
            }
        }
        stream.setWantsWrite(false)
        if closesAfterwards { stream.closeWrite() }
    }

    /// Offers everything, cut into vectors.
    private func writeOnce() -> StreamProgress {
        // Another place in memory each time, as the contract allows.
        var copy = Array(outbound)
        return unsafe copy.withUnsafeMutableBytes { bytes in
            var vectors: [iovec] = unsafe []
            var start = 0
            while start < bytes.count {
                let size = min(vectorSizes[unsafe vectors.count % vectorSizes.count], bytes.count - start)
                unsafe vectors.append(iovec(iov_base: bytes.baseAddress?.advanced(by: start), iov_len: size))
                start += size
            }
            return unsafe vectors.withUnsafeBufferPointer { unsafe stream.write($0) }
        }
    }
}
