internal import Actors
internal import HansomTransport
internal import WSProtocol

/// The end: told once, and nothing left behind.
extension WebSocket {
    /// How the connection ended is known; everyone who waits for something is told. What ended it first is what counts.
    func conclude(_ end: Outcome) {
        guard outcome == nil else { return }
        let end = (endToTell?.value ?? end).told(by: core.id)
        endToTell = nil
        // What waited until its answer had room: there is nobody to answer, and the end is not to wait for it.
        if messageHandler != nil && !share.isUsedUp { backlog = Backlog() }
        published.publish(end)
        published.publish(.closing)
        failSenders()
        failPings(end.error)
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

    /// The stream is of no more use: it is closed, and those who wait for the end go on.
    func release() {
        tellEnd()
        guard phase != .released else { return }
        phase = .released
        isWriteBroken = true
        stream?.close()
        stream = nil
        isReadPaused = false
        disarmDeadlines()
        releaseOutput()
        accountTaken()
        published.publish(.closed)
        let waiters = unsafe endWaiters
        unsafe endWaiters = []
        for unsafe waiter in unsafe waiters { unsafe waiter.resume() }
        if !isHandlerRunning { finishProcess(handlerReason?.value ?? exitReason) }
    }

    /// Tells how it ended, if that is known and has had to wait.
    func tellEnd() {
        if let endToTell { conclude(endToTell.value) }
    }

    private var exitReason: ExitReason {
        switch outcome {
        case .closed, nil: .normal
        case .failed(let error): .error(error)
        }
    }

    func finishProcess(_ reason: ExitReason) {
        owner?.end()
        owner = nil
        let reason = core.exitReason ?? reason
        // A handler that crashed was reported when it did.
        core.finish(reason, isReported: handlerReason == nil && !isOwnEnd(reason))
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
        if let stream {
            stream.observer = nil
            if machine.state == .open { try? machine.close(code: .goingAway) }
            LingeringClose.start(stream, last: machine.output.drain(), on: scheduler, for: options.closeTimeout)
        }
        if phase != .released { releaseOutput() }
        owner?.end()
        core.finish(.normal)
    }
}
