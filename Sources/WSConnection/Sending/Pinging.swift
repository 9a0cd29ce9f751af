internal import Actors
internal import WSProtocol

/// Pings and pongs (RFC 6455 section 5.5.2 and 5.5.3).
extension WebSocket {
    @safe struct PendingPing {
        let id: UInt64
        let payload: [UInt8]
        let sentAt: UInt64
        /// What bounds the wait, if anything does.
        let alarm: Alarm?
        /// Who waits for the pong; `nil` once that call has given up. The pong is then nobody's, but it is still not
        /// news.
        var continuation: UnsafeContinuation<Result<Duration, WebSocketError>, Never>?
    }

    /// Of pings that nobody waits for any more, the newest so many are remembered.
    private static var givenUpPingsKept: Int { 16 }

    /// Sends a ping and waits for its pong. The pong belongs to this call: it is no frame for `recvFrame` or a
    /// subscriber.
    ///
    /// - Parameters:
    ///   - payload: at most 125 bytes; by default something that no other ping of this connection carries.
    ///   - timeout: how long to wait for the pong; default: as long as the connection lives, which the keepalive sees
    ///     to.
    /// - Returns: the time from the ping to its pong.
    /// - Throws: `.misuse` for a longer payload, `.timeout` when no pong came in time (the connection is as it was),
    ///   `.cancelled`, or the connection's end.
    @discardableResult
    public func ping(_ payload: [UInt8]? = nil, timeout: Duration? = nil) async throws(WebSocketError) -> Duration {
        let id = ProcessCore.nextID()
        let payload = payload ?? Array("\(id)".utf8)
        return try await withTaskCancellationHandler {
            if Task.isCancelled { return Result<Duration, WebSocketError>.failure(.cancelled) }
            return await pong(to: id, payload, timeout)
        } onCancel: {
            scheduler.runLater { [self] in onOwnThread { $0.endPing(id, .cancelled) } }
        }.get()
    }

    /// Sends a ping and does not wait.
    ///
    /// - Parameter payload: at most 125 bytes.
    public func sendPing(_ payload: [UInt8] = []) throws(WebSocketError) {
        try put { machine throws(ProtocolMisuse) in try machine.ping(payload) }
    }

    /// Sends a pong that nobody asked for (RFC 6455 section 5.5.3 allows it as a sign of life).
    ///
    /// - Parameter payload: at most 125 bytes.
    public func sendPong(_ payload: [UInt8] = []) throws(WebSocketError) {
        try put { machine throws(ProtocolMisuse) in try machine.pong(payload) }
    }

    private func pong(
        to id: UInt64, _ payload: [UInt8], _ timeout: Duration?
    ) async -> Result<Duration, WebSocketError> {
        await unsafe withUnsafeContinuation { continuation in
            // Sent here, so that the pong cannot come before somebody waits for it.
            do throws(WebSocketError) {
                if Task.isCancelled { throw .cancelled }
                try sendPing(payload)
            } catch {
                return unsafe continuation.resume(returning: .failure(error))
            }
            let now = scheduler.time.nanoseconds
            let alarm = timeout.map { armPing(id, $0) }
            unsafe pings.append(
                PendingPing(id: id, payload: payload, sentAt: now, alarm: alarm, continuation: continuation))
        }
    }

    private func armPing(_ id: UInt64, _ timeout: Duration) -> Alarm {
        let error = WebSocketError(.timeout, "no pong came within \(timeout)", phase: .receive)
        // Safety: the suspended call holds the connection until the alarm has rung or is disarmed.
        let alarm = Alarm { [unowned(unsafe) self] in unsafe onOwnThread { $0.endPing(id, error) } }
        scheduler.arm(alarm, after: timeout)
        return alarm
    }

    /// Tells the one who waits for a pong, unless that was done.
    private func resume(_ ping: PendingPing, with result: Result<Duration, WebSocketError>) {
        if let alarm = ping.alarm { scheduler.disarm(alarm) }
        unsafe ping.continuation?.resume(returning: result)
    }

    /// A pong answers the ping with its payload, and every ping before that (a peer may answer only the newest).
    ///
    /// - Returns: whether it answers one. Then it is not told to the application, which has its answer.
    func resolvePings(_ payload: [UInt8]) -> Bool {
        guard let index = pings.firstIndex(where: { $0.payload == payload }) else { return false }
        let answered = pings[...index]
        pings.removeSubrange(...index)
        let now = scheduler.time.nanoseconds
        for ping in answered {
            let latency = Duration.nanoseconds(Int64(clamping: now &- ping.sentAt))
            lastLatency = latency
            resume(ping, with: .success(latency))
        }
        return true
    }

    func failPings(_ error: WebSocketError) {
        let waiting = pings
        pings = []
        for ping in waiting { resume(ping, with: .failure(error)) }
    }

    /// Ends the wait for a pong, and remembers the ping: its pong is still not news.
    private func endPing(_ id: UInt64, _ error: WebSocketError) {
        guard let index = pings.firstIndex(where: { $0.id == id }), unsafe pings[index].continuation != nil else {
            return
        }
        let ping = pings[index]
        unsafe pings[index].continuation = nil
        let givenUp = pings.indices.filter { unsafe pings[$0].continuation == nil }
        if givenUp.count > WebSocket.givenUpPingsKept { pings.remove(at: givenUp[0]) }
        resume(ping, with: .failure(error))
    }
}
