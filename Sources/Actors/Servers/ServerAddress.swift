/// Where to call a server and send to it, without keeping it: its process, or whoever has its name.
///
///     let bank = ServerAddress<Bank>(named: "bank")
///     let balance = try await bank.call { .balance("ann", $0) }
///
/// One by name looks the name up each time it is used: when a supervisor has started the server again, it reaches the
/// new one. One of a process dies with it.
public struct ServerAddress<S: Server>: Supervisable, Hashable, CustomStringConvertible {
    private enum Target: Sendable, Hashable {
        case process(Address<ServerMessage<S>>)
        case name(String)
    }

    private let target: Target

    /// The address of a server that runs.
    public init(_ server: ServerProcess<S>) { target = .process(server.address) }

    /// The address of whoever has the name, whenever something is sent to it. Nobody need have it yet.
    public init(named name: String) { target = .name(name) }

    init(_ address: Address<ServerMessage<S>>) { target = .process(address) }

    /// The name that it stands for, if it is one by name.
    public var name: String? { if case .name(let name) = target { name } else { nil } }

    /// The process that it leads to now. If nobody has the name, that of a process that has ended: who monitors it
    /// hears `.noProcess`.
    public var pid: PID { found.pid }

    public var description: String {
        switch target {
        case .process(let address): "\(address)"
        case .name(let name): "\"\(name)\""
        }
    }

    private var known: Address<ServerMessage<S>>? {
        switch target {
        case .process(let address): address
        case .name(let name): Registry.whereis(name, as: ServerMessage<S>.self)
        }
    }

    private var found: Address<ServerMessage<S>> { known ?? Address(.nobody()) }

    /// Where to call; for a name that nobody has the error that says so.
    func callee() throws(CallError) -> Address<ServerMessage<S>> {
        if let known { return known }
        throw CallError(.noProcess, ProcessCore.nobody().pid, name: name)
    }

    /// Sends a request and waits for the reply, as `Process.call(timeout:_:)` does. (OTP: `gen_server:call/3`.)
    ///
    /// - Throws: `CallError`, with `.noProcess` also if nobody has the name; or what the server gave to
    ///   `Reply.fail(_:)`.
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ request: (Reply<Value>) -> S.Call
    ) async throws -> Value {
        try await callee().call(timeout: timeout) { .request(.call(request($0)), by: $0) }
    }

    /// Sends a request that is not answered. (OTP: `gen_server:cast/2`.) If nobody has the name it is a dead letter.
    public func cast(_ request: S.Cast) { found.send(.cast(request)) }

    /// Sends any other message. If nobody has the name it is a dead letter.
    public func send(_ message: S.Info) { found.send(.info(message)) }

    /// Sends any other message if there is room for it, as `Process.trySend(_:)` does.
    public func trySend(_ message: S.Info) -> SendResult { known?.trySend(.info(message)) ?? .dead }

    /// Sends a cast if there is room for it, as `Process.trySend(_:)` does.
    public func tryCast(_ request: S.Cast) -> SendResult { known?.trySend(.cast(request)) ?? .dead }

    /// Sends any other message, and waits for room in a bounded mailbox, as `Process.send(waiting:)` does.
    ///
    /// - Throws: `CallError` with `.noProcess`; `CancellationError`. Then it was not sent.
    public func send(waiting message: S.Info) async throws { try await callee().send(waiting: .info(message)) }

    /// Sends a cast, and waits for room in a bounded mailbox, as `Process.send(waiting:)` does.
    ///
    /// - Throws: `CallError` with `.noProcess`; `CancellationError`. Then it was not sent.
    public func cast(waiting request: S.Cast) async throws { try await callee().send(waiting: .cast(request)) }

    /// Asks the server to end and waits until it has, as `ServerProcess.stop(_:)` does.
    ///
    /// - Returns: why it has ended; `.noProcess` if there was none, or none any more.
    @discardableResult
    public func stop(_ reason: ExitReason = .shutdown) async -> ExitReason {
        guard let known else { return .noProcess }
        known.request(.stop(reason, grace: ProcessCore.defaultGrace))
        return await known.pid.downInAnyCase()
    }

    /// Its state as text, as `ServerProcess.state()` gives it; `nil` if it has ended.
    ///
    /// - Throws: `CallError`: `.timeout`, `.cancelled`, or `.calledSelf`.
    public func state(timeout: Duration? = .seconds(5)) async throws -> String? {
        try await known?.state(timeout: timeout)
    }
}

extension Address {
    /// Puts a question to the process, as `Process.request(_:)` does.
    func request(_ request: SystemRequest) {
        core.scheduler.run { [core] in
            guard let process = process(of: core) else { return request.answerNothing() }
            process.request(request)
        }
    }
}

/// Where to send a state machine its events, without keeping it: its process, or whoever has its name.
///
/// One by name looks the name up each time it is used: when a supervisor has started the machine again, it reaches the
/// new one.
public struct StateMachineAddress<Machine: StateMachine>: Supervisable, Hashable, CustomStringConvertible {
    let server: ServerAddress<StateMachineServer<Machine>>

    init(_ server: ServerAddress<StateMachineServer<Machine>>) { self.server = server }

    /// The address of a machine that runs.
    public init(_ machine: StateMachineProcess<Machine>) { server = ServerAddress(machine.server) }

    /// The address of whoever has the name, whenever something is sent to it. Nobody need have it yet.
    public init(named name: String) { server = ServerAddress(named: name) }

    /// The name that it stands for, if it is one by name.
    public var name: String? { server.name }

    /// The process that it leads to now. If nobody has the name, that of a process that has ended.
    public var pid: PID { server.pid }

    public var description: String { server.description }

    /// Sends an event. If nobody has the name it is a dead letter.
    public func send(_ event: Machine.Event) { server.send(.event(event)) }

    /// Sends what is no event, for `handle(info:in:_:)`.
    public func send(info: Machine.Info) { server.send(.info(info)) }

    /// Sends an event if there is room for it, as `Process.trySend(_:)` does.
    public func trySend(_ event: Machine.Event) -> SendResult { server.trySend(.event(event)) }

    /// Sends an event, and waits for room in a bounded mailbox, as `Process.send(waiting:)` does.
    ///
    /// - Throws: `CallError` with `.noProcess`; `CancellationError`. Then it was not sent.
    public func send(waiting event: Machine.Event) async throws { try await server.send(waiting: .event(event)) }

    /// Sends an event that is answered and waits for the answer, as `StateMachineProcess.call(timeout:_:)` does.
    ///
    /// - Throws: `CallError`, with `.noProcess` also if nobody has the name; or what the machine gave to
    ///   `Reply.fail(_:)`.
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ event: (Reply<Value>) -> Machine.Event
    ) async throws -> Value {
        try await server.callInfo(timeout: timeout) { .event(event($0)) }
    }

    /// Asks it to end and waits until it has; why it did, or `.noProcess`.
    @discardableResult
    public func stop(_ reason: ExitReason = .shutdown) async -> ExitReason { await server.stop(reason) }

    /// Its data and state as text, taken between two events; `nil` if it has ended.
    ///
    /// - Throws: `CallError`: `.timeout`, `.cancelled`, or `.calledSelf`.
    public func state(timeout: Duration? = .seconds(5)) async throws -> String? {
        try await server.state(timeout: timeout)
    }
}

extension ServerAddress {
    /// A call whose request is one of the other messages: an event of a state machine.
    func callInfo<Value: Sendable>(
        timeout: Duration?, _ message: (Reply<Value>) -> S.Info
    ) async throws -> Value {
        try await callee().call(timeout: timeout) { .request(.info(message($0)), by: $0) }
    }

    /// Asks a supervisor, however long it takes: it may be starting or stopping children.
    ///
    /// - Throws: `SupervisorError` with `.noSupervisor` when it has ended or ends meanwhile; what it refuses with.
    func callSupervisor<Value: Sendable>(_ request: (Reply<Value>) -> S.Call) async throws -> Value {
        do {
            return try await call(timeout: nil, request)
        } catch let error as CallError where error.code != .cancelled && error.code != .calledSelf {
            throw SupervisorError(.noSupervisor)
        }
    }
}

/// Servers, machines and supervisors by name.
extension Registry {
    /// The server that has the name, by that name: after a restart the address reaches the new one.
    ///
    ///     let bank = Registry.whereis("bank", server: Bank.self)
    ///     let balance = try await bank?.call { .balance("ann", $0) }
    ///
    /// - Returns: `nil` if nobody has the name now, or who has it is no such server. (`ServerAddress(named:)` asks for
    ///   nobody now.)
    public static func whereis<S: Server>(_ name: String, server type: S.Type) -> ServerAddress<S>? {
        whereis(name, as: ServerMessage<S>.self).map { _ in ServerAddress(named: name) }
    }

    /// The state machine that has the name, by that name: after a restart the address reaches the new one.
    ///
    /// - Returns: `nil` if nobody has the name now, or who has it is no such machine.
    public static func whereis<Machine: StateMachine>(
        _ name: String, machine type: Machine.Type
    ) -> StateMachineAddress<Machine>? {
        whereis(name, server: StateMachineServer<Machine>.self).map { StateMachineAddress($0) }
    }

    /// The supervisor that has the name, by that name: after a restart it is the new one.
    ///
    /// - Returns: `nil` if nobody has the name now, or who has it is no supervisor.
    public static func whereis(_ name: String, as type: Supervisor.Type) -> RunningSupervisor? {
        whereis(name, server: SupervisorServer.self).map { RunningSupervisor(server: $0) }
    }

    /// The dynamic supervisor that has the name, by that name: after a restart it is the new one.
    ///
    /// - Returns: `nil` if nobody has the name now, or who has it is no dynamic supervisor.
    public static func whereis(_ name: String, as type: DynamicSupervisor.Type) -> RunningDynamicSupervisor? {
        whereis(name, server: DynamicSupervisorServer.self).map { RunningDynamicSupervisor($0) }
    }

    // The state of a server is no message. Swift passes over an unavailable function where another one fits, so that
    // only one that is there can catch the mistake.

    /// A server is found by its state's type with `whereis(_:server:)`.
    @available(*, deprecated, renamed: "whereis(_:server:)", message: "a server's state is no message")
    public static func whereis<S: Server & Sendable>(_ name: String, as type: S.Type) -> ServerAddress<S>? {
        whereis(name, server: type)
    }

    /// A state machine is found by its data's type with `whereis(_:machine:)`.
    @available(*, deprecated, renamed: "whereis(_:machine:)", message: "a machine's data is no message")
    public static func whereis<Machine: StateMachine & Sendable>(
        _ name: String, as type: Machine.Type
    ) -> StateMachineAddress<Machine>? { whereis(name, machine: type) }
}

extension PID {
    /// Where to call this process as a server; `nil` if it is no such server.
    public func address<S: Server>(server type: S.Type) -> ServerAddress<S>? {
        address(as: ServerMessage<S>.self).map { ServerAddress($0) }
    }

    /// Where to send this process events as a state machine; `nil` if it is no such machine.
    public func address<Machine: StateMachine>(machine type: Machine.Type) -> StateMachineAddress<Machine>? {
        address(server: StateMachineServer<Machine>.self).map { StateMachineAddress($0) }
    }

    /// A server's address is found by its state's type with `address(server:)`.
    @available(*, deprecated, renamed: "address(server:)", message: "a server's state is no message")
    public func address<S: Server & Sendable>(as type: S.Type) -> ServerAddress<S>? { address(server: type) }

    /// A state machine's address is found by its data's type with `address(machine:)`.
    @available(*, deprecated, renamed: "address(machine:)", message: "a machine's data is no message")
    public func address<Machine: StateMachine & Sendable>(as type: Machine.Type) -> StateMachineAddress<Machine>? {
        address(machine: type)
    }
}

extension Address {
    /// The state of a server as text, taken between two messages; `nil` if it has ended.
    func state(timeout: Duration?) async throws -> String? {
        do {
            return try await ask(timeout: timeout) { answer in .state { answer.succeed($0) } }
        } catch let error as CallError where error.code == .noProcess || error.code == .exited {
            return nil
        }
    }

    /// Puts a question to a server, which it answers between two messages, and waits for the answer as for that of a call.
    func ask<Value: Sendable>(
        timeout: Duration?, _ question: (ReplyCall<Value>) -> SystemRequest
    ) async throws -> Value {
        let answer = try ReplyCall<Value>(core, timeout: timeout)
        core.scheduler.signal {
            answer.begin()
            return nil
        }
        request(question(answer))
        return try await answer.reply()
    }
}
