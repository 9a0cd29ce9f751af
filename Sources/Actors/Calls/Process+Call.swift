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
    @inlinable
    public nonisolated func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ request: (Reply<Value>) -> Message
    ) async throws -> Value {
        try await begin(timeout, request).reply()
    }

    /// Makes the call. It does not suspend, so that nothing of the caller's holds the token meanwhile.
    @inlinable
    @inline(never)
    nonisolated func begin<Value: Sendable>(
        _ timeout: Duration?, _ request: (Reply<Value>) -> Message
    ) throws(CallError) -> ReplyCall<Value> {
        let pending = try ReplyCall<Value>(core, timeout: timeout)
        deliver(request(Reply(pending)), of: pending)
        return pending
    }

    /// Brings the process the request of a call.
    @inlinable
    nonisolated func deliver(_ request: Message, of pending: PendingCall) {
        guard core.scheduler.isCurrent else { return deliverFromElsewhere(request, of: pending) }
        pending.begin()
        deliver(request)
    }

    @usableFromInline
    nonisolated func deliverFromElsewhere(_ request: Message, of pending: PendingCall) {
        let claim = core.claimPlace()
        core.scheduler.post(
            .action { [self] in
                pending.begin()
                deliver(request, claim)
            })
    }
}

extension Address {
    /// Sends a request and waits for the reply, as `Process.call(timeout:_:)` does.
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ request: (Reply<Value>) -> Message
    ) async throws -> Value {
        try await begin(timeout, request).reply()
    }

    private func begin<Value: Sendable>(
        _ timeout: Duration?, _ request: (Reply<Value>) -> Message
    ) throws(CallError) -> ReplyCall<Value> {
        let pending = try ReplyCall<Value>(core, timeout: timeout)
        let message = request(Reply(pending))
        let claim = core.scheduler.isCurrent ? .notAsked : core.claimPlace()
        core.scheduler.run { [core] in
            pending.begin()
            process(of: core)?.deliver(message, claim)
        }
        return pending
    }
}

extension Process {
    /// Where to send messages to the process whose body the calling task runs; `nil` outside any process, and in one
    /// that takes messages of another type. (OTP: `self/0`.)
    public static var current: Address<Message>? { PID.current?.address(as: Message.self) }
}
