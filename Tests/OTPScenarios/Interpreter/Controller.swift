internal import Actors
internal import HansomTesting

/// Carries out the steps of one scenario, each only when everything that the one before caused has happened. It waits
/// by asking, never by time: see `settle`.
struct Controller {
    private let stage: Stage
    private let trees: Trees
    /// Who does something that takes until something else has happened, and what tells that it is done.
    private var begun: [String: Completion] = [:]
    /// How often it asks everybody before it gives up waiting for something that must happen by itself.
    private let patience = 1000

    init(_ stage: Stage) {
        self.stage = stage
        trees = Trees(stage: stage)
    }

    mutating func run(_ steps: [Scenario.Step]) async {
        for step in steps {
            await carryOut(step)
            await settle()
        }
    }

    private mutating func carryOut(_ step: Scenario.Step) async {
        let words = step.words
        switch words[0] {
        case "spawn": await spawn(words[1], Array(words[2...]))
        case "server": await startServer(words[1], Array(words[2...]))
        case "machine": await startMachine(words[1], words)
        case "supervisor", "pool": await trees.start(step)
        case "exit": stage.cast[words[1]].pid.exit(ExitReason(word: words[2]))
        case "stop":
            begun[words[1]] = stop(words[1], for: words.count > 2 ? words[2] : "shutdown")
            await finish(words[1])
        case "begin" where words[1] == "stop": begun[words[2]] = stop(words[2], for: "shutdown")
        case "begin": begin(words[1], Array(words[2...]))
        case "finish": await finish(words[1])
        case "release": stage.cast.latch(words[1]).complete()
        case "suspend": stage.cast[words[1]].pid.suspend()
        case "resume": stage.cast[words[1]].pid.resume()
        case "until": await wait(until: words[1], sees: Array(words[3...]))
        case "time": await pass(Duration(word: words[2]))
        case "on":
            begin(words[2], ["plans", words[1]] + words[3...])
            await finish(words[2])
        default: await tell(words[0], Array(words[1...]))
        }
    }

    private mutating func tell(_ name: String, _ words: [String]) async {
        switch words {
        case ["is", "busy"]: begun[name] = Completion()
        case ["is", "free"]: begun[name] = nil
        default:
            begin(name, words)
            await finish(name)
        }
    }

    private func spawn(_ name: String, _ options: [String]) async {
        let process = Process<Input>.spawn(
            on: stage.scheduler(options), label: name, Script.body(name, options, stage))
        stage.cast.add(name, .process(process))
        await stage.watch(name, process.pid)
    }

    private func startServer(_ name: String, _ options: [String]) async {
        let outcome = await ScriptedServer.start(name, options, stage, on: stage.scheduler)
        stage.record.saw("outside", outcome)
    }

    private func startMachine(_ name: String, _ options: [String]) async {
        stage.record.saw("outside", await ScriptedMachine.start(name, options, stage))
    }

    /// Alarms ring before anybody is asked anything: a server that is asked is not idle.
    private func pass(_ duration: Duration) async {
        stage.time.advance(by: duration)
        for _ in 0..<2 { await stage.settle() }
    }

    // MARK: What takes until something else has happened

    private mutating func begin(_ name: String, _ words: [String]) {
        let completion = Completion()
        if case .process(let process) = stage.cast[name] {
            process.send(.order(words, completion))
            Task {
                _ = await process.pid.downInAnyCase()
                completion.complete()
            }
        } else {
            let trees = trees
            Task {
                await trees.manage(name, words)
                completion.complete()
            }
        }
        begun[name] = completion
    }

    private func stop(_ name: String, for reason: String) -> Completion {
        let completion = Completion()
        let role = stage.cast[name]
        Task {
            await role.stop(ExitReason(word: reason))
            completion.complete()
        }
        return completion
    }

    private mutating func finish(_ name: String) async {
        guard let completion = begun[name] else { preconditionFailure("\(name) has begun nothing") }
        for _ in 0..<patience where !completion.isComplete { await askEveryone() }
        begun[name] = nil
        if !completion.isComplete { stage.record.saw("outside", ["waits", "for", name, "in", "vain"]) }
    }

    private func wait(until name: String, sees words: [String]) async {
        for _ in 0..<patience where !stage.record.has(name, words) { await askEveryone() }
        if !stage.record.has(name, words) {
            stage.record.saw("outside", ["waits", "for", name, "to", "see"] + words + ["in", "vain"])
        }
    }

    // MARK: Settling

    /// Asks everyone who is not busy for a sign of life, again and again, until two rounds on end have changed nothing.
    private func settle() async {
        var quietRounds = 0
        while quietRounds < 2 {
            let before = stage.record.count
            await askEveryone()
            quietRounds = stage.record.count == before ? quietRounds + 1 : 0
        }
    }

    private func askEveryone() async {
        for (name, role) in stage.cast.all where begun[name] == nil { await role.giveSignOfLife() }
        await stage.settle()
    }
}
