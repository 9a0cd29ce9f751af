internal import DequeModule

/// The server that a state machine is.
public struct StateMachineServer<Machine: StateMachine>: Server, CustomStringConvertible {
    public enum Info: Sendable {
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

    public mutating func start(_ me: isolated Me) async throws -> Next {
        try await enter(from: nil, me)
        return .receive
    }

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
        }
        return .receive
    }

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
