internal import Actors
internal import HansomTransport
internal import WSConnection

/// Something of the program's that an HTTP connection waits for, the authorisation hook or a route: it runs as a
/// process of its own, within a time, while an eye is kept on the peer.
///
/// A process that does not heed its cancellation is left behind; the connection goes on without it.
@safe final class AwaitedProcess<Value: Sendable>: StreamObserver, @unchecked Sendable {
    // Safety (@unchecked Sendable): used by the scheduler's thread only; the process lives on that scheduler too.

    enum Outcome {
        case value(Value)
        /// It threw, or was killed.
        case failed
        /// The time was over.
        case late
    }

    /// Why the wait is over.
    private enum End {
        case outcome(Outcome)
        /// The peer reset the connection, or nobody waits any more.
        case peerLost
    }

    private let scheduler: Scheduler
    private let stream: any ByteStream
    private var process: PID?
    private var end: End?
    /// Where it is waited.
    private let gate = Gate()

    /// What the peer sent meanwhile: its next requests. When it is `mostReceived`, no more is read.
    private(set) var received: [UInt8] = []
    private let mostReceived: Int

    /// - Parameters:
    ///   - stream: the peer's; nobody else reads it meanwhile.
    ///   - heldCount: how much of what the peer sent too early waits already. With that of one read nothing more is
    ///     read: a peer that asks and asks could fill the memory, a process at a time.
    init(watching stream: any ByteStream, holding heldCount: Int, on scheduler: Scheduler) {
        self.stream = stream
        mostReceived = max(0, TransportResources.readSize - heldCount)
        self.scheduler = scheduler
    }

    /// Runs `work` and waits for it, or for what comes before.
    ///
    /// - Throws: that the peer is lost.
    func run(
        _ label: String, within time: Duration, _ work: @escaping @Sendable () async throws -> Value
    ) async throws(WebSocketError) -> Outcome {
        let alarm = Alarm { [unowned self] in finish(.outcome(.late)) }
        scheduler.arm(alarm, after: time)
        let observer = stream.observer
        stream.observer = self
        stream.setWantsRead(mostReceived > 0)
        start(label, work)
        if end == nil { await gate.pass(on: scheduler) }
        scheduler.disarm(alarm)
        stream.setWantsRead(false)
        stream.observer = observer
        switch end {
        case .outcome(let outcome): return outcome
        case .peerLost: throw WebSocketError(.connectionLost, "the peer reset the connection", phase: .handshake)
        case nil: return .failed
        }
    }

    /// The connection is over: nobody waits for the result any more.
    func abandon() { finish(.peerLost) }

    private func start(_ label: String, _ work: @escaping @Sendable () async throws -> Value) {
        let pid = Process<Never>.spawn(on: scheduler, label: label) { [self] _ in
            finish(.outcome(.value(try await work())))
        }.pid
        process = pid
        // However it ends.
        pid.core.addObserver { [self] _ in finish(.outcome(.failed)) }
    }

    /// The first end counts.
    private func finish(_ end: End) {
        guard self.end == nil else { return }
        self.end = end
        if case .outcome(.value) = end {} else { process?.exit(.shutdown) }
        process = nil
        gate.open(on: scheduler)
    }

    func streamIsReadable() {
        let buffer = unsafe TransportResources.of(scheduler).readBuffer
        switch unsafe stream.read(into: buffer) {
        case .bytes(let count):
            unsafe received.append(contentsOf: buffer[..<count])
            if received.count >= mostReceived { stream.setWantsRead(false) }
        case .wouldBlock: return
        case .endOfStream:
            // It asks nothing more and is gone, as a rule; if it still listens, it gets what the cancelled work makes
            // of it.
            stream.setWantsRead(false)
            process?.exit(.shutdown)
        case .failed: finish(.peerLost)
        }
    }

    func streamIsWritable() {}
}
