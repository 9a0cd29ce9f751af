import HansomTesting
import Logging
import Testing

@testable import Actors

/// What is told of a process that has failed.
@Suite(.ownThread, .timeLimit(.minutes(1))) struct CrashReportTests {
    let world = World()

    /// A vault with a secret, which counts how often it is described.
    struct Vault: Server {
        enum Call: Sendable { case open(code: Int, Reply<Int>), count(Reply<Int>) }
        enum Cast: Sendable { case fail(code: Int), end(ExitReason) }
        enum Info: Sendable { case secret(String), goOn(String), wait }
        enum Continuation: Sendable { case work(String) }

        var secret = "hunter2"
        let told = Counter()
        var onTell: @Sendable () -> Void = {}

        func handle(call: Call, _ me: isolated Me) async throws -> Next {
            switch call {
            case .open: throw Failure()
            case .count(let reply): reply(1)
            }
            return .receive
        }
        func handle(cast: Cast, _ me: isolated Me) async throws -> Next {
            if case .end(let reason) = cast { return .stop(reason) }
            throw Failure()
        }
        func handle(info: Info, _ me: isolated Me) async throws -> Next {
            switch info {
            case .secret: throw Failure()
            case .goOn(let text): return .continue(with: .work(text))
            case .wait: return .receive(timeout: .zero)
            }
        }
        func handle(continuation: Continuation, _ me: isolated Me) async throws -> Next { throw Failure() }
        func handleTimeout(_ me: isolated Me) async throws -> Next { .stop(.error(Failure())) }
        mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async { secret = "gone" }

        var stateDescription: String {
            told.add()
            onTell()
            return "a secret of \(secret.count) letters"
        }
        static func description(ofCall call: Call) -> String {
            if case .open = call { "open with a code" } else { "\(call)" }
        }
        static func description(ofCast cast: Cast) -> String { "a cast" }
        static func description(ofInfo info: Info) -> String {
            if case .secret(let text) = info { "\(text.count) letters" } else { "\(info)" }
        }
        static func description(ofContinuation continuation: Continuation) -> String { "work" }
    }

    private func started(_ vault: Vault = Vault()) throws -> ServerProcess<Vault> {
        try #require(world.ask(world.puppet()) { _ in try await vault.started() })
    }

    private func firstCrash(in world: World) -> CrashReport? {
        world.events.values.lazy.compactMap { if case .crash(let crash) = $0 { crash } else { nil } }.first
    }

    private var crash: CrashReport? { firstCrash(in: world) }

    private static let failures: [(ServerMessage<Vault>, String)] = [
        (.cast(.fail(code: 4711)), "cast(a cast)"),
        (.cast(.end(.error(Failure()))), "cast(a cast)"),
        (.info(.secret("hunter2")), "info(7 letters)"),
        (.info(.goOn("hunter2")), "continue(with: work)"),
        (.info(.wait), "timeout"),
    ]

    @Test(arguments: 0...5)
    func `the report of a server's crash has what it was handling and its state, as it describes them (P35)`(
        index: Int
    ) throws {
        let vault = try started()
        let expected: String
        if index < Self.failures.count {
            world.play { vault.process.send(Self.failures[index].0) }
            expected = Self.failures[index].1
        } else {
            world.tell(world.puppet()) { _ in _ = try? await vault.call { .open(code: 4711, $0) } }
            expected = "call(open with a code)"
        }
        #expect(!vault.pid.isAlive)
        let crash = try #require(crash)
        #expect(crash.handling == expected)
        #expect(crash.state == "a secret of 7 letters", "as it was before terminate")
        #expect(crash.reason.error as? Failure == Failure() && crash.process.label == "Vault")
        #expect(!"\(crash)".contains("hunter2") && !"\(crash)".contains("4711"))
        world.end()
    }

    @Test func `nothing shows of a server's state and messages what it leaves out (P21, P35)`() throws {
        let vault = try started()
        let shown = Probe<String>()
        world.play {
            vault.process.trace { shown.record("\($0.message)") }
            vault.process.request(.state { shown.record($0 ?? "none") })
            vault.process.send(.cast(.fail(code: 4711)))
        }
        #expect(shown.values.contains("a secret of 7 letters") && shown.values.contains("cast(a cast)"))
        let message = ServerMessage<Vault>.info(.secret("hunter2"))
        var dumped = ""
        dump([message], to: &dumped)
        shown.record("\(message) \(String(reflecting: message)) \([message]) \(dumped)")
        #expect(!shown.values.contains { $0.contains("hunter2") || $0.contains("4711") })
        world.end()
    }

    @Test func `a server that does not crash is asked for no text (P35)`() throws {
        for way in ["shutdown", "exit", "stop", "normal", "kill"] {
            let vault = Vault()
            let server = try started(vault)
            world.play {
                for _ in 0..<100 { server.send(.secret("")) }
                switch way {
                case "shutdown": server.cast(.end(.shutdown("done")))
                case "exit": server.process.exit(.error(Failure()))
                case "stop": server.process.request(.stop(.shutdown, grace: nil))
                case "normal": server.cast(.end(.normal))
                default: server.process.exit(.kill)
                }
            }
            if way == "exit" || way == "kill" { #expect(vault.told.value == 0) }
        }
        let quiet = Vault()
        let server = try started(quiet)
        world.tell(world.puppet()) { _ in
            for _ in 0..<100 { _ = try await server.call { .count($0) } }
        }
        world.play { server.cast(.end(.shutdown)) }
        #expect(!server.pid.isAlive && quiet.told.value == 0)
        world.end()
    }

    @Test func `a server is described on its own thread before it counts as dead, and may end itself then (P32, P35)`()
        throws
    {
        let seen = Probe<String>()
        let running = Probe<PID>()
        var vault = Vault()
        vault.onTell = { [world] in
            guard let pid = running.values.first else { return }
            seen.record("\(pid.isAlive) \(Scheduler.current === world.scheduler) \(PID.current == pid)")
            pid.exit(.kill)
        }
        let server = try started(vault)
        running.record(server.pid)
        world.play { server.cast(.fail(code: 1)) }
        #expect(seen.values == ["true true true"])
        #expect(server.pid.core.endReason?.kind == .killed && world.scheduler.zombies == 0)
        world.end()
    }

    enum Marked {
        @TaskLocal static var mark: String?
    }

    @Test func `a call that has brought task-locals along is shown as any other (P21, P29, P35)`() throws {
        CallContext.carry(Marked.$mark)
        let vault = try started()
        let shown = Probe<String>()
        world.play {
            let calls: @Sendable (ServerMessage<Vault>) -> Bool = { if case .call = $0 { true } else { false } }
            vault.process.trace(only: [.taken], where: calls) { shown.record($0.message) }
        }
        world.tell(world.puppet()) { _ in
            await Marked.$mark.withValue("here") { _ = try? await vault.call { .open(code: 4711, $0) } }
        }
        world.wait { !vault.pid.isAlive && crash != nil }
        #expect(shown.values == ["call(open with a code)"])
        #expect(crash?.handling == "call(open with a code)" && crash?.state == "a secret of 7 letters")
        world.end()
    }

    // MARK: State machines

    struct Gate: StateMachine {
        enum State: Sendable { case open, closed }
        enum Event: Sendable { case push(String), wait }
        enum Info: Sendable { case note(String) }
        enum Timeout: Sendable { case named }
        var secret = "hunter2"

        func handle(_ event: Event, in state: State, _ me: isolated Me) async throws -> Transition<State> {
            if case .push = event { throw Failure() }
            me.startTimeout(.named, after: .zero)
            return .go(.open)
        }
        func handle(info: Info, in state: State, _ me: isolated Me) async throws -> Transition<State> {
            throw Failure()
        }
        func handle(timeout: Timeout, in state: State, _ me: isolated Me) async throws -> Transition<State> {
            .stop(.error(Failure()))
        }

        func description(in state: State) -> String { "\(state)" }
        static func description(ofEvent event: Event) -> String {
            if case .push(let text) = event { "push of \(text.count)" } else { "\(event)" }
        }
        static func description(ofInfo info: Info) -> String { "note" }
    }

    @Test(arguments: [
        ("event", "event(push of 7)", "closed"), ("info", "info(note)", "closed"), ("timeout", "timeout(named)", "open"),
    ])
    func `the report of a machine's crash has the event and the state, as it describes them (P35)`(
        way: String, handling: String, state: String
    ) throws {
        let gate = try #require(world.ask(world.puppet()) { _ in try await Gate().started(in: .closed) })
        let states = Probe<String>()
        world.play { gate.process.request(.state { states.record($0 ?? "none") }) }
        world.play {
            switch way {
            case "event": gate.send(.push("hunter2"))
            case "info": gate.send(info: .note("hunter2"))
            default: gate.send(.wait)
            }
        }
        world.advance(by: .milliseconds(1))
        #expect(states.values == ["closed"])
        let crash = try #require(crash)
        #expect(crash.handling == handling && crash.state == state)
        #expect(!"\(crash)".contains("hunter2"))
        world.end()
    }

    // MARK: What is known of each process

    @Test func `a report says how many messages waited, of a plain process too (P21, P35)`() throws {
        let process = world.spawn(Int.self, label: "plain") { me in
            _ = await me.receive()
            throw Failure()
        }
        world.play { for number in 0..<4 { process.send(number) } }
        let crash = try #require(crash)
        #expect(crash.mailboxLength == 3 && crash.handling == nil && crash.state == nil)
        #expect(crash.process.label == "plain" && crash.ancestors.isEmpty)
        world.events.removeAll()
        let vault = try started()
        world.play {
            vault.cast(.fail(code: 1))
            vault.send(.wait)
            vault.send(.wait)
        }
        #expect(self.crash?.mailboxLength == 2)
        world.events.removeAll()
        let itself = world.spawn(Int.self) { me in
            _ = await me.receive()
            me.exit(.error(Failure()))
        }
        world.play { for number in 0..<3 { itself.send(number) } }
        #expect(self.crash?.mailboxLength == 2)
        world.end()
    }

    @Test func `a report names the supervisors above, the nearest first (P35)`() throws {
        let tree = Supervisor(.oneForOne, id: "top", maxRestarts: 0) {
            Child("other") { try await Vault().started() }
            Supervisor(.oneForOne, id: "inner") { Child("vault") { try await Vault().started(name: "P35 vault") } }
        }
        let top = try #require(world.ask(world.puppet()) { _ in try await tree.start() })
        world.play { Registry.whereis("P35 vault", server: Vault.self)?.cast(.fail(code: 1)) }
        let crash = try #require(crash)
        #expect(crash.process.names == ["P35 vault"])
        #expect(crash.ancestors.map { $0.label ?? "" } == ["inner", "top"])
        #expect(crash.ancestors.last?.pid == top.pid && crash.ancestors.first?.pid.id == crash.parent)
        world.end()
    }

    // MARK: Bounds

    struct Long: Server {
        enum Cast: Sendable { case fail(String) }
        func handle(cast: Cast, _ me: isolated Me) async throws -> Next { throw Failure() }
        var stateDescription: String { String(repeating: "é", count: 3_000) }
        static func description(ofCast cast: Cast) -> String { if case .fail(let text) = cast { text } else { "" } }
    }

    @Test func `a text is cut at its bound, between characters, and says what is left out (P35)`() throws {
        #expect("abc".bounded(to: 3) == "abc" && "abcd".bounded(to: 3) == "abc... (1 bytes more)")
        #expect("aé".bounded(to: 2) == "a... (2 bytes more)" && "é".bounded(to: 0) == "... (2 bytes more)")
        #expect("🙂🙂".bounded(to: 7) == "🙂... (4 bytes more)")
        for (limit, state) in [(2_048, 1_024), (11, 5)] {
            let world = World(crashTextLimit: limit)
            let long = try #require(world.ask(world.puppet()) { _ in try await Long().started() })
            world.play { long.cast(.fail("short")) }
            let crash = try #require(firstCrash(in: world))
            let left = 6_000 - 2 * state
            #expect(crash.state == String(repeating: "é", count: state) + "... (\(left) bytes more)")
            #expect(crash.handling == "cast(short)")
            world.end()
        }
    }

    @Test func `without room for texts no server is asked for them (P35)`() throws {
        let world = World(crashTextLimit: 0)
        let vault = Vault()
        let server = try #require(world.ask(world.puppet()) { _ in try await vault.started() })
        world.play { server.cast(.fail(code: 1)) }
        let crash = try #require(firstCrash(in: world))
        #expect(crash.state == nil && crash.handling == nil && vault.told.value == 0)
        world.end()
    }

    @Test func `the log of a crash has it all on one line, with nothing in it that a terminal obeys (P21, P35)`() throws {
        let lines = Probe<String>()
        let logger = Logger(label: "test") { _ in CapturingLogHandler(lines, showsMetadata: true) }
        let log = RateLimitedLog(logger, limit: 10, what: "reports")
        let long = try #require(world.ask(world.puppet()) { _ in try await Long().started() })
        world.play { long.process.keepTrace(last: 2) }
        world.play { long.cast(.fail("a\n\u{1B}[2Jb")) }
        let crash = try #require(crash)
        #expect(crash.trace.map { "\($0.kind)" } == ["arrived", "taken"])
        SystemLog.report(.crash(crash), to: log)
        let line = try #require(lines.values.first)
        #expect(line.hasPrefix("error process crashed"))
        #expect(line.contains(#"handling=cast(a\u000a\u001b[2Jb)"#))
        #expect(line.contains(#"state=\u00e9\u00e9"#) && line.contains("(3952 bytes more)"))
        #expect(line.contains(#"trace=arrived cast(a\u000a\u001b[2Jb), taken cast(a\u000a\u001b[2Jb)"#))
        #expect(line.contains("reason=error(failure)") && line.contains("mailbox=0"))
        #expect(line.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
        world.end()
    }
}
