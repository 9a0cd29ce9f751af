internal import Actors

/// A server's handler, which runs as the connection.
extension WebSocket {
    /// Runs `handler` to its end, and then closes: 1000 when it returned, 1001 when it was cancelled, 1011 when it
    /// threw.
    package func run(_ handler: Handler, task: Task<Void, Never>?) async {
        isHandlerRunning = true
        handlerTask = task
        unsafe handlerIdentity = withUnsafeCurrentTask { unsafe $0 }
        let reason = await outcome(of: handler)
        isHandlerRunning = false
        unsafe handlerIdentity = nil
        handlerTask = nil
        if phase == .released { finishProcess(reason) } else { handlerReason = reason }
    }

    /// Calls `handler` for each message from now on. For a connection whose reads have not begun.
    package func setMessageHandler(_ handler: @escaping MessageHandler) { messageHandler = handler }

    private func outcome(of handler: Handler) async -> ExitReason {
        do {
            try await withTaskCancellationHandler {
                // What the handler connects to belongs to this connection.
                try await ProcessCore.$current.withValue(core) { try await handler(self) }
            } onCancel: {
                scheduler.runLater { [self] in onOwnThread { $0.cancelHandlerReceivers() } }
            }
            beginClose(code: Task.isCancelled ? .goingAway : .normal)
            return .normal
        } catch {
            beginClose(code: Task.isCancelled ? .goingAway : .internalError)
            return .error(error)
        }
    }
}
