internal import Actors
internal import DequeModule
internal import Glibc
internal import HansomTransport
internal import WSProtocol

/// One write a turn: what was sent since the last is handed to the stream in one system call.
extension WebSocket: EndOfTurnFlush {
    package nonisolated func flushAtEndOfTurn() {
        onOwnThread { me in
            me.isFlushPending = false
            if me.machine.isEndHeld { me.endHeldBack() }
            me.flush()
        }
    }

    package nonisolated func streamIsWritable() { onOwnThread { $0.flush() } }

    /// Asks for a flush at the end of this turn.
    func markDirty() {
        if isFlushPending { return }
        isFlushPending = true
        scheduler.flushAtEndOfTurn(self)
    }

    /// A flush that was asked for still comes, and finds less: the scheduler holds the connection until then, so only
    /// its call ends `isFlushPending`, by which `abandon` knows.
    func flush() {
        guard let stream else { return }
        var hasTaken = false
        while true {
            machine.preparePendingOutput()
            if machine.output.isEmpty { break }
            switch write(to: stream) {
            case .bytes(let count):
                machine.output.consume(count)
                hasTaken = true
            case .wouldBlock: return waitUntilWritable(stream, hasTaken)
            case .endOfStream: return writeFailed()
            case .failed: return writeFailed()
            }
        }
        allWritten(stream)
    }

    /// Offers what waits, at most 16 chunks of it.
    private func write(to stream: any ByteStream) -> StreamProgress {
        let count = Swift.min(machine.output.chunkCount, 16)
        if count == 1 {
            let chunk = unsafe machine.output.chunk(0)
            var vector = unsafe iovec(
                iov_base: UnsafeMutableRawPointer(mutating: chunk.baseAddress), iov_len: chunk.count)
            return unsafe withUnsafePointer(to: &vector) {
                unsafe stream.write(UnsafeBufferPointer(start: $0, count: 1))
            }
        }
        return unsafe withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vectors in
            for index in 0..<count {
                let chunk = unsafe machine.output.chunk(index)
                let base = unsafe UnsafeMutableRawPointer(mutating: chunk.baseAddress)
                unsafe vectors.initializeElement(at: index, to: iovec(iov_base: base, iov_len: chunk.count))
            }
            return unsafe stream.write(UnsafeBufferPointer(vectors))
        }
    }

    /// - Parameter hasTaken: whether the peer took some of what waited.
    private func waitUntilWritable(_ stream: any ByteStream, _ hasTaken: Bool) {
        if hasTaken || !isWriteWanted { deadlines.stalled(at: scheduler.time.nanoseconds) }
        if !isWriteWanted {
            isWriteWanted = true
            stream.setWantsWrite(true)
            keepDeadlines()
        }
        serveSenders()
        handlerMayGoOn()
    }

    private func allWritten(_ stream: any ByteStream) {
        machine.outputIsWritten()
        if isWriteWanted {
            isWriteWanted = false
            stream.setWantsWrite(false)
            deadlines.flows()
            keepDeadlines()
        }
        if let storage = unsafe machine.output.reclaim() { unsafe resources.take(back: storage) }
        serveSenders()
        if end.isFinishing { return take(.written) }
        handlerMayGoOn()
    }

    /// What could not be written never will be; what can still be read is read to its end.
    private func writeFailed() {
        machine.output.consume(machine.output.count)
        if let stream, isWriteWanted {
            isWriteWanted = false
            stream.setWantsWrite(false)
        }
        take(.writeFailed)
    }
}

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
        guard end.isOpen else { return .failure(endError) }
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
        // At the end they are told by `tell`, when the last frame is written.
        guard !sendersWaiting.isEmpty, !end.isFinishing, machine.outputWeight <= options.limits.outboundLowWater
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
        if sendersWaiting.isEmpty { return }
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

/// What a call of `send` wants to put into the output, all at once.
enum Outgoing: Sendable {
    case message(WebSocket.Message, compress: Bool? = nil)
    /// A message that was encoded once for many.
    case encoded(EncodedMessage)
    /// A message in frames of at most so many bytes.
    case split(WebSocket.Message, frameSize: Int, compress: Bool? = nil)
    /// Messages that nothing may come between.
    case batch([WebSocket.Message])
    /// To begin a fragmented message, which nobody else's data may interrupt.
    case beginning
    /// A part of the fragmented message that has begun: it goes before everyone who waits.
    case fragment(WebSocket.Message, isFinal: Bool)

    var isFragment: Bool {
        if case .fragment = self { true } else { false }
    }
}
