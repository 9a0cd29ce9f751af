public import Actors
package import HansomTransport
internal import Synchronization

/// A pipe in memory that a WebSocket can be opened over, so that its bytes may travel by whatever you have: an SSH channel,
/// another library's TLS or HTTP, a test. (`WebSocket.connect(over:to:options:)` of the client,
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
