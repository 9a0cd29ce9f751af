internal import Actors
internal import WSProtocol

/// Pings and pongs (RFC 6455 section 5.5.2 and 5.5.3).
extension WebSocket {
    @safe struct PendingPing {
        let id: UInt64
        let payload: [UInt8]
        let sentAt: UInt64
        /// Who waits for the pong; `nil` once that call was cancelled. The pong is then nobody's, but it is still not news.
        var continuation: UnsafeContinuation<Result<Duration, WebSocketError>, Never>?
    }

    /// Of pings that nobody waits for any more, the newest so many are remembered.
    private static var cancelledPingsKept: Int { 16 }

    /// Sends a ping and waits for its pong. The pong belongs to this call: it is no frame for `recvFrame` or a subscriber.
    ///
    /// - Parameter payload: at most 125 bytes; by default something that no other ping of this connection carries.
    /// - Returns: the time from the ping to its pong.
    /// - Throws: `.misuse` for a longer payload, `.cancelled`, or the connection's end.
    @discardableResult
    public func ping(_ payload: [UInt8]? = nil) async throws(WebSocketError) -> Duration {
        let id = ProcessCore.nextID()
        let payload = payload ?? Array("\(id)".utf8)
        return try await withTaskCancellationHandler {
            if Task.isCancelled { return Result<Duration, WebSocketError>.failure(.cancelled) }
            return await pong(to: id, payload)
        } onCancel: {
            scheduler.runLater { [self] in onOwnThread { $0.cancelPing(id) } }
        }.get()
    }

    /// Sends a ping and does not wait.
    ///
    /// - Parameter payload: at most 125 bytes.
    public func sendPing(_ payload: [UInt8] = []) throws(WebSocketError) {
        guard !isWriteBroken else { throw endError }
        prepareOutput()
        do { try machine.ping(payload) } catch { throw refusal(error) }
        markDirty()
    }

    /// Sends a pong that nobody asked for (RFC 6455 section 5.5.3 allows it as a sign of life).
    ///
    /// - Parameter payload: at most 125 bytes.
    public func sendPong(_ payload: [UInt8] = []) throws(WebSocketError) {
        guard !isWriteBroken else { throw endError }
        prepareOutput()
        do { try machine.pong(payload) } catch { throw refusal(error) }
        markDirty()
    }

    private func pong(to id: UInt64, _ payload: [UInt8]) async -> Result<Duration, WebSocketError> {
        await unsafe withUnsafeContinuation { continuation in
            // Sent here, so that the pong cannot come before somebody waits for it.
            do throws(WebSocketError) {
                if Task.isCancelled { throw .cancelled }
                try sendPing(payload)
            } catch {
                return unsafe continuation.resume(returning: .failure(error))
            }
            let now = scheduler.time.nanoseconds
            unsafe pings.append(PendingPing(id: id, payload: payload, sentAt: now, continuation: continuation))
        }
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
            unsafe ping.continuation?.resume(returning: .success(latency))
        }
        return true
    }

    func failPings(_ error: WebSocketError) {
        let waiting = pings
        pings = []
        for ping in waiting { unsafe ping.continuation?.resume(returning: .failure(error)) }
    }

    private func cancelPing(_ id: UInt64) {
        guard let index = pings.firstIndex(where: { $0.id == id }), let continuation = unsafe pings[index].continuation
        else { return }
        unsafe pings[index].continuation = nil
        let cancelled = pings.indices.filter { unsafe pings[$0].continuation == nil }
        if cancelled.count > WebSocket.cancelledPingsKept { pings.remove(at: cancelled[0]) }
        unsafe continuation.resume(returning: .failure(.cancelled))
    }
}
