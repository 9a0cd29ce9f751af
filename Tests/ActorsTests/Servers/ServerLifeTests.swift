import HansomTesting
import Testing

@testable import Actors

/// A server that does what its test says, at each point of its life.
struct Scripted: Server {
    typealias Handler = @Sendable (isolated Process<ServerMessage<Scripted>>) async throws -> ServerNext<Scripted>

    enum Call: Sendable { case ask(@Sendable (Reply<String>, isolated Me) async throws -> Next, Reply<String>) }
    enum Cast: Sendable { case act(Handler) }
    enum Info: Sendable {
        case exit(ExitSignal)
        case text(String)
    }

    let log: Probe<String>
    var onStart: Handler = { _ in .receive }
    var onContinue: @Sendable (Int, isolated Me) async throws -> Next = { _, _ in .receive }
    var onTimeout: Handler = { _ in .receive }
    var onTerminate: @Sendable (isolated Me) async -> Void = { _ in }

    mutating func start(_ me: isolated Me) async throws -> Next {
        log.record("start")
        return try await onStart(me)
    }

    mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
        guard case .ask(let answer, let reply) = call else { return .receive }
        return try await answer(reply, me)
    }

    mutating func handle(cast: Cast, _ me: isolated Me) async throws -> Next {
        guard case .act(let action) = cast else { return .receive }
        return try await action(me)
    }

    mutating func handle(info: Info, _ me: isolated Me) async throws -> Next {
        switch info {
        case .exit(let signal): log.record("exit \(signal.reason)")
        case .text(let text): log.record(text)
        }
        return .receive
    }

    mutating func handle(continuation number: Int, _ me: isolated Me) async throws -> Next {
        log.record("continue \(number)")
        return try await onContinue(number, me)
    }

    mutating func handleTimeout(_ me: isolated Me) async throws -> Next {
        log.record("timeout")
        return try await onTimeout(me)
    }

    mutating func terminate(_ reason: ExitReason, _ me: isolated Me) async {
        log.record("terminate \(reason)")
        await onTerminate(me)
        log.record("terminated")
    }
}

@Suite(.ownThread, .timeLimit(.minutes(1))) struct ServerLifeTests {
    let world = World()
    let log = Probe<String>()

    private func started(_ server: Scripted) -> ServerProcess<Scripted>? {
        world.ask(world.puppet()) { _ in try await server.started() }
    }

    /// Starts a server from a puppet that says what came of it.
    private func start(_ server: Scripted, name: String? = nil, by starter: Process<Puppet>? = nil) {
        world.tell(starter ?? world.puppet()) { [log] _ in
            do {
                _ = try await server.started(name: name)
                log.record("started")
            } catch { log.record("not started: \((error as? CallError).map { "\($0.code)" } ?? "\(error)")") }
        }
    }

    // MARK: The start

    @Test func `who starts it waits for its start (P12)`() {
        let latch = DrivenLatch(world.driven)
        start(
            Scripted(
                log: log,
                onStart: { _ in
                    await latch.wait()
                    return .receive
                }))
        #expect(log.values == ["start"])
        latch.open()
        world.driven.settle()
        #expect(log.values == ["start", "started"])
        world.end()
    }

    @Test func `a start that throws fails with that error, and nothing else is called (P12)`() {
        start(Scripted(log: log, onStart: { _ in throw Failure() }), name: "failing")
        #expect(log.values == ["start", "not started: failure"])
        #expect(Registry.whereis("failing") == nil)
        world.end()
    }

    @Test func `whoever hears of a failed start finds its name free (P9, P12)`() async throws {
        try await withGroup { group in
            let taken = Probe<String>()
            let starter = Process<Int>.spawn(on: group.schedulers[0]) { _ in
                for _ in 0..<1_000 {
                    do {
                        let server = Scripted(log: Probe(), onStart: { _ in throw ExitReason.shutdown })
                        _ = try await server.started(name: "failing again", on: group.schedulers[1])
                    } catch { if error is RegistryError { taken.record("\(error)") } }
                }
            }
            _ = try await starter.down()
            #expect(taken.values == [])
        }
    }

    @Test(arguments: [ExitReason.shutdown, .kill])
    func `one that is ended during its start was not started (P12)`(reason: ExitReason) {
        let latch = DrivenLatch(world.driven)
        start(
            Scripted(
                log: log,
                onStart: { _ in
                    await latch.wait()
                    return .receive
                }), name: "starting")
        world.play { Registry.whereis("starting")?.exit(reason) }
        latch.open()
        // Its `terminate` runs in a task of its own.
        world.wait { log.values.contains("not started: exited") }
        #expect(log.values.contains("not started: exited") && !log.values.contains("started"))
        #expect(log.values.contains("terminated") == (reason.kind == .shutdown))
        world.end()
    }

    @Test func `a name that is taken is said at once (P9, P12)`() throws {
        let holder = world.puppet()
        try holder.register(as: "taken")
        start(Scripted(log: log), name: "taken")
        #expect(log.values == ["not started: \(RegistryError(.nameTaken, "taken", holder: holder.pid))"])
        world.end()
        #expect(Registry.whereis("taken") == nil)
    }

    @Test func `who is cancelled while it waits for a start ends what it has started (P12)`() {
        let latch = DrivenLatch(world.driven)
        let starter = world.puppet()
        start(
            Scripted(
                log: log,
                onStart: { _ in
                    await latch.wait()
                    return .receive
                }), by: starter)
        world.play { starter.exit(.shutdown) }
        #expect(log.values == ["start", "not started: cancelled"])
        latch.open()
        world.wait { world.scheduler.processes.isEmpty }
        #expect(log.values.suffix(2) == ["terminate shutdown", "terminated"])
        #expect(world.scheduler.processes.isEmpty)
    }

    // MARK: What comes next

    @Test func `continue runs before any message, with what it was given, as often as it is asked for (P12)`() throws {
        let server = Scripted(
            log: log,
            onStart: { me in
                me.send(.info(.text("message")))
                return .continue(with: 1)
            }, onContinue: { number, _ in number < 3 ? .continue(with: number + 1) : .receive })
        let running = try #require(started(server))
        #expect(log.values == ["start", "continue 1", "continue 2", "continue 3", "message"])
        world.play {
            running.cast(.act { _ in .continue(with: 3) })
            running.send(.text("behind"))
        }
        #expect(log.values.suffix(2) == ["continue 3", "behind"])
        world.end()
    }

    @Test func `continue that goes on for ever ends with its process (P4, P12)`() throws {
        let latch = DrivenLatch(world.driven)
        let rounds = Counter()
        let server = try #require(
            started(
                Scripted(
                    log: log, onStart: { _ in .continue(with: 0) },
                    onContinue: { number, _ in
                        await latch.wait()
                        if rounds.add() > 100 { throw Failure() }
                        return .continue(with: number + 1)
                    })))
        world.play { server.process.exit(.shutdown) }
        latch.open()
        world.driven.settle()
        #expect(log.values == ["start", "continue 0", "terminate shutdown", "terminated"])
        world.end()
    }

    @Test func `an idle timeout comes when nothing else does, each message begins it anew (P12)`() throws {
        let server = try #require(
            started(
                Scripted(
                    log: log, onStart: { _ in .receive(timeout: .seconds(10)) },
                    onTimeout: { _ in .stop(.shutdown("idle")) })))
        world.advance(by: .seconds(9))
        world.play { server.cast(.act { _ in .receive(timeout: .seconds(10)) }) }
        world.advance(by: .seconds(9))
        #expect(log.values == ["start"])
        world.advance(by: .seconds(1))
        #expect(log.values == ["start", "timeout", "terminate shutdown(idle)", "terminated"])
        #expect(world.scheduler.alarmCount == 0)
        world.end()
    }

    @Test func `a timeout of nothing comes only if nothing waits (P12)`() throws {
        let server = try #require(started(Scripted(log: log)))
        world.play {
            server.cast(.act { _ in .receive(timeout: .zero) })
            server.send(.text("one"))
        }
        world.play { server.cast(.act { _ in .receive(timeout: .zero) }) }
        #expect(log.values == ["start", "one", "timeout"])
        world.end()
    }

    @Test func `a suspended server does nothing, but says its state and ends (P21)`() throws {
        let server = try #require(
            started(Scripted(log: log, onStart: { _ in .receive(timeout: .seconds(1)) })))
        let states = Probe<Bool>()
        world.play {
            server.pid.suspend()
            server.send(.text("one"))
            server.process.request(.state { states.record($0?.contains("Scripted") == true) })
        }
        world.advance(by: .seconds(5))
        #expect(log.values == ["start"] && states.values == [true])
        #expect(server.process.core.info?.state == .suspended)
        world.play { server.pid.resume() }
        #expect(log.values == ["start", "one"])
        world.play {
            server.pid.suspend()
            server.process.exit(.shutdown)
        }
        #expect(log.values == ["start", "one", "terminate shutdown", "terminated"])
        world.end()
    }

    @Test func `no message is handled while a handler waits (P3, P12)`() throws {
        let latch = DrivenLatch(world.driven)
        let server = try #require(started(Scripted(log: log)))
        let other = try #require(started(Scripted(log: Probe())))
        world.play {
            server.cast(
                .act { [log] _ in
                    log.record("begin")
                    log.record(
                        try await other.call {
                            .ask(
                                { reply, _ in
                                    await latch.wait()
                                    reply("answer")
                                    return .receive
                                }, $0)
                        })
                    return .receive
                })
            server.send(.text("next"))
        }
        #expect(log.values == ["start", "begin"])
        latch.open()
        world.driven.settle()
        #expect(log.values == ["start", "begin", "answer", "next"])
        world.end()
    }

    @Test(arguments: [false, true])
    func `a suspended server stops when it is asked to, also before what waits in its mailbox (P12, P21)`(traps: Bool)
        throws
    {
        let scripted = Scripted(
            log: log,
            onStart: { me in
                if traps { me.trapExits { .info(.exit($0)) } }
                return .receive
            })
        let server = try #require(started(scripted))
        world.play {
            server.pid.suspend()
            server.send(.text("one"))
        }
        let reasons = Probe<String>()
        world.tell(world.puppet()) { _ in reasons.record("\(await server.stop(.shutdown("asked")))") }
        world.wait { reasons.count == 1 }
        #expect(log.values == ["start", "terminate shutdown(asked)", "terminated"])
        #expect(reasons.values == ["shutdown(asked)"])
        world.end()
    }

    @Test func `a suspended server that traps ends with its parent (P12, P21)`() throws {
        let parent = world.puppet()
        let server = Scripted(
            log: log,
            onStart: { me in
                me.trapExits { .info(.exit($0)) }
                return .receive
            })
        let asked = world.ask(parent) { me in try await server.started(linkedTo: me.pid) }
        let child = try #require(asked)
        world.play {
            child.pid.suspend()
            child.send(.text("one"))
        }
        world.tell(parent) { _ in throw ExitReason.shutdown("parent") }
        #expect(log.values == ["start", "terminate shutdown(parent)", "terminated"])
        world.end()
    }

    @Test func `the idle timeout begins anew when the server is resumed (P12, P21)`() throws {
        let server = try #require(
            started(
                Scripted(
                    log: log, onStart: { _ in .receive(timeout: .seconds(10)) },
                    onTimeout: { _ in .stop(.shutdown("idle")) })))
        world.advance(by: .seconds(9))
        world.play { server.pid.suspend() }
        world.advance(by: .seconds(9))
        world.play { server.pid.resume() }
        world.advance(by: .seconds(9))
        #expect(log.values == ["start"])
        world.advance(by: .seconds(1))
        #expect(log.values == ["start", "timeout", "terminate shutdown(idle)", "terminated"])
        #expect(world.scheduler.alarmCount == 0)
        world.end()
    }

    @Test func `the timeout of a state goes on while its machine is suspended (P12, P21)`() throws {
        struct Light: StateMachine {
            enum State: Sendable { case red, green }
            enum Event: Sendable { case none }
            let log: Probe<String>
            mutating func enter(_ state: State, from previous: State?, _ me: isolated Me) async throws -> Duration? {
                log.record("\(state)")
                return state == .red ? .seconds(10) : nil
            }
            mutating func handle(_ event: Event, in state: State, _ me: isolated Me) async throws -> Transition<State> {
                .stay
            }
            mutating func handleTimeout(in state: State, _ me: isolated Me) async throws -> Transition<State> {
                .go(.green)
            }
        }
        let dark = Light(log: log)
        let started = world.ask(world.puppet()) { _ in try await dark.started(in: .red) }
        let light = try #require(started)
        world.advance(by: .seconds(9))
        world.play { light.pid.suspend() }
        world.advance(by: .seconds(9))
        #expect(log.values == ["red"])
        world.play { light.pid.resume() }
        #expect(log.values == ["red", "green"])
        world.end()
    }

    // MARK: The end of a server that waits for something

    /// What a handler may wait for when its server is told to shut down.
    enum Wait: CaseIterable, Sendable { case down, value, room, call, receive, timed }

    @Test(arguments: Wait.allCases)
    func `a server whose handler waits ends at once when it is told to, with terminate (P4, P12)`(wait: Wait) throws {
        let latch = DrivenLatch(world.driven)
        let tokens = Probe<Reply<Int>>()
        let server = try #require(started(Scripted(log: log)))
        let other = world.spawn(Int.self, mailbox: .bounded(1, whenFull: .suspend)) { _ in await latch.wait() }
        let task = world.play { ProcessTask.spawn(on: world.scheduler) { await latch.wait() } }
        world.play {
            other.send(0)
            server.cast(
                .act { [log] me in
                    log.record("waits")
                    switch wait {
                    case .down: _ = try await other.down()
                    case .timed: _ = try await other.down(timeout: .seconds(60))
                    case .value: try await task.value
                    case .room: try await other.send(waiting: 1)
                    case .call:
                        _ = try await other.call(timeout: nil) { (reply: Reply<Int>) in
                            tokens.record(reply)
                            return 1
                        }
                    case .receive: _ = await me.receive { _ in false }
                    }
                    return .receive
                })
        }
        world.wait { log.count == 2 && (wait != .down || other.core.observerCount == 1) }
        #expect(log.values == ["start", "waits"])
        world.play { server.pid.exit(.shutdown) }
        world.wait { !server.pid.isAlive }
        #expect(log.values == ["start", "waits", "terminate shutdown", "terminated"])
        #expect(world.scheduler.zombies == 0)
        latch.open()
        world.driven.settle()
        #expect(other.bound?.waiterCount == 0)
        world.end()
    }

    @Test func `terminate can call others though an exit signal has ended the server (P4, P12)`() throws {
        let other = try #require(started(Scripted(log: Probe())))
        let says = { @Sendable (reply: Reply<String>) in
            Scripted.Call.ask(
                { reply, _ in
                    reply("answer")
                    return .receive
                }, reply)
        }
        let scripted = Scripted(
            log: log,
            onTerminate: { [log] me in
                let answer = try? await other.call { says($0) }
                log.record("\(answer ?? "none") \(Task.isCancelled) \(PID.current == me.pid)")
                do {
                    _ = try await me.call { .call(says($0)) }
                } catch { log.record("\((error as? CallError)?.code.description ?? "")") }
            })
        let server = try #require(started(scripted))
        world.play { server.pid.exit(.shutdown) }
        world.wait { !server.pid.isAlive }
        #expect(
            log.values == ["start", "terminate shutdown", "answer false true", "calledSelf", "terminated"])
        #expect(world.scheduler.zombies == 0)
        world.end()
    }

    @Test(arguments: [false, true])
    func `terminate has its deadline: then it is cancelled, and its process dead (P4, P12)`(isKilled: Bool) throws {
        let latch = DrivenLatch(world.driven)
        let tokens = Probe<Reply<Int>>()
        let silent = world.spawn(Int.self) { _ in await latch.wait() }
        let scripted = Scripted(
            log: log,
            onTerminate: { [log] _ in
                _ = try? await silent.call(timeout: nil) { (reply: Reply<Int>) in
                    tokens.record(reply)
                    return 1
                }
                log.record("cancelled \(Task.isCancelled)")
            })
        let server = try #require(started(scripted))
        world.play { server.pid.exit(.shutdown) }
        world.advance(by: .milliseconds(4_999))
        #expect(server.pid.isAlive && log.values.last == "terminate shutdown")
        if isKilled { world.play { server.pid.exit(.kill) } } else { world.advance(by: .milliseconds(1)) }
        #expect(!server.pid.isAlive && server.pid.core.endReason?.kind == .killed)
        world.wait { log.values.last == "terminated" }
        #expect(log.values.suffix(2) == ["cancelled true", "terminated"])
        world.wait { world.scheduler.zombies == 0 }
        #expect(world.scheduler.zombies == 0)
        latch.open()
        world.end()
    }

    // MARK: The end

    @Test(arguments: ["stop", "throw", "signal", "asked", "linked"])
    func `terminate runs on every end but a kill (P4, P12)`(way: String) throws {
        let server = try #require(started(Scripted(log: log)))
        let peer = world.puppet()
        world.play {
            switch way {
            case "stop": server.cast(.act { _ in .stop(.shutdown("done")) })
            case "throw": server.cast(.act { _ in throw ExitReason.shutdown("done") })
            case "signal": server.process.exit(.shutdown("done"))
            case "asked": server.process.request(.stop(.shutdown("done"), grace: .seconds(5)))
            default:
                server.cast(
                    .act { me in
                        me.link(peer.pid)
                        return .receive
                    })
                peer.exit(.shutdown("done"))
            }
        }
        #expect(log.values == ["start", "terminate shutdown(done)", "terminated"])
        #expect(server.pid.core.endReason?.detail == "done")
        world.end()
    }

    @Test func `a killed server does not terminate (P4, P12)`() throws {
        let server = try #require(started(Scripted(log: log)))
        world.play { server.process.exit(.kill) }
        #expect(log.values == ["start"])
        world.end()
    }

    @Test func `a stop comes after what was sent before it and before what comes after (P12)`() throws {
        let server = try #require(started(Scripted(log: log)))
        world.play {
            server.send(.text("one"))
            server.process.request(.stop(.shutdown, grace: nil))
            server.send(.text("two"))
        }
        #expect(log.values == ["start", "one", "terminate shutdown", "terminated"])
        world.end()
    }

    @Test(arguments: [ExitReason.shutdown, .error(Failure())])
    func `terminate has 5 s, then its process is marked dead (P4, P12)`(reason: ExitReason) throws {
        let latch = DrivenLatch(world.driven)
        let server = try #require(started(Scripted(log: log, onTerminate: { _ in await latch.wait() })))
        world.play { server.cast(.act { _ in .stop(reason) }) }
        world.advance(by: .milliseconds(4_999))
        #expect(server.pid.isAlive)
        world.advance(by: .milliseconds(1))
        #expect(server.pid.core.endReason?.kind == .killed && world.scheduler.zombies == 1)
        latch.open()
        world.driven.settle()
        #expect(world.scheduler.zombies == 0)
        world.end()
    }

    @Test func `one that traps exits ends with its parent, and takes others' signals as messages (P6, P12)`() throws {
        let (parent, other) = (world.puppet(), world.puppet())
        let server = Scripted(
            log: log,
            onStart: { me in
                me.trapExits { .info(.exit($0)) }
                return .receive
            })
        let running = try #require(world.ask(parent) { try await server.started(linkedTo: $0.pid) })
        world.tell(other) { _ in running.process.exit(.shutdown("other")) }
        world.play { running.process.exit(.shutdown("outside")) }
        world.play { parent.exit(.shutdown("parent")) }
        #expect(
            log.values == [
                "start", "exit shutdown(other)", "exit shutdown(outside)", "terminate shutdown(parent)", "terminated",
            ])
        world.end()
    }

    @Test(arguments: [false, true]) func `terminate has the time that its supervisor gives it (P12, P17)`(traps: Bool)
        throws
    {
        let server = Scripted(
            log: log,
            onStart: { me in
                if traps { me.trapExits { .info(.exit($0)) } }
                return .receive
            }, onTerminate: { [driven = world.driven] _ in await TestClock.sleep(.seconds(8), driven) })
        let running = try #require(
            world.ask(world.puppet()) { _ in
                try await Supervisor { Child("slow", shutdown: .after(.seconds(10))) { try await server.started() } }
                    .start()
            })
        world.play { running.server.process.request(.stop(.shutdown, grace: nil)) }
        world.advance(by: .seconds(7))
        #expect(log.values == ["start", "terminate shutdown"])
        #expect(world.scheduler.zombies == 0, "it was not marked dead meanwhile")
        world.advance(by: .seconds(1))
        #expect(log.values == ["start", "terminate shutdown", "terminated"])
        world.end()
    }
}
