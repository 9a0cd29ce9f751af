internal import Actors

/// The scripted state machine. Its states are words, and what it does is in the events: `go:S`, `wait-for:S`, `stop:R`,
/// `fail:R`, `again`, `beat:30ms`, `still`, `quiet:30ms`, `next:W`; any other event leaves it in its state.
struct ScriptedMachine: StateMachine {
    typealias State = String

    enum Event: Sendable {
        case told(from: String, String)
        case asked(from: String, String, Reply<String>)
    }

    /// What it is sent that is no event.
    struct Info: Sendable {
        let from: String
        let word: String
    }

    /// Its named timeout.
    enum Timeout: Sendable { case beat }

    let name: String
    /// `in closed leaving open after 50ms for closed`
    let options: [String]
    let stage: Stage

    /// Starts one and says what its starter sees.
    static func start(_ name: String, _ options: [String], _ stage: Stage) async -> [String] {
        do {
            let machine = ScriptedMachine(name: name, options: options, stage: stage)
            let started = try await machine.started(in: options.value(of: "in") ?? "", on: stage.scheduler)
            stage.cast.add(name, .machine(started))
            return [name, "starts"]
        } catch {
            return [name, "cannot", "start"] + error.words
        }
    }

    func enter(_ state: State, from previous: State?, _ me: isolated Me) async throws -> Duration? {
        if previous == nil { await stage.watch(name, me.pid) }
        saw("enters", state, "from", previous ?? "nowhere")
        guard options.value(of: "leaving") == state else { return nil }
        return options.value(of: "after").map { Duration(word: $0) }
    }

    func handle(_ event: Event, in state: State, _ me: isolated Me) async throws -> Transition<State> {
        switch event {
        case .told(let teller, let word):
            // From the first on there is always an event for it.
            if word == "spin" { me.send(.info(.event(.told(from: name, "spin")))) }
            if word == "spin", teller == name { return .stay }
            saw(word, "from", teller, "in", state)
            return try transition(word, state, me) {}
        case .asked(let asker, let word, let reply):
            saw(word, "from", asker, "in", state)
            return try transition(word, state, me) { reply(state) }
        }
    }

    func handle(info: Info, in state: State, _ me: isolated Me) async throws -> Transition<State> {
        saw("info", info.word, "from", info.from, "in", state)
        return try transition(info.word, state, me) {}
    }

    func handle(timeout: Timeout, in state: State, _ me: isolated Me) async throws -> Transition<State> {
        saw("beat", "in", state)
        return .stay
    }

    func handleEventTimeout(in state: State, _ me: isolated Me) async throws -> Transition<State> {
        saw("quiet", "in", state)
        return .stay
    }

    func handleTimeout(in state: State, _ me: isolated Me) async throws -> Transition<State> {
        saw("timeout", "in", state)
        return .go(options.value(of: "for") ?? state)
    }

    func terminate(_ reason: ExitReason, in state: State, _ me: isolated Me) async {
        saw("terminate", reason.word, "in", state)
    }

    private func transition(
        _ word: String, _ state: State, _ me: isolated Me, _ answer: () -> Void
    ) throws -> Transition<State> {
        let (verb, object) = word.verbAndObject
        switch verb {
        case "wait-for" where object != state: return .postpone
        case "fail": throw ExitReason(word: object)
        default: answer()
        }
        switch verb {
        case "go": return .go(object)
        case "stop": return .stop(ExitReason(word: object))
        case "again": return .again
        case "beat": me.startTimeout(.beat, after: Duration(word: object))
        case "still": me.cancelTimeout(.beat)
        case "quiet": me.startEventTimeout(after: Duration(word: object))
        case "next": me.handleNext(.told(from: name, object))
        default: break
        }
        return .stay
    }

    private func saw(_ words: String...) { stage.record.saw(name, words) }
}
