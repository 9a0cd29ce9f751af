internal import Actors

/// The scripted process: does what the controller says and writes down every message that reaches it.
struct Script {
    let name: String
    let stage: Stage
    /// What it does at once when such a signal comes: `on down a looks up bob`.
    var plans: [(signal: String, words: [String])] = []
    var isHolding = false
    /// Whether there is always a message for it.
    var isSpinning = false
    /// Up to which number those came in order that are sent in a row.
    var inOrder = 0
    var monitors: [MonitorReference: String] = [:]
    var timers: [String: TimerReference] = [:]
    var calls: [String: Reply<String>] = [:]
    /// Who supervises it, if somebody does.
    var supervisor: String?
    /// Whether it hears its supervisor's wish that it end, and goes on.
    var isStubborn = false

    init(_ name: String, _ stage: Stage) {
        self.name = name
        self.stage = stage
    }

    /// A body that begins with these options: `trapping`, `noting W`, `failing R` or `returning`.
    static func body(_ name: String, _ options: [String], _ stage: Stage) -> Process<Input>.Body {
        { me in
            if options.contains("trapping") { me.trapExits { .exit($0) } }
            if let word = options.value(of: "noting") { return stage.record.saw(name, ["notes", word]) }
            if let reason = options.value(of: "failing") { throw ExitReason(word: reason) }
            if options.contains("returning") { return }
            var script = Script(name, stage)
            try await script.run(me)
        }
    }

    /// Takes mail in the order of its arrival; while it holds its mail, only what the controller says.
    mutating func run(_ me: isolated Process<Input>) async throws {
        while let input = isHolding ? await me.receive(where: \.isControl) : await me.receive() {
            switch input {
            case .ping(let reply): reply()
            case .spin: if isSpinning { me.send(.spin) }
            case .number(let number, let last): count(number, last)
            case .order(["returns"], let completion): return completion.complete()
            case .order(let words, let completion):
                defer { completion.complete() }
                try await obey(words, me)
            default: try await take(input, [], me)
            }
        }
    }

    private mutating func count(_ number: Int, _ last: Int) {
        if number == inOrder + 1 { inOrder = number }
        guard number == last else { return }
        saw("numbers", inOrder == last ? "in order" : "out of order")
        inOrder = 0
    }

    func saw(_ words: String...) { stage.record.saw(name, words) }

    /// A child of a supervisor: as OTP's special processes do, it ends when its supervisor asks for that.
    static func childBody(_ name: String, of supervisor: String, _ options: [String], _ stage: Stage)
        -> Process<Input>.Body
    {
        { me in
            if options.contains("trapping") || options.contains("stubborn") { me.trapExits { .exit($0) } }
            var script = Script(name, stage)
            script.supervisor = supervisor
            script.isStubborn = options.contains("stubborn")
            try await script.run(me)
        }
    }

    // MARK: What it sees

    /// - Parameter how: `takes`, when it asked for this message.
    mutating func take(_ input: Input, _ how: [String], _ me: isolated Process<Input>) async throws {
        stage.record.saw(name, how + description(of: input))
        switch input {
        case .call(_, let request, let reply): calls[request] = reply
        case .down: try await carryOut("down", me)
        case .exit(let signal):
            if let supervisor, !isStubborn, signal.from == stage.cast[supervisor].pid { throw signal.reason }
            try await carryOut("exit", me)
        default: break
        }
    }

    private func description(of input: Input) -> [String] {
        switch input {
        case .order, .ping, .number, .spin: []
        case .mail(let sender, let word): [word, "from", sender]
        case .timer(let word): ["timer", word]
        case .exit(let signal): ["exit", "from", stage.cast.name(of: signal.from), signal.reason.word]
        case .down(let down):
            ["down", monitors[down.monitor] ?? "unknown", "of", stage.cast.name(of: down.pid), down.reason.word]
        case .call(let caller, let request, _): ["call", request, "from", caller]
        case .group(let group, .joined(let pid)): [group, "join", stage.cast.name(of: pid)]
        case .group(let group, .left(let pid)): [group, "leave", stage.cast.name(of: pid)]
        }
    }

    private mutating func carryOut(_ signal: String, _ me: isolated Process<Input>) async throws {
        let now = plans.filter { $0.signal == signal }
        plans.removeAll { $0.signal == signal }
        for plan in now { try await obey(plan.words, me) }
    }
}
