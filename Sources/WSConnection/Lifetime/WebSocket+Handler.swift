internal import Actors

/// A server's handler, which runs as the connection.
extension WebSocket {
    /// Runs `handler` in a task of its own to its end, and then closes: 1000 when it returned, 1001 when it was
    /// cancelled, 1011 when it threw.
    package func start(_ handler: @escaping Handler) {
        isHandlerRunning = true
        // Nobody else has this task, so nobody else cancels it: `receiveExit` does, and resumes what waits. So the
        // handler needs no cancellation handler around it.
        // What the handler connects to belongs to this connection: the task inherits who is current.
        handlerTask = ProcessCore.$current.withValue(core) {
            Task {
                unsafe handlerIdentity = withUnsafeCurrentTask { unsafe $0 }
                do {
                    try await handler(self)
                    handlerEnded(.normal)
                } catch {
                    handlerEnded(.error(error))
                }
            }
        }
    }

    private func handlerEnded(_ reason: ExitReason) {
        beginClose(Task.isCancelled ? .goingAway : reason.kind == .normal ? .normal : .internalError)
        isHandlerRunning = false
        unsafe handlerIdentity = nil
        handlerTask = nil
        reportCrash(reason)
        handlerReason = Boxed(reason)
        if phase == .released { finishProcess(reason) }
    }

    /// The synchronous handler threw: the connection is closed with 1011, and ends with the error for its reason.
    func handlerFailed(_ error: any Error) {
        guard handlerReason == nil else { return }
        beginClose(.internalError)
        reportCrash(.error(error))
        handlerReason = Boxed(.error(error))
    }

    /// Reports a handler that crashed, now: the peer may keep the connection open as long as `closeTimeout`.
    private func reportCrash(_ reason: ExitReason) {
        if !isOwnEnd(reason) { core.reportCrash(core.exitReason ?? reason) }
    }

    /// Whether it tells that this connection has ended, by its peer, the network or itself: that is no crash. The end of another
    /// one, which a handler did not expect, is.
    func isOwnEnd(_ reason: ExitReason) -> Bool {
        guard let error = reason.error as? WebSocketError else { return false }
        return error.endOf == core.id
    }

    /// Calls `handler` for each message from now on. For a connection whose reads have not begun.
    package func setMessageHandler(_ handler: @escaping MessageHandler) { messageHandler = handler }
}
