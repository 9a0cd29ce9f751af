/// A process that serves: it is called, is sent casts and other messages, and handles one after the other.
/// (OTP: `gen_server`.)
///
///     struct Counter: Server {
///         enum Call: Sendable { case add(Int, Reply<Int>) }
///         var total = 0
///
///         mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
///             switch call {
///             case .add(let n, let reply):
///                 total += n
///                 reply(total)
///             }
///             return .receive
///         }
///     }
///
///     let counter = try await Counter().started()
///     let total = try await counter.call { .add(5, $0) }
///
/// The value that conforms is the state, and each handler may change it. No handler is entered while another awaits, and
/// each says what comes next. One that throws ends the process with that error.
public protocol Server: Sendable {
    /// Requests that are answered: each case carries the `Reply` that answers it.
    associatedtype Call: Sendable = Never
    /// Requests that are not answered.
    associatedtype Cast: Sendable = Never
    /// Everything else: downs, trapped exits, timers, socket events.
    associatedtype Info: Sendable = Never
    /// Called first; whoever starts the server waits for it. If it throws, the start fails with that error and nothing
    /// else is called. (OTP: `init/1`.)
    mutating func start(_ me: isolated Me) async throws -> Next

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next
    mutating func handle(cast: Cast, _ me: isolated Me) async throws -> Next
    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next

    /// Does what `.continue` asked for, before any message that waits; the state says what. (OTP: `handle_continue/2`.)
    mutating func handleContinue(_ me: isolated Me) async throws -> Next

    /// Nothing came within the time that `.receive(timeout:)` gave.
    mutating func handleTimeout(_ me: isolated Me) async throws -> Next

    /// Called last, on every end but `.kill`, also when exits are not trapped. It has 5 s, or what the supervisor gives
    /// it; then the process is marked dead.
    mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async
}

/// What a server does next.
public enum ServerNext: Sendable {
    /// Waits for a message, as long as it takes.
    case receive
    /// Waits for a message so long; then `handleTimeout`.
    case receiveWithin(Duration)
    /// Calls `handleContinue` first, before any message.
    case `continue`
    /// Ends for this reason.
    case stop(ExitReason)

    /// Waits for a message at most `timeout`; then `handleTimeout`.
    public static func receive(timeout: Duration) -> ServerNext { .receiveWithin(timeout) }
}

/// What arrives at a server.
public enum ServerMessage<S: Server>: Sendable {
    case call(S.Call)
    case cast(S.Cast)
    case info(S.Info)
}

extension Server {
    /// The process that serves: for monitors, links, timers.
    public typealias Me = Process<ServerMessage<Self>>
    /// What comes next.
    public typealias Next = ServerNext

    public mutating func start(_ me: isolated Me) async throws -> Next { .receive }
    public mutating func handleContinue(_ me: isolated Me) async throws -> Next { .receive }
    public mutating func handleTimeout(_ me: isolated Me) async throws -> Next { .receive }
    public mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {}
}

extension Server where Call == Never {
    public mutating func handle(call: Never, _ me: isolated Me) async throws -> Next {}
}

extension Server where Cast == Never {
    public mutating func handle(cast: Never, _ me: isolated Me) async throws -> Next {}
}

extension Server where Info == Never {
    public mutating func handle(info: Never, _ me: isolated Me) async throws -> Next {}
}
