internal import Actors
internal import DequeModule

/// Back-pressure: who sends waits for room, and goes on in order of arrival.
extension WebSocket {
    /// A call that waits to send. What it sends is encoded when its turn comes, by the connection itself: so the order
    /// is that of arrival, whichever task runs first then.
    @safe struct SendWaiter {
        let id: UInt64
        let outgoing: Outgoing
        let alarm: Alarm?
        let whenDone: WhenDone

        /// Who is told what became of it, once.
        @safe enum WhenDone {
            /// The suspended call.
            case task(UnsafeContinuation<Result<Int, WebSocketError>, Never>)
            /// Somebody who waits for many connections, on this one's thread.
            case call((Result<Int, WebSocketError>) -> Void)
        }
    }

    /// Sends as soon as there is room.
    ///
    /// - Returns: the payload bytes sent.
    func sendWhenRoom(_ outgoing: Outgoing, timeout: Duration? = nil) async throws(WebSocketError) -> Int {
        if let result = sendAtOnce(outgoing) { return try result.get() }
        let id = ProcessCore.nextID()
        return try await withTaskCancellationHandler {
            await waitForRoom(id, outgoing, timeout)
        } onCancel: {
            scheduler.runLater { [self] in onOwnThread { $0.endSender(id, .cancelled) } }
        }.get()
    }

    /// What a call gets that need not wait.
    private func sendAtOnce(_ outgoing: Outgoing) -> Result<Int, WebSocketError>? {
        guard machine.state == .open, !isWriteBroken else { return .failure(endError) }
        // Nobody stands before a message that has begun.
        let hasRoom = outgoing.isFragment ? machine.outputWeight <= options.limits.outboundHighWater : isSendable
        return hasRoom ? enqueue(outgoing) : nil
    }

    private func waitForRoom(
        _ id: UInt64, _ outgoing: Outgoing, _ timeout: Duration?
    ) async -> Result<Int, WebSocketError> {
        await unsafe withUnsafeContinuation { continuation in
            if Task.isCancelled { return unsafe continuation.resume(returning: .failure(.cancelled)) }
            // The end, or room, may have come on the way here, as told at `resultAtOnce`.
            if let result = sendAtOnce(outgoing) { return unsafe continuation.resume(returning: result) }
            let alarm = timeout.map { armSender(id, $0) }
            let waiter = unsafe SendWaiter(id: id, outgoing: outgoing, alarm: alarm, whenDone: .task(continuation))
            if outgoing.isFragment { sendersWaiting.prepend(waiter) } else { sendersWaiting.append(waiter) }
        }
    }

    private func armSender(_ id: UInt64, _ timeout: Duration) -> Alarm {
        let error = WebSocketError(.timeout, "the peer made no room to send within \(timeout)", phase: .write)
        // Safety: the suspended call holds the connection until the alarm has rung or is disarmed.
        let alarm = Alarm { [unowned(unsafe) self] in unsafe onOwnThread { $0.endSender(id, error) } }
        scheduler.arm(alarm, after: timeout)
        return alarm
    }

    /// Sends for those who wait, in order, once enough is written and until enough waits again.
    func serveSenders() {
        // At the end they are told by `conclude`, when the last frame is written.
        guard !sendersWaiting.isEmpty, endToTell == nil, machine.outputWeight <= options.limits.outboundLowWater
        else { return }
        while let next = sendersWaiting.first, machine.outputWeight <= options.limits.outboundHighWater,
            next.outgoing.isFragment || !isFragmentedSendOpen
        {
            sendersWaiting.removeFirst()
            resume(next, with: enqueue(next.outgoing))
        }
    }

    private func resume(_ sender: SendWaiter, with result: Result<Int, WebSocketError>) {
        if let alarm = sender.alarm { scheduler.disarm(alarm) }
        switch sender.whenDone {
        case .task(let continuation): unsafe continuation.resume(returning: result)
        case .call(let tell): tell(result)
        }
    }

    func failSenders() {
        let waiting = sendersWaiting
        sendersWaiting = []
        let error = endError
        for sender in waiting { resume(sender, with: .failure(error)) }
    }

    func endSender(_ id: UInt64, _ error: WebSocketError) {
        guard let index = sendersWaiting.firstIndex(where: { $0.id == id }) else { return }
        resume(sendersWaiting.remove(at: index), with: .failure(error))
    }
}
