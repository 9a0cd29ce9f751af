extension Process {
    /// Sends a request and waits for the reply. (OTP: `gen_server:call/3`.)
    ///
    ///     let total = try await counter.call { .total($0) }
    ///
    /// Nothing that the process holds up holds up the caller's scheduler: only the calling task waits. A process that
    /// calls handles no other message meanwhile.
    ///
    /// - Parameters:
    ///   - timeout: how long to wait; default 5 s; `nil`: until the reply comes or the process ends.
    ///   - request: makes the message out of the token by which the process replies.
    /// - Returns: what it replied.
    /// - Throws: `CallError`: `.timeout`, `.noProcess`, `.exited`, `.calledSelf`, `.replyDropped` or `.cancelled`; or the
    ///   error that the process gave to `Reply.fail(_:)`.
    public nonisolated func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ request: (Reply<Value>) -> Message
    ) async throws -> Value {
        try await address.call(timeout: timeout, request) { [self] message in onOwnThread { $0.deliver(message) } }
    }
}

extension Address {
    /// Sends a request and waits for the reply, as `Process.call(timeout:_:)` does.
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ request: (Reply<Value>) -> Message
    ) async throws -> Value {
        try await call(timeout: timeout, request) { [core] message in
            if let process = process(of: core) { process.onOwnThread { $0.deliver(message) } }
        }
    }

    /// - Parameter deliver: called on the process's thread, if it has not ended.
    func call<Value: Sendable>(
        timeout: Duration?, _ request: (Reply<Value>) -> Message, _ deliver: @escaping @Sendable (Message) -> Void
    ) async throws -> Value {
        if ProcessCore.current === core { throw CallError(.calledSelf, pid) }
        let pending = PendingCall<Value>(core, home: Scheduler.current ?? core.scheduler, timeout: timeout)
        let message = request(Reply(pending))
        core.scheduler.run {
            pending.begin()
            deliver(message)
        }
        return try await pending.value()
    }
}
