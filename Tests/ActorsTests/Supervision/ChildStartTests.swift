import HansomTesting
import Testing

@testable import Actors

/// Starts that take long, fail, or never end: a supervisor stays answerable between them, and its end waits for none.
@Suite(.ownThread, .timeLimit(.minutes(1))) struct ChildStartTests {
    let world = World()
    private let log = Probe<String>()
    private let started = Probe<PID>()

    /// How a start goes on once the child has been started before.
    private enum Start: Sendable, CaseIterable {
        /// It waits until it is cancelled, and then throws.
        case heeds
        /// It waits for ten minutes, cancelled or not, and then throws.
        case ignores
        /// It waits for ten minutes, cancelled or not, and then there is a child.
        case isLate

        func wait(_ driven: HandDriven) async {
            guard case .heeds = self else { return await TestClock.sleep(.seconds(600), driven) }
            let latch = DrivenLatch(driven)
            await withTaskCancellationHandler {
                await latch.wait()
            } onCancel: {
                latch.open()
            }
        }
    }

    private func idle(_ id: String) -> Process<Int> {
        let process = Process<Int>.spawn(label: id) { [log] me in
            log.record("+\(id)")
            defer { log.record("-\(id)") }
            while await me.receive() != nil {}
        }
        started.record(process.pid)
        return process
    }

    private func child(_ id: String) -> Child { Child(id) { idle(id) } }

    /// A start that succeeds the first time, and then goes as it goes.
    private func starts(_ id: String, _ start: Start, first: Bool = true) -> @Sendable () async throws -> Process<Int> {
        let count = Counter()
        return { [log, world] in
            if first, count.add() == 1 { return idle(id) }
            log.record("?\(id)")
            await start.wait(world.driven)
            log.record(Task.isCancelled ? "cancelled" : "failed")
            if case .isLate = start { return idle(id) }
            throw Failure()
        }
    }

    private func run(_ tree: Supervisor) throws -> RunningSupervisor {
        try #require(world.ask(world.puppet()) { _ in try await tree.start() })
    }

    private func run(_ pool: DynamicSupervisor) throws -> RunningDynamicSupervisor {
        try #require(world.ask(world.puppet()) { _ in try await pool.start() })
    }

    private func kill(_ index: Int) { world.play { started.values[index].exit(.kill) } }

    private func tries(_ count: Int) { world.wait { log.values.count { $0.hasPrefix("?") } >= count } }

    /// The same, and the last try sleeps.
    private func sleeps(_ count: Int) {
        world.wait { log.values.count { $0.hasPrefix("?") } >= count && world.scheduler.alarmCount > 0 }
    }

    // MARK: Between the tries

    @Test
    func `between the tries of a restart that fails slowly a supervisor answers, and can be stopped (P16, P18, P19)`()
        throws
    {
        // Eight seconds a try: the intensity of 1 in 5 s is never reached.
        let running = try run(
            Supervisor {
                child("a")
                Child("b", shutdown: .immediate) { [world, log] in
                    if log.values.contains("+b") {
                        log.record("?b")
                        await TestClock.sleep(.seconds(8), world.driven)
                        throw Failure()
                    }
                    return idle("b")
                }
            })
        kill(1)
        for round in 1...3 {
            sleeps(round)
            let answer = Probe<[ChildInfo.State]>()
            world.tell(world.puppet()) { _ in answer.record(try await running.children().map(\.state)) }
            #expect(answer.count == 0, "a supervisor that starts a child does nothing else")
            world.advance(by: .seconds(8))
            sleeps(round + 1)
            #expect(answer.values == [[.running(started.values[0]), .restarting]], "round \(round)")
        }
        world.tell(world.puppet()) { [log] _ in
            try await running.terminate("b")
            log.record("terminated")
        }
        world.advance(by: .seconds(8))
        world.wait { log.values.contains("terminated") }
        world.advance(by: .seconds(60))
        #expect(log.values.count { $0 == "?b" } == 4, "one that is stopped for good is not tried again")
        #expect(running.pid.isAlive)
        world.end()
    }

    @Test func `between the tries a dynamic supervisor answers, and its child can be stopped (P16, P18, P19)`() throws {
        let pool = try run(DynamicSupervisor(restart: .permanent, maxRestarts: 1))
        let count = Counter()
        _ = world.ask(world.puppet()) { [world, log] _ in
            try await pool.start {
                if count.add() > 1 {
                    log.record("?")
                    await TestClock.sleep(.seconds(8), world.driven)
                    throw Failure()
                }
                return idle("a")
            }
        }
        kill(0)
        sleeps(1)
        let counts = Probe<Int>()
        world.tell(world.puppet()) { _ in counts.record(try await pool.count()) }
        world.advance(by: .seconds(8))
        sleeps(2)
        #expect(counts.values == [1])
        let former = started.values[0]
        world.tell(world.puppet()) { [log] _ in
            try await pool.terminate(former)
            log.record("terminated")
        }
        world.advance(by: .seconds(8))
        world.wait { log.values.contains("terminated") }
        world.advance(by: .seconds(60))
        #expect(count.value == 3 && pool.pid.isAlive)
        #expect(world.ask(world.puppet()) { _ in try await pool.count() } == 0)
        world.end()
    }

    // MARK: The end does not wait

    /// How a supervisor is asked to end.
    enum Asking: CaseIterable, Sendable { case stop, signal, parent, kill }

    @Test(arguments: Asking.allCases)
    func `the end does not wait for a restart that hangs (P16)`(asking: Asking) throws {
        let again = starts("b", .heeds)
        let tree = Supervisor(id: "inner") {
            child("a")
            Child("b") { try await again() }
        }
        let inners = Probe<RunningSupervisor>()
        let top = try run(
            Supervisor {
                Child("inner", restart: .temporary, shutdown: .infinity) {
                    let running = try await tree.start()
                    inners.record(running)
                    return running
                }
            })
        let inner = try #require(inners.values.first)
        kill(1)
        tries(1)
        switch asking {
        case .stop: world.play { inner.server.process.request(.stop(.shutdown, grace: nil)) }
        case .signal: world.play { inner.pid.exit(.shutdown) }
        case .parent: world.play { top.server.process.request(.stop(.shutdown, grace: nil)) }
        case .kill: world.play { inner.pid.exit(.kill) }
        }
        world.wait { !inner.pid.isAlive && log.values.contains("cancelled") && log.values.contains("-a") }
        #expect(!inner.pid.isAlive && world.driven.time.nanoseconds == ManualTime().nanoseconds, "no time was needed")
        #expect(log.values == ["+a", "+b", "-b", "?b", "cancelled", "-a"] || asking == .kill)
        world.play { top.pid.exit(.shutdown) }
        world.wait { !top.pid.isAlive }
        world.end()
    }

    @Test(arguments: [Start.ignores, .isLate])
    private func `a start that ignores that it is cancelled has as long as its child to stop (P16, P17)`(start: Start)
        throws
    {
        let again = starts("b", start)
        let running = try run(
            Supervisor {
                child("a")
                Child("b", shutdown: .after(.seconds(3))) { try await again() }
            })
        kill(1)
        sleeps(1)
        world.play { running.pid.exit(.shutdown) }
        world.advance(by: .milliseconds(2_999))
        #expect(running.pid.isAlive)
        world.advance(by: .milliseconds(1))
        world.wait { !running.pid.isAlive }
        #expect(!running.pid.isAlive && log.values.last == "-a")
        // What comes of it after all is stopped.
        world.advance(by: .seconds(600))
        let late = start == .isLate ? ["cancelled", "+b", "-b"] : ["cancelled"]
        world.wait { log.values.suffix(late.count) == late }
        #expect(log.values.suffix(late.count) == late)
        world.end()
    }

    @Test func `the end does not wait for a dynamic supervisor's start that hangs (P16)`() throws {
        let pool = try run(DynamicSupervisor())
        let first = starts("a", .heeds, first: false)
        let codes = Probe<SupervisorError.Code?>()
        for _ in 0..<2 {
            world.tell(world.puppet()) { _ in
                do { try await pool.start { try await first() } } catch {
                    codes.record((error as? SupervisorError)?.code)
                }
            }
        }
        tries(1)
        world.play { pool.pid.exit(.shutdown) }
        world.wait { !pool.pid.isAlive && codes.count == 2 }
        #expect(!pool.pid.isAlive)
        #expect(log.values == ["?a", "cancelled"], "the second start is not begun any more")
        #expect(codes.values == [.startFailed, .startFailed])
        world.end()
    }

    // MARK: A first start

    @Test(arguments: [false, true])
    func `a first start that is cancelled leaves nothing (P16)`(isNested: Bool) throws {
        let second = starts("b", .heeds, first: false)
        let tree = Supervisor(id: "inner") {
            child("a")
            Child("b") { try await second() }
        }
        let starter = world.puppet()
        world.tell(starter) { [log] me in
            let starting = Task {
                do {
                    _ = try await (isNested ? Supervisor { tree } : tree).start()
                } catch {
                    log.record((error as? CallError).map { "\($0.code)" } ?? "\(error)")
                }
            }
            _ = await me.receive()
            starting.cancel()
            await starting.value
        }
        tries(1)
        starter.send(.text("cancel"))
        world.wait { log.values.contains("cancelled") && log.count == 5 }
        #expect(log.values == ["+a", "?b", "cancelled", "-a", "cancelled"], "the last one is what the starter is told")
        world.play { starter.exit(.shutdown) }
        world.wait { world.scheduler.processes.isEmpty }
        #expect(world.scheduler.processes.isEmpty)
        #expect(world.events.values.isEmpty, "nothing has crashed")
        world.end()
    }

    @Test func `a start that asks the supervisor that waits for it is told so (P11, P16)`() throws {
        let top = Probe<RunningSupervisor>()
        let supervisor = try run(
            Supervisor {
                Child("a") {
                    if let top = top.values.first {
                        do { _ = try await top.children() } catch {
                            log.record((error as? CallError)?.code.description ?? "\(error)")
                        }
                    }
                    return idle("a")
                }
            })
        top.record(supervisor)
        kill(0)
        world.wait { started.count == 2 }
        #expect(log.values == ["+a", "-a", "calledSelf", "+a"])
        world.end()
    }

    // MARK: A limit

    @Test func `a start has a limit, and then has failed (P17)`() throws {
        let never = starts("a", .heeds, first: false)
        let error = Probe<SupervisorError>()
        world.tell(world.puppet()) { _ in
            do {
                _ = try await Supervisor { Child("a", startWithin: .seconds(2)) { try await never() } }.start()
            } catch let failed as SupervisorError { error.record(failed) }
        }
        tries(1)
        world.advance(by: .milliseconds(1_999))
        #expect(error.count == 0)
        world.advance(by: .milliseconds(1))
        world.wait { error.count > 0 }
        #expect(error.values.first?.code == .startFailed)
        #expect((error.values.first?.underlying as? SupervisorError)?.code == .startTimeout)
        #expect(
            error.values.first?.description
                == "child \"a\" could not be started: its start took longer than 2.0 seconds")
        #expect(world.scheduler.alarmCount == 0)
        world.end()
    }

    @Test func `with a limit the intensity is reached (P17, P18)`() throws {
        let again = starts("a", .heeds)
        let running = try run(
            Supervisor(maxRestarts: 3, period: .seconds(5)) {
                Child("a", startWithin: .seconds(1)) { try await again() }
            })
        kill(0)
        for round in 1...3 {
            tries(round)
            #expect(running.pid.isAlive)
            world.advance(by: .seconds(1))
        }
        world.wait { !running.pid.isAlive }
        let reason = try #require(running.pid.core.endReason)
        #expect(reason.kind == .shutdown)
        let cause = try #require(reason.error as? SupervisorError)
        #expect(cause.code == .gaveUp && cause.child == "a")
        #expect(
            "\(reason)"
                == "shutdown: supervisor \"supervisor\" gave up after 3 restarts in 5.0 seconds, since child \"a\" ended with: "
                + "error(its start took longer than 1.0 seconds)")
        world.end()
    }

    @Test func `a dynamic supervisor's starts have its limit (P17)`() throws {
        let pool = try run(DynamicSupervisor(startWithin: .seconds(2)))
        let never = starts("a", .heeds, first: false)
        let codes = Probe<SupervisorError.Code?>()
        world.tell(world.puppet()) { _ in
            do { try await pool.start { try await never() } } catch {
                codes.record(((error as? SupervisorError)?.underlying as? SupervisorError)?.code)
            }
        }
        tries(1)
        world.advance(by: .seconds(2))
        world.wait { codes.count > 0 }
        #expect(codes.values == [.startTimeout] && pool.pid.isAlive)
        world.end()
    }

    @Test func `a limit of nothing is a contradiction (P17)`() {
        for tree in [
            Supervisor { Child("a", startWithin: .zero) { idle("a") } },
            Supervisor { DynamicSupervisor(startWithin: .seconds(-1)) },
            Supervisor { Supervisor(id: "inner", startWithin: .zero) { child("a") } },
        ] {
            let code = world.ask(world.puppet()) { _ in
                do { _ = try await tree.start() } catch { return (error as? SupervisorError)?.code }
                return nil
            }
            #expect(code == .badSpecification)
        }
        #expect(log.values == [])
        world.end()
    }

    // MARK: No crash

    @Test func `a start that fails is an error of whoever starts, and not reported as a crash (P16, P21)`() throws {
        let codes = Probe<SupervisorError.Code?>()
        let tree = Supervisor {
            child("a")
            Supervisor(id: "inner") { Child("b") { () async throws -> PID in throw Failure() } }
        }
        world.tell(world.puppet()) { _ in
            do { _ = try await tree.start() } catch { codes.record((error as? SupervisorError)?.code) }
        }
        world.wait { codes.count > 0 }
        #expect(codes.values == [.startFailed])
        #expect(world.events.values.isEmpty)
        world.end()
    }
}
