package import Actors
package import HansomTransport
internal import WSProtocol

/// The end: what happens is told to `EndMachine`, and the steps that it gives are carried out here.
extension WebSocket {
    /// Something happened that may end the connection.
    func take(_ event: EndMachine.Event) {
        for step in end.take(event) { carryOut(step) }
    }

    private func carryOut(_ step: EndMachine.Step) {
        switch step {
        case .announce: published.publish(.closing)
        case .armDeadline: armCloseDeadline()
        case .flush: flush()
        case .failSenders: failSenders()
        case .discardInput: discardInput()
        case .decodeOn: handlerMayGoOn()
        case .stopReading: stream?.setWantsRead(false)
        case .shutWrite: stream?.closeWrite()
        case .tell: tell()
        case .release: release()
        case .endProcess: endProcess()
        case .handOver: handOver()
        }
    }

    /// Everyone who waits for something is told how it ended.
    private func tell() {
        guard let outcome = end.outcome else { return }
        // What waited until its answer had room: there is nobody to answer, and the end is not to wait for it.
        if messageHandler != nil && !share.isUsedUp { backlog = Backlog() }
        published.publish(outcome)
        published.publish(.closing)
        failSenders()
        failPings(outcome.value.error)
        tellReceivers()
    }

    /// Those who wait to receive are told of the end, unless something that came before it still has to be decoded.
    func tellReceivers() {
        guard let end = endReached else { return }
        failReceivers(end.error)
        streamed?.wake()
        pumpEvents()
    }

    /// How it ended, once all that came before the end has had its turn to be decoded.
    var endReached: Outcome? { share.isUsedUp ? nil : outcome }

    /// What is known of how it ended, or else what `make` says.
    private func how(_ make: () -> Outcome) -> Boxed<Outcome> { end.outcome ?? Boxed(make().told(by: core.id)) }

    /// The stream is of no more use: it is closed, and those who wait for the end go on.
    private func release() {
        stream?.close()
        stream = nil
        isReadPaused = false
        disarmDeadlines()
        releaseOutput()
        accountTaken()
        published.publish(.closed)
        let waiters = unsafe endWaiters
        unsafe endWaiters = []
        unsafe waiters.forEach { unsafe $0.resume() }
    }

    private func endProcess() {
        owner?.end()
        owner = nil
        let reason = core.exitReason ?? handlerReason?.value ?? exitReason
        // A handler that crashed was reported when it did.
        core.finish(reason, isReported: handlerReason == nil && !isOwnEnd(reason))
    }

    private func handOver() {
        if let stream {
            stream.observer = nil
            if machine.state == .open { try? machine.close(code: .goingAway) }
            LingeringClose.start(stream, last: machine.output.drain(), on: scheduler, for: options.closeTimeout)
        }
        releaseOutput()
        owner?.end()
        core.finish(.normal)
    }

    private var exitReason: ExitReason {
        switch outcome {
        case .closed, nil: .normal
        case .failed(let error): .error(error)
        }
    }

    private func releaseOutput() {
        machine.output.consume(machine.output.count)
        if let storage = unsafe machine.output.reclaim() { unsafe resources.take(back: storage) }
    }

    /// An exit signal: the handler is cancelled, the peer is told 1001.
    func receiveExit(_ reason: ExitReason) {
        handlerTask?.cancel()
        cancelHandlerReceivers()
        guard reason.kind == .killed else { return beginClose(.goingAway) }
        handlerReason = Boxed(reason)
        drop()
    }

    /// The last reference is gone. Whoever is on the other end is told 1001, by an object that outlives this one.
    func abandon() {
        if isFlushPending { scheduler.cancelFlush(self) }
        disarmDeadlines()
        leaveBudget()
        // No suspended call, which would hold the connection, but a broadcast may still wait for room.
        failSenders()
        take(.abandoned)
    }
}

/// The closing handshake (RFC 6455 section 7), from both sides.
extension WebSocket {
    /// Closes the connection, and returns when all of it is released.
    ///
    /// Sends the close frame, throws away what still arrives, and waits for the peer's close, at most as long as the
    /// option `closeTimeout` says. Closing twice is harmless. In a cancelled task it sends the frame and drops the
    /// connection at once.
    ///
    /// - Parameters:
    ///   - code: 1000 to 1003, 1007 to 1014, or 3000 to 4999; default 1000.
    ///   - reason: at most 123 bytes of UTF-8.
    /// - Throws: `.misuse` for another code or a longer reason; then nothing is sent.
    public func close(code: CloseCode = .normal, reason: String = "") async throws(WebSocketError) {
        try beginClose(code: code, reason: reason)
        guard !end.isReleased else { return }
        if Task.isCancelled { return drop() }
        await withTaskCancellationHandler {
            await unsafe withUnsafeContinuation { continuation in
                // The end may have come on the way here, as told at `resultAtOnce`.
                if end.isReleased { return unsafe continuation.resume() }
                unsafe endWaiters.append(continuation)
            }
        } onCancel: {
            scheduler.runLater { [self] in onOwnThread { $0.drop() } }
        }
    }

    /// Begins to close, and does not wait for the end: what a synchronous handler can do.
    ///
    /// Sends the close frame. No further message reaches the application, and what is sent from now on throws
    /// `.closed`. The peer has `closeTimeout` to end the connection too. Does nothing once a close has begun.
    ///
    /// - Parameters:
    ///   - code: 1000 to 1003, 1007 to 1014, or 3000 to 4999; default 1000.
    ///   - reason: at most 123 bytes of UTF-8.
    /// - Throws: `.misuse` for another code or a longer reason; then nothing is sent.
    public func beginClose(code: CloseCode = .normal, reason: String = "") throws(WebSocketError) {
        if end.isOpen { try sendClose(code, reason) }
    }

    /// Begins to close with a code and reason known to be allowed.
    package func beginClose(_ code: CloseCode, _ reason: String = "") { try? beginClose(code: code, reason: reason) }

    private func sendClose(_ code: CloseCode, _ reason: String) throws(WebSocketError) {
        try put { machine throws(ProtocolMisuse) in try machine.close(code: code, reason: reason) }
        // Nothing comes behind it, so nothing is gained by waiting for the end of the turn: the machine has it flushed.
        take(.closeSent)
    }

    /// What waits undecoded is decoded now, to find the peer's close behind it; its messages are discarded.
    private func discardInput() {
        isReadPaused = true
        refill()
    }

    /// The peer's close frame arrived; if it was first, the answer is in the output.
    func peerClosed(_ close: Close) { finish(.closed(close)) }

    /// The peer broke a rule; the close frame that says so is in the output.
    func violated(_ failure: ProtocolFailure) {
        let close = Close(code: failure.code, reason: failure.description)
        finish(.failed(WebSocketError(.protocolViolation, failure.description, close: close)))
    }

    /// What waits is written; then comes the end.
    ///
    /// Whoever is told of it may end the program in that moment. So our last frame is written first, now if the peer
    /// takes it, and they are told afterwards.
    private func finish(_ outcome: Outcome) { take(.ended(how { outcome })) }

    /// Ends the connection for `error`, and tells the peer the close that it carries.
    func fail(_ error: WebSocketError) {
        if !end.isMute, let close = error.close {
            prepareOutput()
            try? machine.close(code: close.code, reason: close.reason)
        }
        finish(.failed(error))
    }

    /// Ends the connection for `error` at once, without a word to the peer.
    func lose(_ error: WebSocketError) { take(.lost(how { .failed(error) })) }

    /// The stream gave its last byte, or broke.
    func inputEnded(_ error: StreamError?) {
        endHeldBack()
        let outcome = how {
            let what = error.map { "the connection broke: \($0)" } ?? "the peer ended the connection without a close"
            return .failed(WebSocketError(.connectionLost, what, close: Close(code: .abnormal)))
        }
        take(.inputEnded(isBroken: error != nil, outcome))
    }

    /// The peer has had its time.
    func closeTooSlow() {
        lose(
            WebSocketError(
                .connectionLost, "the peer did not end the connection within \(options.closeTimeout)",
                close: Close(code: .abnormal), phase: .close))
    }

    /// Ends it now: what waits is written as far as the stream takes it at once.
    package func drop() {
        guard !end.isReleased else { return }
        endHeldBack()
        beginClose(.goingAway)
        flush()
        take(.lost(how { .closed(Close(code: .abnormal, reason: "dropped")) }))
    }
}

/// What remains of a connection that nobody holds any more: its last bytes are written, and the peer has a while to
/// end too.
package final class LingeringClose: StreamObserver {
    private let stream: any ByteStream
    private let scheduler: Scheduler
    private var rest: ArraySlice<UInt8>
    private var alarm: Alarm?
    private var isPeerDone = false
    private var whenDone: (() -> Void)?

    /// Begins; the alarm keeps it until it has ended. It ends at once when nobody will ring the alarm any more, since its
    /// scheduler has ended.
    ///
    /// - Parameter whenDone: is called once when it has ended, never before this returns.
    @discardableResult
    package static func start(
        _ stream: any ByteStream, last: [UInt8], on scheduler: Scheduler, for time: Duration,
        whenDone: (() -> Void)? = nil
    ) -> LingeringClose {
        let close = LingeringClose(stream, last: last, on: scheduler)
        defer { close.announce(to: whenDone) }
        let lease = Lease(close)
        let alarm = Alarm { lease.close.end() }
        close.alarm = alarm
        scheduler.arm(alarm, after: time)
        stream.observer = close
        stream.setWantsRead(true)
        close.streamIsWritable()
        return close
    }

    private func announce(to whenDone: (() -> Void)?) {
        guard let whenDone else { return }
        if alarm == nil { scheduler.runHereLater(whenDone) } else { self.whenDone = whenDone }
    }

    private init(_ stream: any ByteStream, last: [UInt8], on scheduler: Scheduler) {
        self.stream = stream
        self.scheduler = scheduler
        rest = last[...]
    }

    package func streamIsReadable() {
        let buffer = unsafe TransportResources.of(scheduler).readBuffer
        switch unsafe stream.read(into: buffer) {
        case .bytes, .wouldBlock: return
        case .endOfStream:
            // The peer says no more, but may still listen.
            isPeerDone = true
            if rest.isEmpty { end() } else { stream.setWantsRead(false) }
        case .failed: end()
        }
    }

    package func streamIsWritable() {
        while !rest.isEmpty {
            switch stream.write(rest) {
            case .bytes(let count): rest = rest.dropFirst(count)
            case .wouldBlock: return stream.setWantsWrite(true)
            case .endOfStream, .failed: return end()
            }
        }
        if isPeerDone { return end() }
        stream.setWantsWrite(false)
        stream.closeWrite()
    }

    /// Ends it now.
    package func end() {
        guard let alarm else { return }
        self.alarm = nil
        stream.close()
        scheduler.disarm(alarm)
        alarm.action = {}
        whenDone?()
        whenDone = nil
    }

    /// What the alarm holds: it goes when the alarm is dropped, and ends what nothing else would.
    private final class Lease {
        let close: LingeringClose

        init(_ close: LingeringClose) { self.close = close }

        deinit { close.end() }
    }
}
