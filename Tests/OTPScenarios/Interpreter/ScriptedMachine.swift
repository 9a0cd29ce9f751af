internal import Actors

/// The scripted state machine. Its states are words, and what it does is in the events: `go:S`, `wait-for:S`, `stop:R`,
/// `fail:R`; any other event leaves it in its state.
struct ScriptedMachine: StateMachine {
    typealias State = String

    enum Event: Sendable {
        case told(from: String, String)
        case asked(from: String, String, Reply<String>)
        case ping(Reply<Void>)
    }

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
        case .ping(let reply):
            reply()
            return .stay
        case .told(let teller, let word):
            // From the first on there is always an event for it.
            if word == "spin" { me.send(.info(.event(.told(from: name, "spin")))) }
            if teller == name { return .stay }
            saw(word, "from", teller, "in", state)
            return try transition(word, state) {}
        case .asked(let asker, let word, let reply):
            saw(word, "from", asker, "in", state)
            return try transition(word, state) { reply(state) }
        }
    }

    func handleTimeout(in state: State, _ me: isolated Me) async throws -> Transition<State> {
        saw("timeout", "in", state)
        return .go(options.value(of: "for") ?? state)
    }

    func terminate(_ reason: ExitReason, in state: State, _ me: isolated Me) async {
        saw("terminate", reason.word, "in", state)
    }

    private func transition(_ word: String, _ state: State, _ answer: () -> Void) throws -> Transition<State> {
        let (verb, object) = word.verbAndObject
        switch verb {
        case "wait-for" where object != state: return .postpone
        case "fail": throw ExitReason(word: object)
        default: answer()
        }
        switch verb {
        case "go": return .go(object)
        case "stop": return .stop(ExitReason(word: object))
        default: return .stay
        }
    }

    private func saw(_ words: String...) { stage.record.saw(name, words) }
}
