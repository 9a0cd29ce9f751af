/// A server that runs: what others call and send to.
public struct ServerProcess<S: Server>: Supervisable, Hashable {
    /// The process that serves.
    public let process: Process<ServerMessage<S>>

    @usableFromInline
    init(process: Process<ServerMessage<S>>) { self.process = process }

    public static func == (a: ServerProcess, b: ServerProcess) -> Bool { a.process === b.process }

    public func hash(into hasher: inout Hasher) { hasher.combine(pid) }

    /// The process that serves: to link, monitor or end it.
    public var pid: PID { process.pid }

    /// Where to send to it without keeping it.
    public var address: Address<ServerMessage<S>> { process.address }

    /// Sends a request and waits for the reply, as `Process.call(timeout:_:)` does. (OTP: `gen_server:call/3`.)
    @inlinable
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ request: (Reply<Value>) -> S.Call
    ) async throws -> Value {
        try await process.call(timeout: timeout) { .request(.call(request($0)), by: $0) }
    }

    /// Sends a request that is not answered. (OTP: `gen_server:cast/2`.)
    @inlinable
    public func cast(_ request: S.Cast) { process.send(.cast(request)) }

    /// Sends any other message.
    @inlinable
    public func send(_ message: S.Info) { process.send(.info(message)) }

    /// Sends any other message if there is room for it, as `Process.trySend(_:)` does.
    public func trySend(_ message: S.Info) -> SendResult { process.trySend(.info(message)) }

    /// Sends a cast if there is room for it, as `Process.trySend(_:)` does.
    public func tryCast(_ request: S.Cast) -> SendResult { process.trySend(.cast(request)) }

    /// Sends any other message, and waits for room in a bounded mailbox, as `Process.send(waiting:)` does.
    ///
    /// - Throws: `CallError` with `.noProcess`; `CancellationError`. Then it was not sent.
    public func send(waiting message: S.Info) async throws { try await process.send(waiting: .info(message)) }

    /// Sends a cast, and waits for room in a bounded mailbox, as `Process.send(waiting:)` does.
    ///
    /// - Throws: `CallError` with `.noProcess`; `CancellationError`. Then it was not sent.
    public func cast(waiting request: S.Cast) async throws { try await process.send(waiting: .cast(request)) }

    /// Asks it to end and waits until it has. (OTP: `gen_server:stop/3`.)
    ///
    /// - Returns: why it has ended: `reason`, unless something else was first.
    @discardableResult
    public func stop(_ reason: ExitReason = .shutdown) async -> ExitReason {
        process.request(.stop(reason, grace: ProcessCore.defaultGrace))
        return await process.pid.downInAnyCase()
    }

    /// Its state as text, taken between two messages; `nil` if it has ended. (OTP: `sys:get_state/2`.)
    ///
    /// - Parameter timeout: how long to wait for the message that it handles; default 5 s; `nil`: as long as it takes.
    /// - Throws: `CallError`: `.timeout`, `.cancelled`, or `.calledSelf`.
    public func state(timeout: Duration? = .seconds(5)) async throws -> String? {
        try await address.state(timeout: timeout)
    }
}

extension Server where Self: Sendable {
    /// Starts a server with this value for its state, and returns when its `start` has returned.
    ///
    /// - Parameters:
    ///   - parent: a process to link it to from its first moment, usually `me.pid`; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in
    ///     turn.
    ///   - label: what introspection and reports call it; default: the name of its type.
    ///   - mailbox: how many messages may wait; default: without bound.
    /// - Throws: what its `start` threw; `RegistryError` if the name is taken; `CallError` with `.exited` if it was
    ///   ended before its `start` returned, or `.cancelled` if the calling task was cancelled: then the server is ended
    ///   too.
    @inlinable
    public func started(
        linkedTo parent: PID? = nil, name: String? = nil, on scheduler: Scheduler? = nil, label: String? = nil,
        mailbox: MailboxOptions = .unbounded
    ) async throws -> ServerProcess<Self> {
        let process = Process<ServerMessage<Self>>(on: scheduler, mailbox)
        try await process.startServing(linkedTo: parent, name, label ?? "\(Self.self)") { me, ready in
            var server = self
            try await server.serve(me, ready)
        }
        return ServerProcess(process: process)
    }
}

extension Server {
    /// Starts a server whose state is made on its process, and returns when its `start` has returned.
    ///
    /// For state that is not `Sendable`: a class, or a value that holds one. Nobody else ever has it.
    ///
    ///     let ledger = try await Ledger.started { Ledger(reading: path) }
    ///
    /// - Parameters:
    ///   - parent: a process to link it to from its first moment, usually `me.pid`; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in
    ///     turn.
    ///   - label: what introspection and reports call it; default: the name of its type.
    ///   - mailbox: how many messages may wait; default: without bound.
    ///   - make: makes the state. It runs as the process; what it throws is a failed start.
    /// - Throws: what `make` or its `start` threw; otherwise as `started(linkedTo:name:on:label:mailbox:)`.
    public static func started(
        linkedTo parent: PID? = nil, name: String? = nil, on scheduler: Scheduler? = nil, label: String? = nil,
        mailbox: MailboxOptions = .unbounded, _ make: @escaping @Sendable () async throws -> sending Self
    ) async throws -> ServerProcess<Self> {
        let process = Process<ServerMessage<Self>>(on: scheduler, mailbox)
        try await process.startServing(linkedTo: parent, name, label ?? "\(Self.self)") { me, ready in
            var server: Self
            do {
                server = try await make()
            } catch {
                ready.failAtEnd(error)
                me.core.failsToStart(error)
                throw error
            }
            try await server.serve(me, ready)
        }
        return ServerProcess(process: process)
    }
}

extension Process {
    /// Starts the process with `serve` for its body, and returns when that says that it is ready.
    @usableFromInline
    nonisolated func startServing(
        linkedTo parent: PID?, _ name: String?, _ label: String,
        _ serve: @escaping @Sendable (isolated Process<Message>, Reply<Void>) async throws -> Void
    ) async throws {
        let pending = try beginServing(linkedTo: parent, name, label, serve)
        do {
            try await pending.reply()
        } catch let error as CallError where error.code == .cancelled {
            exit(.shutdown)
            throw error
        }
    }

    /// Starts it and asks it to say when it is ready. It does not suspend, so that nothing of the caller's holds the
    /// token meanwhile.
    private nonisolated func beginServing(
        linkedTo parent: PID?, _ name: String?, _ label: String,
        _ serve: @escaping @Sendable (isolated Process<Message>, Reply<Void>) async throws -> Void
    ) throws(CallError) -> ReplyCall<Void> {
        let pending = try ReplyCall<Void>(core, timeout: nil)
        let ready = Reply(pending)
        core.scheduler.signal {
            pending.begin()
            return nil
        }
        begin(linkedTo: parent?.core, label) { me in
            // Known by its name only once it can take messages.
            if let name {
                do { try me.register(as: name) } catch { return ready.fail(error) }
            }
            try await serve(me, ready)
        }
        return pending
    }
}
