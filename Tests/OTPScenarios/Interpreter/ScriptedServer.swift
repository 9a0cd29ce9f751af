internal import Actors

/// The scripted server. What it does is in the requests: `stop:R`, `fail:R`, `later`, `answer:X`, `continue:X`
/// (`X+Y`: then with `Y`), `ask:P`, `await:P`; any other call is answered with itself.
struct ScriptedServer: Server {
    enum Call: Sendable {
        case ask(from: String, String, Reply<String>)
        case ping(Reply<Void>)
    }

    struct Cast: Sendable {
        let from: String
        let word: String
    }

    enum Info: Sendable {
        case mail(from: String, String)
        case exit(ExitSignal)
    }

    let name: String
    let options: [String]
    let stage: Stage
    let isChild: Bool
    var held: Reply<String>?

    private init(_ name: String, _ options: [String], _ stage: Stage, isChild: Bool = false) {
        self.name = name
        self.options = options
        self.stage = stage
        self.isChild = isChild
    }

    /// Starts one as the child of a supervisor, which calls this.
    static func startChild(_ name: String, _ options: [String], _ stage: Stage) async throws -> ServerProcess<
        ScriptedServer
    > {
        let server = try await ScriptedServer(name, options, stage, isChild: true).started(
            name: options.value(of: "named"), on: stage.scheduler, label: name)
        stage.cast.add(name, .server(server))
        return server
    }

    /// Starts one and says what its starter sees.
    static func start(
        _ name: String, _ options: [String], _ stage: Stage, linkedTo parent: PID? = nil, on scheduler: Scheduler
    ) async -> [String] {
        do {
            let server = try await ScriptedServer(name, options, stage)
                .started(linkedTo: parent, name: options.value(of: "named"), on: scheduler, label: name)
            stage.cast.add(name, .server(server))
            return [name, "starts"]
        } catch is RegistryError {
            return [name, "cannot", "start", "already_started"]
        } catch {
            return [name, "cannot", "start", (error as? ExitReason)?.word ?? "\(error)"]
        }
    }

    private var next: Next { options.value(of: "idle").map { .receive(timeout: Duration(word: $0)) } ?? .receive }

    private func saw(_ words: String...) { stage.record.saw(name, words) }

    mutating func start(_ me: isolated Me) async throws -> Next {
        stage.cast.introduce(name, me.pid)
        await stage.watch(name, me.pid, isChild: isChild)
        if options.contains("trapping") { me.trapExits { .info(.exit($0)) } }
        saw("init")
        if let reason = options.value(of: "failing") { throw ExitReason(word: reason) }
        return options.value(of: "continuing").map { .continue(with: $0) } ?? next
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        guard case .ask(let caller, let request, let reply) = call else { return pong(call) }
        saw("call", request, "from", caller)
        let (verb, object) = request.verbAndObject
        switch verb {
        case "stop":
            reply("stopping")
            return .stop(ExitReason(word: object))
        case "fail": throw ExitReason(word: object)
        case "later": held = reply
        case "continue":
            reply(request)
            return .continue(with: object)
        case "await": reply(try await stage.cast[object].pid.down().word)
        case "ask": reply(try await stage.cast[object].call(from: name, "question", .seconds(5)))
        default: reply(request)
        }
        return next
    }

    private func pong(_ call: Call) -> Next {
        if case .ping(let reply) = call { reply() }
        return next
    }

    mutating func handle(cast: Cast, _ me: isolated Me) async throws -> Next {
        // From the first on there is always a message for it.
        if cast.word == "spin" { me.send(.cast(.init(from: name, word: "spin"))) }
        if cast.from == name { return next }
        saw("cast", cast.word, "from", cast.from)
        let (verb, object) = cast.word.verbAndObject
        switch verb {
        case "stop": return .stop(ExitReason(word: object))
        case "fail": throw ExitReason(word: object)
        case "answer": held?(object)
        case "continue": return .continue(with: object)
        default: break
        }
        return next
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        switch info {
        case .mail(let sender, let word): saw("info", word, "from", sender)
        case .exit(let signal): saw("exit", "from", stage.cast.name(of: signal.from), signal.reason.word)
        }
        return next
    }

    mutating func handle(continuation work: String, _ me: isolated Me) async throws -> Next {
        saw("continue", work)
        let steps = work.split(separator: "+", maxSplits: 1).map(String.init)
        return steps.count > 1 ? .continue(with: steps[1]) : next
    }

    mutating func handleTimeout(_ me: isolated Me) async throws -> Next {
        saw("timeout")
        return .receive
    }

    mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {
        saw("terminate", reason.word)
        if let other = options.value(of: "consulting") {
            saw("hears", (try? await stage.cast[other].call(from: name, "farewell", .seconds(5))) ?? "nothing")
        }
        if options.contains("lingering") { await stage.cast.latch(name).wait() }
    }
}
