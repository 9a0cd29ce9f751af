/// A server that runs: what others call and send to.
public struct ServerProcess<S: Server>: Supervisable, Hashable {
    /// The process that serves.
    public let process: Process<ServerMessage<S>>

    @usableFromInline
    init(process: Process<ServerMessage<S>>) { self.process = process }

    public static func == (a: ServerProcess, b: ServerProcess) -> Bool { a.process === b.process }

    public func hash(into hasher: inout Hasher) { hasher.combine(pid) }

    public var pid: PID { process.pid }

    /// Where to send to it without keeping it.
    public var address: Address<ServerMessage<S>> { process.address }

    /// Sends a request and waits for the reply, as `Process.call(timeout:_:)` does. (OTP: `gen_server:call/3`.)
    @inlinable
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ request: (Reply<Value>) -> S.Call
    ) async throws -> Value {
        try await process.call(timeout: timeout) { .call(request($0)) }
    }

    /// Sends a request that is not answered. (OTP: `gen_server:cast/2`.)
    @inlinable
    public func cast(_ request: S.Cast) { process.send(.cast(request)) }

    /// Sends any other message.
    @inlinable
    public func send(_ message: S.Info) { process.send(.info(message)) }

    /// Asks it to end and waits until it has. (OTP: `gen_server:stop/3`.)
    ///
    /// - Returns: why it has ended: `reason`, unless something else was first.
    @discardableResult
    public func stop(_ reason: ExitReason = .shutdown) async -> ExitReason {
        process.ask(.stop(reason, grace: ProcessCore.defaultGrace))
        return await process.down()
    }

    /// Its state as text, taken between two messages; `nil` if it has ended. (OTP: `sys:get_state/1`.)
    public func state() async -> String? {
        await withCheckedContinuation { continuation in
            process.ask(.state { continuation.resume(returning: $0) })
        }
    }
}

extension Server {
    /// Starts a server with this value for its state, and returns when its `start` has returned.
    ///
    /// - Parameters:
    ///   - parent: a process to link it to from its first moment, usually `me.pid`; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in turn.
    ///   - label: what introspection and reports call it; default: the name of its type.
    ///   - mailbox: how many messages may wait; default: without bound.
    /// - Throws: what its `start` threw; `RegistryError` if the name is taken; `CallError` with `.exited` if it was ended
    ///   before its `start` returned, or `.cancelled` if the calling task was cancelled: then the server is ended too.
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

    /// Starts it and asks it to say when it is ready. It does not suspend, so that nothing of the caller's holds the token
    /// meanwhile.
    private nonisolated func beginServing(
        linkedTo parent: PID?, _ name: String?, _ label: String,
        _ serve: @escaping @Sendable (isolated Process<Message>, Reply<Void>) async throws -> Void
    ) throws(CallError) -> ReplyCall<Void> {
        let pending = try ReplyCall<Void>(core, timeout: nil)
        let ready = Reply(pending)
        core.scheduler.run { pending.begin() }
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
