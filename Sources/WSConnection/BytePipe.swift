public import Actors
package import HansomTransport
internal import Synchronization

/// A pipe in memory that a WebSocket can be opened over, so that its bytes may travel by whatever you have: an SSH
/// channel, another library's TLS or HTTP, a test. (`WebSocket.connect(over:to:options:)` of the client,
/// `WebSocketServer.accept(over:request:)` of the server.)
///
/// The WebSocket has one end. You have the other: read from it what must travel, and write to it what has come. It
/// holds a bounded number of bytes each way: who writes waits until there is room.
public actor BytePipe {
    private nonisolated let scheduler: Scheduler
    private nonisolated let isTaken = Atomic<Bool>(false)
    /// The WebSocket's end.
    package nonisolated let near: PipeStream
    private let far: BytePipeEnd

    /// The scheduler on which the WebSocket is to live: both ends of the pipe are on it.
    public nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe scheduler.asUnownedSerialExecutor() }

    /// Makes a pipe.
    ///
    /// - Parameters:
    ///   - capacity: the bytes that it holds in each direction; default 64 KiB.
    ///   - scheduler: where the WebSocket is to live; default: the caller's, or one of the shared group's in turn.
    public init(capacity: Int = 64 << 10, scheduler: Scheduler? = nil) {
        let scheduler = scheduler ?? Scheduler.current ?? SchedulerGroup.shared.next()
        self.scheduler = scheduler
        let ends = PipeStream.pair(scheduler, scheduler, capacity: capacity)
        near = ends.0
        far = BytePipeEnd(ends.1, on: scheduler)
    }

    isolated deinit { far.close() }

    /// What the WebSocket has written, waiting for something; empty when it has ended. One task at a time reads, while
    /// another may write.
    ///
    /// - Throws: `.connectionLost` when the pipe is closed; `.cancelled`: nothing is lost.
    public func read() async throws(WebSocketError) -> [UInt8] { try await far.read() }

    /// Gives the WebSocket bytes to read, waiting for room. One task at a time writes, while another may read.
    ///
    /// - Throws: `.connectionLost` when the WebSocket has ended, or the pipe is closed; `.cancelled`: a part may be
    ///   written.
    public func write(_ bytes: [UInt8]) async throws(WebSocketError) { try await far.write(bytes) }

    /// Says that nothing more will be written; the WebSocket sees the end of its stream.
    public func finish() { far.finish() }

    /// Ends the pipe; who waits in it stops.
    public func close() { far.close() }

    /// Whether the WebSocket's end was free; it is taken then.
    package nonisolated func take() -> Bool { !isTaken.exchange(true, ordering: .acquiringAndReleasing) }

    package nonisolated func giveBack() { isTaken.store(false, ordering: .releasing) }

    /// Where the WebSocket's end belongs.
    package nonisolated var home: Scheduler { scheduler }
}

/// The end of a `BytePipe` that the program has: read and written with `await`, by two tasks at once if need be.
@safe final class BytePipeEnd: StreamObserver, @unchecked Sendable {
    // Safety: after `init` only the scheduler's thread touches it: as a part of the actor that lives there.
    private let stream: PipeStream
    private let scheduler: Scheduler
    private var reader: UnsafeContinuation<Void, Never>?
    private var writer: UnsafeContinuation<Void, Never>?
    private var isClosed = false

    init(_ stream: PipeStream, on scheduler: Scheduler) {
        self.stream = stream
        self.scheduler = scheduler
    }

    func streamIsReadable() { wakeReader() }
    func streamIsWritable() { wakeWriter() }

    func read() async throws(WebSocketError) -> [UInt8] {
        while true {
            try check()
            let buffer = unsafe TransportResources.of(scheduler).readBuffer
            switch unsafe stream.read(into: buffer) {
            case .bytes(let count): return unsafe Array(buffer[..<count])
            case .endOfStream: return []
            case .failed(let error): throw WebSocketError(.connectionLost, "the pipe broke: \(error)")
            case .wouldBlock: await readable()
            }
        }
    }

    func write(_ bytes: [UInt8]) async throws(WebSocketError) {
        var rest = bytes[...]
        while !rest.isEmpty {
            try check()
            switch stream.write(rest) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: await writable()
            case .endOfStream, .failed:
                throw WebSocketError(.connectionLost, "the WebSocket at the pipe's other end is gone")
            }
        }
    }

    func finish() { stream.closeWrite() }

    func close() {
        isClosed = true
        stream.close()
        wakeReader()
        wakeWriter()
    }

    private func check() throws(WebSocketError) {
        if isClosed { throw WebSocketError(.connectionLost, "the pipe was closed") }
        if Task.isCancelled { throw WebSocketError(.cancelled, "the task that waited at the pipe was cancelled") }
    }

    // A pipe tells of its readiness again as long as it is asked to: none is missed on the way to the suspension.

    private func readable(isolation: isolated (any Actor)? = #isolation) async {
        stream.observer = self
        stream.setWantsRead(true)
        await withTaskCancellationHandler {
            // A closure that names it stays on the pipe's thread; without it this one would run on the global pool.
            _ = isolation
            await unsafe withUnsafeContinuation { continuation in
                if isClosed || Task.isCancelled { return unsafe continuation.resume() }
                unsafe reader = continuation
            }
        } onCancel: {
            scheduler.run { self.wakeReader() }
        }
        stream.setWantsRead(false)
    }

    private func writable(isolation: isolated (any Actor)? = #isolation) async {
        stream.observer = self
        stream.setWantsWrite(true)
        await withTaskCancellationHandler {
            // A closure that names it stays on the pipe's thread; without it this one would run on the global pool.
            _ = isolation
            await unsafe withUnsafeContinuation { continuation in
                if isClosed || Task.isCancelled { return unsafe continuation.resume() }
                unsafe writer = continuation
            }
        } onCancel: {
            scheduler.run { self.wakeWriter() }
        }
        stream.setWantsWrite(false)
    }

    private func wakeReader() {
        let waiter = unsafe reader
        unsafe reader = nil
        unsafe waiter?.resume()
    }

    private func wakeWriter() {
        let waiter = unsafe writer
        unsafe writer = nil
        unsafe waiter?.resume()
    }
}
