internal import Actors
internal import WSProtocol

/// Pings and pongs (RFC 6455 section 5.5.2 and 5.5.3).
extension WebSocket {
    @safe struct PendingPing {
        let id: UInt64
        let payload: [UInt8]
        let sentAt: UInt64
        let continuation: UnsafeContinuation<Result<Duration, WebSocketError>, Never>
    }

    /// Sends a ping and waits for its pong.
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
            scheduler.runLater { [self] in onOwnThread { $0.endPing(id, .failure(.cancelled)) } }
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
    func resolvePings(_ payload: [UInt8]) {
        guard let index = pings.firstIndex(where: { $0.payload == payload }) else { return }
        let answered = pings[...index]
        pings.removeSubrange(...index)
        let now = scheduler.time.nanoseconds
        for ping in answered {
            let latency = Duration.nanoseconds(Int64(clamping: now &- ping.sentAt))
            lastLatency = latency
            unsafe ping.continuation.resume(returning: .success(latency))
        }
    }

    func failPings(_ error: WebSocketError) {
        let waiting = pings
        pings = []
        for ping in waiting { unsafe ping.continuation.resume(returning: .failure(error)) }
    }

    private func endPing(_ id: UInt64, _ result: Result<Duration, WebSocketError>) {
        guard let index = pings.firstIndex(where: { $0.id == id }) else { return }
        let ping = pings.remove(at: index)
        unsafe ping.continuation.resume(returning: result)
    }
}
