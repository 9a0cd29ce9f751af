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
///
/// What a handler wants done besides a transition it asks its process for: `me.startTimeout(.ping, after: …)`,
/// `me.startEventTimeout(after: …)`, `me.handleNext(.retry)`.
public protocol StateMachine: SendableMetatype {
    /// In what the machine can be: most often an enum.
    associatedtype State: Sendable & Equatable
    /// What can happen; an event that is answered carries its `Reply`.
    associatedtype Event: Sendable
    /// Everything that is no event: downs, trapped exits, timers. Default: nothing else comes.
    associatedtype Info: Sendable = Never
    /// The names of timeouts that go on through all states. Default: there are none.
    associatedtype Timeout: Sendable & Hashable = Never

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

    /// Something came that is no event. It may be postponed like one. (OTP: event type `info`.)
    mutating func handle(info: Info, in state: State, _ me: isolated Me) async throws -> Transition<State>

    /// The time of a named timeout is over. (OTP: generic timeouts.)
    mutating func handle(timeout: Timeout, in state: State, _ me: isolated Me) async throws -> Transition<State>

    /// Nothing has come for as long as `startEventTimeout(after:)` gave. (OTP: event timeout.)
    mutating func handleEventTimeout(in state: State, _ me: isolated Me) async throws -> Transition<State>

    /// Called last, as `Server.terminate(_:_:)` is.
    mutating func terminate(_ reason: ExitReason, in state: State, _ me: isolated Me) async

    /// Its state and its data as text: for `state(timeout:)`, and for the report when it crashes, which is logged.
    /// Default: what `"\(state): \(self)"` gives. Leave out what nobody may read there. (OTP: `format_status/1`.)
    func description(in state: State) -> String

    /// An event as text: for traces, and for the report of a crash. Default: what `"\(event)"` gives.
    static func description(ofEvent event: Event) -> String

    /// What is no event, as text.
    static func description(ofInfo info: Info) -> String
}

/// What an event leads to.
public enum Transition<State: Sendable>: Sendable {
    /// The same state. Its timeout goes on.
    case stay
    /// Another state. Events that were postponed are handled again, first of all. To the same state it is `.stay`.
    case go(State)
    /// The same state is entered again: `enter` is called, and what it returns is the state's timeout from now on.
    /// Events that were postponed stay so. (OTP: `repeat_state`.)
    case again
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
    /// Stays in the state, for machines that set no event timeout.
    public mutating func handleEventTimeout(
        in state: State, _ me: isolated Me
    ) async throws -> Transition<State> { .stay }
    /// Does nothing, for machines that leave nothing behind.
    public mutating func terminate(_ reason: ExitReason, in state: State, _ me: isolated Me) async {}

    /// What `"\(state): \(self)"` gives.
    public func description(in state: State) -> String { "\(state): \(self)" }
    /// What `"\(event)"` gives.
    public static func description(ofEvent event: Event) -> String { "\(event)" }
    /// What `"\(info)"` gives.
    public static func description(ofInfo info: Info) -> String { "\(info)" }

    /// Starts a process that runs a machine whose data is made on it, and returns when its first state has been
    /// entered: for data that is not `Sendable`.
    ///
    /// - Parameters:
    ///   - state: its first state.
    ///   - parent: a process to link it to from its first moment; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in
    ///     turn.
    ///   - label: what introspection and reports call it; default: the name of its type.
    ///   - mailbox: how many messages may wait; default: without bound.
    ///   - make: makes the data. It runs as the process; what it throws is a failed start.
    /// - Throws: what `make` threw, or `enter` for the first state; otherwise as `Server.started`.
    public static func started(
        in state: State, linkedTo parent: PID? = nil, name: String? = nil, on scheduler: Scheduler? = nil,
        label: String? = nil, mailbox: MailboxOptions = .unbounded,
        _ make: @escaping @Sendable () async throws -> sending Self
    ) async throws -> StateMachineProcess<Self> {
        StateMachineProcess(
            server: try await StateMachineServer<Self>.started(
                linkedTo: parent, name: name, on: scheduler, label: label ?? "\(Self.self)", mailbox: mailbox
            ) { StateMachineServer(try await make(), state) })
    }
}

extension StateMachine where Info == Never {
    /// Stands in for the handler of a machine that nothing but events comes to; it is never called.
    public mutating func handle(info: Never, in state: State, _ me: isolated Me) async throws -> Transition<State> {}
}

extension StateMachine where Timeout == Never {
    /// Stands in for the handler of a machine without named timeouts; it is never called.
    public mutating func handle(
        timeout: Never, in state: State, _ me: isolated Me
    ) async throws -> Transition<State> {}
}

extension StateMachine where Self: Sendable {
    /// Starts a process that runs this machine, and returns when its first state has been entered.
    ///
    /// - Parameters:
    ///   - state: its first state.
    ///   - parent: a process to link it to from its first moment; default: none.
    ///   - name: a name for the registry; default: none.
    ///   - scheduler: where it lives; default: the caller's scheduler, or from outside one of the shared group's in
    ///     turn.
    ///   - label: what introspection and reports call it; default: the name of its type.
    ///   - mailbox: how many messages may wait; default: without bound.
    /// - Throws: what `enter` threw for the first state; otherwise as `Server.started`.
    public func started(
        in state: State, linkedTo parent: PID? = nil, name: String? = nil, on scheduler: Scheduler? = nil,
        label: String? = nil, mailbox: MailboxOptions = .unbounded
    ) async throws -> StateMachineProcess<Self> {
        try await Self.started(
            in: state, linkedTo: parent, name: name, on: scheduler, label: label, mailbox: mailbox
        ) { self }
    }
}

/// A state machine that runs: what others send events to.
public struct StateMachineProcess<Machine: StateMachine>: Supervisable, Hashable {
    let server: ServerProcess<StateMachineServer<Machine>>

    /// The process that runs the machine: to link, monitor or end it.
    public var pid: PID { server.pid }

    /// The process itself, as a server has one.
    public var process: Process<ServerMessage<StateMachineServer<Machine>>> { server.process }

    /// Where to send to it without keeping it.
    public var address: StateMachineAddress<Machine> { StateMachineAddress(self) }

    /// Sends an event.
    public func send(_ event: Machine.Event) { server.send(.event(event)) }

    /// Sends what is no event, for `handle(info:in:_:)`.
    public func send(info: Machine.Info) { server.send(.info(info)) }

    /// Sends an event if there is room for it, as `Process.trySend(_:)` does.
    public func trySend(_ event: Machine.Event) -> SendResult { server.trySend(.event(event)) }

    /// Sends an event, and waits for room in a bounded mailbox, as `Process.send(waiting:)` does.
    ///
    /// - Throws: `CallError` with `.noProcess`; `CancellationError`. Then it was not sent.
    public func send(waiting event: Machine.Event) async throws { try await server.send(waiting: .event(event)) }

    /// Sends an event that is answered and waits for the answer, as `Process.call(timeout:_:)` does. It may be
    /// postponed.
    public func call<Value: Sendable>(
        timeout: Duration? = .seconds(5), _ event: (Reply<Value>) -> Machine.Event
    ) async throws -> Value {
        try await server.process.call(timeout: timeout) { .request(.info(.event(event($0))), by: $0) }
    }

    /// Asks it to end and waits until it has; the reason why it did.
    @discardableResult
    public func stop(_ reason: ExitReason = .shutdown) async -> ExitReason { await server.stop(reason) }

    /// Its data and state as text, taken between two events; `nil` if it has ended.
    public func state(timeout: Duration? = .seconds(5)) async throws -> String? {
        try await server.state(timeout: timeout)
    }
}

/// What a machine asks of its process besides a transition. It counts when the handler has returned.
extension Process {
    /// Calls `handle(timeout:in:_:)` after `delay`, whatever comes before and whichever state it is in then.
    ///
    /// One of that name that goes already begins anew. (OTP: generic timeouts, `{{timeout, Name}, Time, Content}`.)
    public func startTimeout<Machine: StateMachine>(_ name: Machine.Timeout, after delay: Duration)
    where Message == ServerMessage<StateMachineServer<Machine>> {
        let wishes = wishes(of: Machine.self)
        wishes.lastNumber += 1
        let timer = sendAfter(delay, .info(.named(name, wishes.lastNumber)))
        if let before = wishes.timers.updateValue((timer, wishes.lastNumber), forKey: name) { cancel(before.timer) }
    }

    /// Stops a named timeout: its handler is not called after this. Whether it was going.
    @discardableResult
    public func cancelTimeout<Machine: StateMachine>(_ name: Machine.Timeout) -> Bool
    where Message == ServerMessage<StateMachineServer<Machine>> {
        guard let before = wishes(of: Machine.self).timers.removeValue(forKey: name) else { return false }
        cancel(before.timer)
        return true
    }

    /// Calls `handleEventTimeout(in:_:)` if nothing comes for so long: no event, no info, no timeout. (OTP: event
    /// timeout, `{timeout, Time, Content}`.)
    public func startEventTimeout<Machine: StateMachine>(after delay: Duration)
    where Message == ServerMessage<StateMachineServer<Machine>> {
        let wishes = wishes(of: Machine.self)
        wishes.endEventTimeout(self)
        wishes.lastNumber += 1
        wishes.eventTimer = (sendAfter(delay, .info(.eventTimeout(wishes.lastNumber))), wishes.lastNumber)
    }

    /// Has an event handled before any that waits, also before those that were postponed. Several are handled in the
    /// order in which they were asked for. (OTP: `next_event`.)
    public func handleNext<Machine: StateMachine>(_ event: Machine.Event)
    where Message == ServerMessage<StateMachineServer<Machine>> {
        wishes(of: Machine.self).next.append(.event(event))
    }

    fileprivate func wishes<Machine: StateMachine>(of type: Machine.Type) -> MachineWishes<Machine>
    where Message == ServerMessage<StateMachineServer<Machine>> {
        let special = makeSpecial()
        // Safety: nobody else keeps any, and a process of such messages runs no other machine.
        if let wishes = special.wishes { return unsafe unsafeDowncast(wishes, to: MachineWishes<Machine>.self) }
        let made = MachineWishes<Machine>()
        special.wishes = made
        return made
    }
}

/// What a machine has asked of its process: the timers that go, and what is to be handled next.
private final class MachineWishes<Machine: StateMachine> {
    typealias Me = Machine.Me

    var timers: [Machine.Timeout: (timer: TimerReference, number: Int)] = [:]
    var eventTimer: (timer: TimerReference, number: Int)?
    var next: [StateMachineServer<Machine>.Input] = []
    /// By which a timeout that was on its way when it was cancelled, or begun anew, is known.
    var lastNumber = 0

    /// Whether the named timeout is the one that goes. It does not any more.
    func isDue(_ name: Machine.Timeout, _ number: Int) -> Bool {
        guard timers[name]?.number == number else { return false }
        timers[name] = nil
        return true
    }

    func isEventTimeoutDue(_ number: Int) -> Bool { eventTimer?.number == number }

    func endEventTimeout(_ me: isolated Me) {
        if let eventTimer { me.cancel(eventTimer.timer) }
        eventTimer = nil
    }
}

/// The server that a state machine is.
public struct StateMachineServer<Machine: StateMachine>: Server, CustomStringConvertible {
    /// What the process of a state machine is sent. Users send events through `StateMachineProcess`.
    public enum Info: Sendable {
        /// Something has happened.
        case event(Machine.Event)
        /// What is no event: `me.monitor(worker) { .info(.info(.down($0))) }`.
        case info(Machine.Info)
        /// The timeout of the state that was entered as the one of that number.
        case timeout(Int)
        /// A named timeout, and which one of that name.
        case named(Machine.Timeout, Int)
        /// An event timeout, and which one.
        case eventTimeout(Int)
    }

    /// What can be postponed.
    enum Input: Sendable {
        case event(Machine.Event)
        case info(Machine.Info)
        /// What was postponed, with what its caller has brought along, if anything.
        indirect case within(CallContext?, Input)

        /// To be kept until another state is entered.
        var postponed: Input {
            if !CallContext.isCarried { return self }
            if case .within = self { return self }
            return .within(CallContext.current, self)
        }
    }

    private var machine: Machine
    private var state: Machine.State
    private var postponed: [Input] = []
    /// How many states were entered.
    private var entered = 0
    private var timer: TimerReference?

    init(_ machine: sending Machine, _ state: Machine.State) {
        self.machine = machine
        self.state = state
    }

    /// The machine's state and data, as it describes them.
    public var description: String { machine.description(in: state) }

    /// Enters the machine's first state.
    ///
    /// - Throws: what the machine's `enter` threw; then it has not started.
    public mutating func start(_ me: isolated Me) async throws -> Next {
        try await enter(from: nil, me)
        var inputs = Deque<Input>()
        return try await handle(&inputs, me)
    }

    /// Gives the machine an event, and those it had postponed once it has entered another state; or tells it that a
    /// timeout is over. One of a state that was left meanwhile, or that was cancelled, is passed over.
    ///
    /// - Throws: what the machine's handlers threw, which ends the process.
    public mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        let wishes = me.wishes(of: Machine.self)
        var inputs = Deque<Input>()
        let transition: Transition<Machine.State>?
        switch info {
        case .timeout(let number):
            guard number == entered else { return .receive }
            wishes.endEventTimeout(me)
            transition = try await machine.handleTimeout(in: state, me)
        case .named(let name, let number):
            guard wishes.isDue(name, number) else { return .receive }
            wishes.endEventTimeout(me)
            transition = try await machine.handle(timeout: name, in: state, me)
        case .eventTimeout(let number):
            guard wishes.isEventTimeoutDue(number) else { return .receive }
            wishes.endEventTimeout(me)
            transition = try await machine.handleEventTimeout(in: state, me)
        case .event(let event):
            inputs.append(.event(event))
            transition = nil
        case .info(let info):
            inputs.append(.info(info))
            transition = nil
        }
        if let transition, let end = try await follow(transition, nil, &inputs, me) { return .stop(end) }
        return try await handle(&inputs, me)
    }

    /// Calls the machine's `terminate`, with the state it is in.
    public mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {
        await machine.terminate(reason, in: state, me)
    }

    mutating func change<Result>(_ body: (inout Machine, inout Machine.State) throws -> Result) rethrows -> Result {
        try body(&machine, &state)
    }

    /// Gives the machine what is to be handled, and what becomes of that.
    private mutating func handle(_ inputs: inout Deque<Input>, _ me: isolated Me) async throws -> Next {
        let wishes = me.wishes(of: Machine.self)
        takeNext(wishes, &inputs)
        while let input = inputs.popFirst() {
            wishes.endEventTimeout(me)
            let transition = try await handle(input, me)
            if let end = try await follow(transition, input, &inputs, me) { return .stop(end) }
            takeNext(wishes, &inputs)
            if inputs.isEmpty { break }
            // Those that were postponed may be many: each counts as a message.
            await me.core.scheduler.giveWayIfSpent(me.core)
            guard me.isOpen else { return .stop(me.core.exitReason ?? .normal) }
        }
        return .receive
    }

    private mutating func handle(_ input: Input, _ me: isolated Me) async throws -> Transition<Machine.State> {
        switch input {
        case .event(let event): return try await machine.handle(event, in: state, me)
        case .info(let info): return try await machine.handle(info: info, in: state, me)
        case .within(nil, let input): return try await handle(input, me)
        case .within(let context?, let input):
            var transition = Transition<Machine.State>.stay
            try await context.bind(me) { transition = try await handle(input, me) }
            return transition
        }
    }

    /// What the machine has asked to be handled next comes before all else.
    private func takeNext(_ wishes: MachineWishes<Machine>, _ inputs: inout Deque<Input>) {
        guard !wishes.next.isEmpty else { return }
        inputs.prepend(contentsOf: wishes.next)
        wishes.next = []
    }

    /// Does what a transition says. Postponed events come before those that wait in `inputs`.
    ///
    /// - Returns: why the process is to end, if it is.
    private mutating func follow(
        _ transition: Transition<Machine.State>, _ input: Input?, _ inputs: inout Deque<Input>, _ me: isolated Me
    ) async throws -> ExitReason? {
        switch transition {
        case .stop(let reason): return reason
        case .stay: break
        case .again: try await enter(from: state, me)
        case .postpone: if let input { postponed.append(input.postponed) }
        case .go(let next) where next == state: break
        case .go(let next):
            let previous = state
            state = next
            try await enter(from: previous, me)
            inputs.prepend(contentsOf: postponed)
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

extension StateMachineServer: Sendable where Machine: Sendable {}
