import Actors
import Glibc
import HansomTransport
import SocketTesting
import Testing

@testable import WSConnection

/// How heads and bodies are read and written before there is a WebSocket: fairly, and without losing what a peer has
/// said.
@Suite(.timeLimit(.minutes(1))) struct StreamDriverTests {
    /// Runs `body` on a scheduler, with a driver of a stream that answers as it is told.
    private func drive(
        reads: @escaping @Sendable (Int) -> StreamProgress = { _ in .wouldBlock },
        writes: @escaping @Sendable (Int) -> StreamProgress = { .bytes($0) },
        _ body: @escaping @Sendable (StreamDriver, ToldStream) async throws -> Void
    ) async throws {
        try await withSchedulers { schedulers in
            let scheduler = schedulers.schedulers[0]
            try await Task(executorPreference: scheduler) {
                let stream = ToldStream(scheduler, reads: reads, writes: writes)
                let driver = unsafe StreamDriver(
                    stream, buffer: TransportResources.of(scheduler).readBuffer, phase: .handshake)
                try await body(driver, stream)
            }.value
        }
    }

    @Test(arguments: [1, 1000, 64 << 10])
    func `gives its turn back though there is always more to read (C2, C3, T40)`(size: Int) async throws {
        try await drive(reads: { .bytes(min(size, $0)) }) { driver, stream in
            for _ in 0..<100 {
                let count = try await driver.read().count
                #expect(count == size)
            }
            #expect(stream.mostCalls <= 16 && stream.mostBytes <= 64 << 10 && stream.turns >= 6)
        }
    }

    @Test(arguments: [1, 1000, Int.max])
    func `gives its turn back though the peer takes whatever it is given (S7, T40)`(size: Int) async throws {
        try await drive(writes: { .bytes(min(size, $0)) }) { driver, stream in
            try await driver.write([UInt8](repeating: 0, count: size == .max ? 1 << 20 : 100 * size))
            #expect(stream.mostCalls <= 16 && stream.mostBytes <= 64 << 10 && stream.turns >= 6)
        }
    }

    @Test func `is aborted by a deadline in the middle of an endless answer (C2, T40)`() async throws {
        try await drive(reads: { .bytes($0) }) { driver, stream in
            // Stands for the alarm of `connectTimeout`: it rings in some turn to come.
            stream.afterTurns(5) { driver.abort(WebSocketError(.timeout, "late")) }
            let error = await failure { while true { _ = try await driver.read() } }
            #expect(error?.code == .timeout)
        }
    }

    // MARK: What was said before a write failed

    private static let reset = StreamProgress.failed(.system(call: "send", errno: ECONNRESET))

    @Test func `hears an answer that came before the request could be written (C3)`() async throws {
        let answer = Array("HTTP/1.1 403 No\r\n\r\n".utf8)
        try await drive(reads: { .bytes(min($0, answer.count)) }, writes: { _ in Self.reset }) { driver, stream in
            stream.content = answer
            try await driver.ask([1, 2, 3])
            // And what follows it.
            let parts = [try await driver.read(atMost: 4), try await driver.read(), try await driver.read()]
            #expect(parts == [Array("HTTP".utf8), Array(answer.dropFirst(4)), answer])
        }
    }

    @Test func `hears an alert of TLS that came before the request could be written (C3, C8)`() async throws {
        try await drive(reads: { _ in .failed(.tls("alert 116")) }, writes: { _ in Self.reset }) { driver, _ in
            let error = await failure { try await driver.ask([1]) }
            #expect(error?.code == .tls && error?.message == "alert 116")
        }
    }

    @Test(arguments: 0..<3)
    func `says why the request could not be written when nothing else was said (C3)`(index: Int) async throws {
        let reads: [StreamProgress] = [.wouldBlock, .endOfStream, .failed(.truncated)]
        try await drive(reads: { _ in reads[index] }, writes: { _ in Self.reset }) { driver, _ in
            let error = await failure { try await driver.ask([1]) }
            #expect(
                error?.code == .connectionLost && error?.message.contains("send") == true,
                "\(String(describing: error))")
        }
    }

    // MARK: Without a task

    @Test func `tells once that something has come, and reads it without a task (S4)`() async throws {
        try await drive(reads: { .bytes(min(3, $0)) }) { driver, stream in
            stream.content = [1, 2, 3]
            let told = Calls()
            await withCheckedContinuation { continuation in
                driver.whenTold {
                    told.count += 1
                    continuation.resume()
                }
            }
            #expect(driver.readAtOnce() == [1, 2, 3])
            driver.streamIsReadable()
            #expect(told.count == 1)
        }
    }

    @Test func `tells who waits without a task that it is aborted (S4, S7)`() async throws {
        try await drive { driver, _ in
            let told = Calls()
            driver.whenTold { told.count += 1 }
            driver.abort(WebSocketError(.timeout, "late"))
            #expect(told.count == 1 && driver.readAtOnce() == nil)
            let error = await failure { _ = try await driver.read() }
            #expect(error?.code == .timeout)
        }
    }

    @Test(arguments: 0..<3)
    func `leaves what is no bytes to the task that comes after (S4)`(index: Int) async throws {
        // An error is told once: then it looks as if nothing had come.
        let said: [StreamProgress] = [.wouldBlock, .endOfStream, .failed(.system(call: "recv", errno: ECONNRESET))]
        let reads = Calls()
        try await drive(reads: { _ in
            defer { reads.count += 1 }
            return reads.count == 0 ? said[index] : .bytes(1)
        }) { driver, _ in
            #expect(driver.readAtOnce() == nil)
            // Nor does it ask again before that.
            if index > 0 { #expect(driver.readAtOnce() == nil && reads.count == 1) }
            var read: [UInt8]?
            let error = await failure { read = try await driver.read() }
            switch index {
            case 0: #expect(read?.count == 1)
            case 1: #expect(read == [])
            default: #expect(error?.code == .connectionLost && error?.message.contains("recv") == true)
            }
        }
    }

    @Test(arguments: [0, 1, 4, 5])
    func `writes what is taken at once, and says what is left (S4)`(taken: Int) async throws {
        try await drive(writes: { _ in taken == 0 ? .wouldBlock : .bytes(taken) }) { driver, _ in
            #expect(Array(driver.writeAtOnce([0, 1, 2, 3, 4])) == Array(taken..<5).map { UInt8($0) })
        }
    }

    @Test func `says by the next write why nothing was taken at once (S4)`() async throws {
        try await drive(writes: { _ in Self.reset }) { driver, stream in
            #expect(Array(driver.writeAtOnce([1, 2])) == [1, 2])
            let error = await failure { try await driver.write([1, 2]) }
            #expect(error?.code == .connectionLost && error?.message.contains("send") == true)
            #expect(stream.mostCalls == 1)
        }
    }

    @Test func `listens to nobody when it only writes, or is aborted`() async throws {
        try await drive(reads: { .bytes($0) }, writes: { _ in Self.reset }) { driver, stream in
            let error = await failure { try await driver.write([1]) }
            #expect(error?.code == .connectionLost)
            driver.abort(WebSocketError(.cancelled, "no more"))
            let aborted = await failure { try await driver.ask([1]) }
            #expect(aborted?.code == .cancelled && stream.mostCalls == 1)
        }
    }
}

/// How often something happened, on one scheduler's thread.
private final class Calls: @unchecked Sendable {
    // Safety: used on the scheduler's thread only.
    var count = 0
}

/// A stream that does as it is told, and counts what is done with it between two notices.
private final class ToldStream: ByteStream, @unchecked Sendable {
    // Safety: used on the scheduler's thread only.
    weak var observer: (any StreamObserver)?
    /// What reads give, from its beginning each time.
    var content: [UInt8] = []
    private(set) var (turns, mostCalls, mostBytes) = (0, 0, 0)
    private var (calls, bytes) = (0, 0)
    private let scheduler: Scheduler
    private let reads: (Int) -> StreamProgress
    private let writes: (Int) -> StreamProgress

    init(_ scheduler: Scheduler, reads: @escaping (Int) -> StreamProgress, writes: @escaping (Int) -> StreamProgress) {
        self.scheduler = scheduler
        self.reads = reads
        self.writes = writes
    }

    func afterTurns(_ count: Int, _ action: @escaping () -> Void) {
        scheduler.runHereLater { [self] in
            if turns >= count { action() } else { afterTurns(count, action) }
        }
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> StreamProgress {
        if !content.isEmpty { unsafe buffer.copyBytes(from: content.prefix(buffer.count)) }
        return count(reads(buffer.count))
    }

    func write(_ buffers: UnsafeBufferPointer<iovec>) -> StreamProgress {
        count(writes(unsafe buffers.reduce(0) { unsafe $0 + $1.iov_len }))
    }

    private func count(_ progress: StreamProgress) -> StreamProgress {
        calls += 1
        if case .bytes(let count) = progress { bytes += count }
        (mostCalls, mostBytes) = (max(mostCalls, calls), max(mostBytes, bytes))
        return progress
    }

    func setWantsRead(_ wanted: Bool) { if wanted { tell { $0.streamIsReadable() } } }
    func setWantsWrite(_ wanted: Bool) { if wanted { tell { $0.streamIsWritable() } } }
    func closeWrite() {}
    func close() {}

    private func tell(_ notice: @escaping (any StreamObserver) -> Void) {
        scheduler.runHereLater { [self] in
            turns += 1
            (calls, bytes) = (0, 0)
            observer.map(notice)
        }
    }
}
