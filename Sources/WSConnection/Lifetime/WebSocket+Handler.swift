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
        if phase == .released { finishProcess(reason) } else { handlerReason = Boxed(reason) }
    }

    /// Calls `handler` for each message from now on. For a connection whose reads have not begun.
    package func setMessageHandler(_ handler: @escaping MessageHandler) { messageHandler = handler }
}
