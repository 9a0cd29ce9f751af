internal import DequeModule

/// A process whose answer to an event depends on the state it is in. (OTP: `gen_statem`.)
///
///     struct Door: StateMachine {
///         enum State: Sendable { case open, closed, locked }
///         enum Event: Sendable { case close, lock, unlock, isOpen(Reply<Bool>) }
///
///         mutating func enter(_ state: State, from previous: State?, _ me: isolated Me) async throws -> Duration? {
///             state == .open ? .seconds(30) : nil      // an open door closes by itself
///         }
///         ...
///     }
///     let door = try await Door().started(in: .closed)
///
/// The value that conforms is the data that all states share, and each handler may change it. No handler is entered
/// while another awaits. One that throws ends the process with that error.
public protocol StateMachine: Sendable {
    /// In what the machine can be: most often an enum.
    associatedtype State: Sendable & Equatable
    /// What can happen; an event that is answered carries its `Reply`.
    associatedtype Event: Sendable

    /// Called on entering a state: the first one, and each that a transition leads to. (OTP: state enter calls.)
    ///
    /// - Parameters:
    ///   - state: the state that is entered.
    ///   - previous: the one before; `nil` for the first.
    /// - Returns: how long the machine may stay before `handleTimeout` is called; `nil`: as long as it likes.
    ///   (OTP: state timeout.)
    mutating func enter(_ state: State, from previous: State?, _ me: isolated Me) async throws -> Duration?

    /// Something has happened: what it does, and where it leads. (OTP: `handle_event/4`.)
    mutating func handle(_ event: Event, in state: State, _ me: isolated Me) async throws -> Transition<State>

    /// The machine has stayed in a state as long as `enter` allowed.
    mutating func handleTimeout(in state: State, _ me: isolated Me) async throws -> Transition<State>

    /// Called last, as `Server.terminate(_:_:)` is.
    mutating func terminate(_ reason: ExitReason, in state: State, _ me: isolated Me) async
}

/// What an event leads to.
public enum Transition<State: Sendable>: Sendable {
    /// The same state. Its timeout goes on.
    case stay
    /// Another state. Events that were postponed are handled again, first of all. To the same state it is `.stay`.
    case go(State)
    /// The event is kept until another state is entered.
    case postpone
    /// The process ends for this reason.
    case stop(ExitReason)
}

extension StateMachine {
    /// The process that runs the machine: for monitors, links, timers.
    public typealias Me = Process<ServerMessage<StateMachineServer<Self>>>

    /// Does nothing and sets no timeout, for machines whose states need nothing on entering.
    public mutating func enter(_ state: State, from previous: State?, _ me: isolated Me) async throws -> Duration? {
        nil
    }
    /// Stays in the state; its timeout has passed and does not begin anew.
    public mutating func handleTimeout(in state: State, _ me: isolated Me) async throws -> Transition<State> { .stay }
    /// Does nothing, for machines that leave nothing behind.
    public mutating func terminate(_ reason: ExitReason, in state: State, _ me: isolated Me) async {}

    /// Starts a process that runs this machine, and returns when its first state has been entered.
    ///
    /// - Parameters:
    ///   - state: its first state.
    ///   - parent: a process to link it to from its first moment; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in
    ///     turn.
    /// - Throws: what `enter` threw for the first state; otherwise as `Server.started`.
    public func started(
        in state: State, linkedTo parent: PID? = nil, name: String? = nil, on scheduler: Scheduler? = nil
    ) async throws -> StateMachineProcess<Self> {
        StateMachineProcess(
            server: try await StateMachineServer(self, state)
                .started(linkedTo: parent, name: name, on: scheduler, label: "\(Self.self)"))
    }
}

/// A state machine that runs: what others send events to.
public struct StateMachineProcess<Machine: StateMachine>: Supervisable, Hashable {
    let server: ServerProcess<StateMachineServer<Machine>>

    /// The process that runs the machine: to link, monitor or end it.
    public var pid: PID { server.pid }

    /// Sends an event.
    public func send(_ event: Machine.Event) { server.send(.event(event)) }

    /// Sends an event that is answered and waits for the answer, as `Process.call(timeout:_:)` does. It may be
    /// postponed.
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ event: (Reply<Value>) -> Machine.Event
    ) async throws -> Value {
        try await server.process.call(timeout: timeout) { .info(.event(event($0))) }
    }

    /// Asks it to end and waits until it has; the reason why it did.
    @discardableResult
    public func stop(_ reason: ExitReason = .shutdown) async -> ExitReason { await server.stop(reason) }

    /// Its data and state as text, taken between two events; `nil` if it has ended.
    public func state() async -> String? { await server.state() }
}

/// The server that a state machine is.
public struct StateMachineServer<Machine: StateMachine>: Server, CustomStringConvertible {
    /// What the process of a state machine is sent. Users send events through `StateMachineProcess`.
    public enum Info: Sendable {
        /// Something has happened.
        case event(Machine.Event)
        /// The timeout of the state that was entered as the one of that number.
        case timeout(Int)
    }

    private var machine: Machine
    private var state: Machine.State
    private var postponed: [Machine.Event] = []
    /// How many states were entered.
    private var entered = 0
    private var timer: TimerReference?

    init(_ machine: Machine, _ state: Machine.State) {
        self.machine = machine
        self.state = state
    }

    public var description: String { "\(state): \(machine)" }

    /// Enters the machine's first state.
    ///
    /// - Throws: what the machine's `enter` threw; then it has not started.
    public mutating func start(_ me: isolated Me) async throws -> Next {
        try await enter(from: nil, me)
        return .receive
    }

    /// Gives the machine an event, and those it had postponed once it has entered another state; or tells it that a
    /// state's timeout is over. One of a state that was left meanwhile is passed over.
    ///
    /// - Throws: what the machine's handlers threw, which ends the process.
    public mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        var events = Deque<Machine.Event>()
        switch info {
        case .timeout(let number):
            guard number == entered else { return .receive }
            let transition = try await machine.handleTimeout(in: state, me)
            if let end = try await follow(transition, nil, &events, me) { return .stop(end) }
        case .event(let event): events.append(event)
        }
        while let event = events.popFirst() {
            let transition = try await machine.handle(event, in: state, me)
            if let end = try await follow(transition, event, &events, me) { return .stop(end) }
            if events.isEmpty { break }
            // Those that were postponed may be many: each counts as a message.
            await me.core.scheduler.giveWayIfSpent(me.core)
            guard me.isOpen else { return .stop(me.core.exitReason ?? .normal) }
        }
        return .receive
    }

    /// Calls the machine's `terminate`, with the state it is in.
    public mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {
        await machine.terminate(reason, in: state, me)
    }

    /// Does what a transition says. Postponed events come before those that wait in `events`.
    ///
    /// - Returns: why the process is to end, if it is.
    private mutating func follow(
        _ transition: Transition<Machine.State>, _ event: Machine.Event?, _ events: inout Deque<Machine.Event>,
        _ me: isolated Me
    ) async throws -> ExitReason? {
        switch transition {
        case .stop(let reason): return reason
        case .stay: break
        case .postpone: if let event { postponed.append(event) }
        case .go(let next) where next == state: break
        case .go(let next):
            let previous = state
            state = next
            try await enter(from: previous, me)
            events.prepend(contentsOf: postponed)
            postponed = []
        }
        return nil
    }

    private mutating func enter(from previous: Machine.State?, _ me: isolated Me) async throws {
        if let timer { me.cancel(timer) }
        timer = nil
        entered += 1
        if let timeout = try await machine.enter(state, from: previous, me) {
            timer = me.sendAfter(timeout, .info(.timeout(entered)))
        }
    }
}
