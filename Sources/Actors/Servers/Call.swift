extension Process {
    /// Sends a request and waits for the reply. (OTP: `gen_server:call/3`.)
    ///
    ///     let total = try await counter.call { .total($0) }
    ///
    /// Nothing that the process holds up holds up the caller's scheduler: only the calling task waits. A process that
    /// calls handles no other message meanwhile. Where a full mailbox suspends senders the request waits for room,
    /// within `timeout`; where it drops what comes the call fails at once, with `.full`.
    ///
    /// - Parameters:
    ///   - timeout: how long to wait; default 5 s; `nil`: until the reply comes or the process ends.
    ///   - request: makes the message out of the token by which the process replies.
    /// - Returns: what it replied.
    /// - Throws: `CallError`: `.timeout`, `.noProcess`, `.exited`, `.calledSelf`, `.full`, `.replyDropped` or `.cancelled`; or
    ///   the error that the process gave to `Reply.fail(_:)`.
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
        if isPlain { deliver(request) } else { onOwnThread { $0.deliverSpecially(request, of: pending) } }
    }

    @usableFromInline
    nonisolated func deliverFromElsewhere(_ request: Message, of pending: PendingCall) {
        let claim = core.claimPlace()
        core.scheduler.post(
            .request(pending) { [self] in onOwnThread { $0.deliverSpecially(request, claim, of: pending) } })
    }

    /// The same from the process's own thread.
    @usableFromInline
    func deliverSpecially(_ request: Message, of pending: PendingCall) {
        deliverSpecially(request, .notAsked, of: pending)
    }

    /// A request has arrived at a mailbox that may be bounded. What finds no place where senders are suspended waits
    /// for one; where what comes is dropped, its caller is told.
    func deliverSpecially(_ request: Message, _ claim: PlaceClaim, of pending: PendingCall) {
        guard let bound, claim != .taken, isOpen else { return deliver(request, claim) }
        switch bound.whenFull {
        case .suspend:
            let ticket = PlaceTicket()
            pending.withdraw = { [unowned bound] in _ = bound.removeWaiter(ticket) }
            wait(.init(.call(request, pending), ticket))
        case .fail, .dropNewest:
            if claim == .notAsked, bound.reserve() { return deliver(request, .taken) }
            core.scheduler.messagesDropped += 1
            pending.fail(.full)
        case .dropOldest, .kill: deliver(request, claim)
        }
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
        if core.scheduler.isCurrent {
            pending.begin()
            process(of: core)?.onOwnThread { $0.deliverSpecially(message, .notAsked, of: pending) }
        } else {
            let claim = core.claimPlace()
            core.scheduler.post(
                .request(pending) { [core] in
                    process(of: core)?.onOwnThread { $0.deliverSpecially(message, claim, of: pending) }
                })
        }
        return pending
    }
}

extension Process {
    /// Where to send messages to the process whose body the calling task runs; `nil` outside any process, and in one
    /// that takes messages of another type. (OTP: `self/0`.)
    public static var current: Address<Message>? { PID.current?.address(as: Message.self) }
}

/// Why a call had no reply, or a message could not be sent.
public struct CallError: Error, Sendable, CustomStringConvertible {
    /// What went wrong. More may be added: keep a default where you switch.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        /// Its name, as in `noProcess`.
        public let description: String

        private init(_ description: String) { self.description = description }

        /// No reply came in time. One that comes later is dropped.
        public static let timeout = Code("timeout")
        /// The process had ended before.
        public static let noProcess = Code("noProcess")
        /// The process ended before it replied: see `reason`.
        public static let exited = Code("exited")
        /// A process called itself, which it could never answer.
        public static let calledSelf = Code("calledSelf")
        /// The mailbox is full, and drops what comes or is the sender's own.
        public static let full = Code("full")
        /// The reply token was dropped without a reply.
        public static let replyDropped = Code("replyDropped")
        /// The calling task was cancelled.
        public static let cancelled = Code("cancelled")
    }

    /// What went wrong; `reason` and `timeout` say more of some.
    public let code: Code
    /// Who was called.
    public let pid: PID
    /// Why the called process ended, for `.exited`.
    public let reason: ExitReason?
    /// How long the caller waited, for `.timeout`.
    public let timeout: Duration?
    /// By which name the process was called, if nobody has it.
    let name: String?

    init(_ code: Code, _ pid: PID, reason: ExitReason? = nil, timeout: Duration? = nil, name: String? = nil) {
        self.name = name
        self.code = code
        self.pid = pid
        self.reason = reason
        self.timeout = timeout
    }

    public var description: String {
        switch code {
        case .timeout: "\(pid) did not reply within \(timeout.map { "\($0)" } ?? "its time")"
        case .noProcess where name != nil: "nobody that takes such messages is named \"\(name ?? "")\""
        case .noProcess: "\(pid) has ended: nobody is there to reply"
        case .exited: "\(pid) ended before it replied: \(reason?.description ?? "unknown reason")"
        case .calledSelf: "\(pid) called itself and could never reply: do what the call asks for directly"
        case .full:
            "the mailbox of \(pid) is full: try again later, allow it more messages, or let senders wait (.suspend)"
        case .replyDropped: "\(pid) dropped the reply token without a reply"
        case .cancelled: "the task that called \(pid) was cancelled"
        default: "\(pid): \(code)"
        }
    }
}

/// With which a call is answered, now or later: the reply token of one call. (OTP: `From` of `handle_call/3`.)
///
///     case .count(let reply): reply(total)
///
/// The first reply counts, later ones do nothing. A token that is dropped without one fails the call at once.
public final class Reply<Value: Sendable>: Sendable {
    @usableFromInline let call: ReplyCall<Value>

    @inlinable
    init(_ call: ReplyCall<Value>) { self.call = call }

    @inlinable
    deinit { call.replyDropped() }

    /// The process that calls: the one whose body, or a helper of whose, made the call. (OTP: the PID in `From`.)
    ///
    /// `nil` if code outside any process did, which nobody can monitor.
    public var caller: PID? { call.caller?.pid }

    /// Answers the call. From any thread.
    @inlinable
    public func callAsFunction(_ value: Value) { call.succeed(value) }

    /// Answers the call, and says whether the answer counts. From any thread.
    ///
    /// For what must not get lost, a connection that is lent, say: if it does not count, the next in line can have it.
    ///
    /// - Returns: `false` if the caller has given up by then (its time was over, or it was cancelled), or was answered
    ///   before; `true`: the call returns `value`.
    @inlinable
    public func offer(_ value: Value) -> Bool { call.succeed(value) }

    /// Answers the call by an error, which it throws.
    public func fail(_ error: any Error) { call.fail(.refused(error)) }

    /// Answers the call by an error once the called process, which holds the only token, has ended.
    @usableFromInline
    func failAtEnd(_ error: any Error) { call.failsAtEnd(error) }
}

extension Reply where Value == Void {
    /// Says that it is done.
    public func callAsFunction() { self(()) }
}
