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
        let (pending, message) = try core.prepareCall(timeout, request)
        core.scheduler.run { [self] in
            pending.begin()
            onOwnThread { $0.deliver(message) }
        }
        return try await pending.value()
    }
}

extension Address {
    /// Sends a request and waits for the reply, as `Process.call(timeout:_:)` does.
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ request: (Reply<Value>) -> Message
    ) async throws -> Value {
        let (pending, message) = try core.prepareCall(timeout, request)
        core.scheduler.run { [core] in
            pending.begin()
            if let process = process(of: core) { process.onOwnThread { $0.deliver(message) } }
        }
        return try await pending.value()
    }
}

extension Process {
    /// Where to send messages to the process whose body the calling task runs; `nil` outside any process, and in one
    /// that takes messages of another type. (OTP: `self/0`.)
    public static var current: Address<Message>? { PID.current?.address(as: Message.self) }
}

extension ProcessCore {
    /// A call of this process that was not made yet, and what to send it.
    func prepareCall<Value, Message>(
        _ timeout: Duration?, _ request: (Reply<Value>) -> Message
    ) throws(CallError) -> (PendingCall<Value>, Message) {
        if ProcessCore.current === self { throw CallError(.calledSelf, pid) }
        let pending = PendingCall<Value>(self, home: Scheduler.current ?? scheduler, timeout: timeout)
        return (pending, request(Reply(pending)))
    }
}
