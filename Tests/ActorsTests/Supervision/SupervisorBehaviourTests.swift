import HansomTesting
import Testing

@testable import Actors

@Suite(.ownThread, .timeLimit(.minutes(1))) struct SupervisorBehaviourTests {
    let world = World()
    let log = Probe<String>()
    private let started = Probe<Process<Puppet>>()

    /// A child that writes down its start and its end, and does what it is told.
    private func child(
        _ id: String, restart: Child.Restart = .permanent, shutdown: Child.Shutdown = .after(.seconds(5)),
        significant: Bool = false
    ) -> Child {
        Child(id, restart: restart, shutdown: shutdown, significant: significant) { [log, started] in
            let process = Process<Puppet>.spawn(label: id) { me in
                log.record("+\(id)")
                defer { log.record("-\(id)") }
                while let message = await me.receive() { try await message.play(me, log) }
            }
            started.record(process)
            return process
        }
    }

    private func run(_ tree: Supervisor) -> RunningSupervisor? {
        world.ask(world.puppet()) { _ in try await tree.start() }
    }

    /// The process that was started last under that label.
    private func last(_ id: String) -> Process<Puppet>? { started.values.last { $0.core.label == id } }

    /// Ends a child, and goes on until its supervisor has done what it does then.
    private func end(_ id: String, _ reason: ExitReason, _ supervisor: (any Supervisable)?) {
        guard let process = last(id) else { return }
        world.tell(process) { _ in throw reason }
        rest(supervisor)
    }

    /// A call is answered when the supervisor has nothing left to do, or is not there any more.
    private func rest(_ supervisor: (any Supervisable)?) {
        _ = world.ask(world.puppet()) { _ in
            if let running = supervisor as? RunningSupervisor { _ = try? await running.children() }
            if let pool = supervisor as? RunningDynamicSupervisor { _ = try? await pool.count() }
            return true
        }
    }

    /// What has been written down since it was asked last.
    private func news(since count: inout Int) -> [String] {
        defer { count = log.count }
        return Array(log.values.dropFirst(count))
    }

    private func stop(_ running: RunningSupervisor?) {
        begin(running)
        world.wait { running?.pid.isAlive != true }
    }

    private func begin(_ running: RunningSupervisor?) {
        world.play { running?.server.process.request(.stop(.shutdown, grace: nil)) }
    }

    private var restarts: [RestartReport] {
        world.events.values.compactMap { if case .restart(let report) = $0 { report } else { nil } }
    }

    private var giveUps: [GiveUpReport] {
        world.events.values.compactMap { if case .giveUp(let report) = $0 { report } else { nil } }
    }

    @Test(arguments: Supervisor.Strategy.allCases) func `a failure restarts whom the strategy says (P16)`(
        strategy: Supervisor.Strategy
    ) {
        let running = run(Supervisor(strategy) { for id in ["a", "b", "c"] { child(id) } })
        var count = 0
        #expect(news(since: &count) == ["+a", "+b", "+c"])
        end("b", .error(Failure()), running)
        let expected: [String] =
            switch strategy {
            case .oneForOne: ["-b", "+b"]
            case .oneForAll: ["-b", "-c", "-a", "+a", "+b", "+c"]
            case .restForOne: ["-b", "-c", "+b", "+c"]
            }
        #expect(news(since: &count) == expected)
        #expect(
            restarts.map(\.child) == ["b"] && restarts.first?.restarts == 1 && restarts.first?.reason.kind == .error)
        stop(running)
        #expect(news(since: &count) == ["-c", "-b", "-a"])
        #expect(running?.pid.isAlive == false)
        world.end()
    }

    @Test(
        arguments: Child.Restart.allCases, [ExitReason.normal, .shutdown, .shutdown("x"), .killed, .error(Failure())])
    func `a child is started again as its kind says (P17)`(restart: Child.Restart, reason: ExitReason) {
        let running = run(Supervisor { child("a", restart: restart) })
        end("a", reason, running)
        let again = restart == .permanent || (restart == .transient && !reason.isOrderly)
        #expect(log.values == ["+a", "-a"] + (again ? ["+a"] : []))
        let children = world.ask(world.puppet()) { _ in try await running?.children() } ?? nil
        #expect(children?.count == (restart == .temporary ? 0 : 1))
        stop(running)
        world.end()
    }

    @Test func `too many restarts in the period end it, its children first (P18)`() {
        let running = run(Supervisor { for id in ["a", "b"] { child(id) } })
        end("a", .error(Failure()), running)
        world.advance(by: .milliseconds(5_001))
        end("a", .error(Failure()), running)
        #expect(running?.pid.isAlive == true)
        var count = log.count
        end("a", .error(Failure()), running)
        #expect(news(since: &count) == ["-a", "-b"])
        #expect(running?.pid.core.endReason?.kind == .shutdown)
        #expect(giveUps.map(\.child) == ["a"] && restarts.count == 2)
        world.end()
    }

    @Test func `a backoff waits longer each time, and the others with it (P18)`() {
        let backoff = RestartBackoff(first: .seconds(2), most: .seconds(8))
        let running = run(
            Supervisor(.restForOne, maxRestarts: 9, period: .seconds(100), backoff: backoff) {
                for id in ["a", "b"] { child(id) }
            })
        for round in 1...4 {
            var count = log.count
            end("a", .error(Failure()), running)
            #expect(news(since: &count) == ["-a", "-b"])
            world.advance(by: .seconds(min(8, 1 << round)))
            rest(running)
            #expect(news(since: &count) == ["+a", "+b"], "round \(round)")
        }
        #expect(restarts.allSatisfy { $0.delay < .seconds(8) })
        stop(running)
        #expect(world.scheduler.alarmCount == 0)
        world.end()
    }

    @Test func `one that waits for a restart can be stopped for good, and the end does not wait for it (P18, P19)`() {
        let backoff = RestartBackoff(first: .seconds(1_000), most: .seconds(1_000))
        let running = run(
            Supervisor(.oneForAll, maxRestarts: 9, backoff: backoff) { for id in ["a", "b"] { child(id) } })
        end("a", .error(Failure()), running)
        let asker = world.puppet()
        let states = world.ask(asker) { _ in
            try await running?.terminate("a")
            return try await running?.children().map(\.state)
        }
        #expect(states == [.stopped, .restarting])
        world.advance(by: .seconds(1_000))
        rest(running)
        #expect(log.values.suffix(1) == ["+b"])
        end("b", .error(Failure()), running)
        stop(running)
        #expect(running?.pid.isAlive == false)
        world.end()
    }

    @Test(arguments: [Supervisor.AutoShutdown.any, .all])
    func `significant children end it (P17)`(autoShutdown: Supervisor.AutoShutdown) {
        let running = run(
            Supervisor(autoShutdown: autoShutdown) {
                child("a", restart: .transient, significant: true)
                child("b", restart: .temporary, significant: true)
                child("c")
            })
        end("b", .error(Failure()), running)
        #expect(running?.pid.isAlive == (autoShutdown == .all))
        end("a", .normal, running)
        #expect(running?.pid.core.endReason?.kind == .shutdown)
        #expect(log.values.last == (autoShutdown == .any ? "-a" : "-c"))
        world.end()
    }

    @Test func `contradictions are rejected before anything starts (P17)`() {
        let trees = [
            Supervisor { for _ in 0..<2 { child("same") } }, Supervisor(maxRestarts: -1) { child("a") },
            Supervisor(period: .zero) { child("a") },
            Supervisor(autoShutdown: .any) { child("a", restart: .permanent, significant: true) },
            Supervisor { child("a", restart: .transient, significant: true) },
            Supervisor {
                child("a")
                Supervisor(id: "inner", maxRestarts: -1) { child("b") }
            },
            Supervisor {
                child("a")
                DynamicSupervisor(maxChildren: -1)
            },
        ]
        for (index, tree) in trees.enumerated() {
            let code = world.ask(world.puppet()) { _ in
                do { _ = try await tree.start() } catch { return (error as? SupervisorError)?.code }
                return nil
            }
            #expect(code == .badSpecification, "tree \(index)")
        }
        #expect(log.values == [])
        world.end()
    }

    @Test func `management does what it says, or says why not (P19)`() {
        let running = run(Supervisor { child("a") })
        let extra = child("b")
        _ = world.ask(world.puppet(log)) { [log] _ in
            guard let running else { return false }
            func note(_ what: String, _ action: () async throws -> Void) async {
                do {
                    try await action()
                    log.record(what)
                } catch { log.record("\(what): \((error as? SupervisorError).map { "\($0.code)" } ?? "\(error)")") }
            }
            await note("start b") { _ = try await running.start(child: extra) }
            await note("start b") { _ = try await running.start(child: extra) }
            await note("delete b") { try await running.delete("b") }
            await note("restart b") { _ = try await running.restart("b") }
            await note("terminate b") { try await running.terminate("b") }
            await note("terminate b") { try await running.terminate("b") }
            await note("start b") { _ = try await running.start(child: extra) }
            await note("restart b") { _ = try await running.restart("b") }
            await note("terminate b") { try await running.terminate("b") }
            await note("delete b") { try await running.delete("b") }
            for action in [running.terminate, running.delete] { await note("none") { try await action("b") } }
            await note("none") { _ = try await running.restart("b") }
            await note("failing") {
                _ = try await running.start(
                    child: Child("x") { () async throws -> PID in
                        throw Failure()
                    })
            }
            log.record("\(try await running.count().specifications) \(try await running.count().active)")
            return true
        }
        #expect(
            log.values == [
                "+a", "+b", "start b", "start b: alreadyRunning", "delete b: alreadyRunning",
                "restart b: alreadyRunning", "-b",
                "terminate b", "terminate b", "start b: alreadyPresent", "+b", "restart b", "-b", "terminate b",
                "delete b",
                "none: notFound", "none: notFound", "none: notFound", "failing: startFailed", "1 1",
            ])
        stop(running)
        let code = world.ask(world.puppet()) { _ in
            do { _ = try await running?.children() } catch { return (error as? SupervisorError)?.code }
            return nil
        }
        #expect(code == .noSupervisor)
        world.end()
    }

    @Test(arguments: [Child.Shutdown.immediate, .after(.seconds(3)), .infinity])
    func `a child is stopped as its specification says (P17)`(shutdown: Child.Shutdown) {
        let latch = DrivenLatch(world.driven)
        let running = run(
            Supervisor {
                Child("slow", shutdown: shutdown) { [started] in
                    let process = Process<Puppet>.spawn { _ in await latch.wait() }
                    started.record(process)
                    return process
                }
            })
        guard let slow = started.values.first else { return #expect(running != nil) }
        begin(running)
        #expect(slow.pid.isAlive == (shutdown != .immediate))
        world.advance(by: .milliseconds(2_999))
        #expect(slow.pid.isAlive == (shutdown != .immediate))
        world.advance(by: .milliseconds(1))
        #expect(slow.pid.isAlive == (shutdown == .infinity))
        world.advance(by: .seconds(1_000))
        #expect(slow.pid.isAlive == (shutdown == .infinity))
        latch.open()
        world.driven.settle()
        world.wait { running?.pid.isAlive != true }
        #expect(running?.pid.isAlive == false)
        #expect(slow.core.endReason?.kind == (shutdown == .infinity ? .shutdown : .killed))
        world.end()
    }

    @Test func `a child that unlinks itself is stopped all the same (P16)`() throws {
        let running = try #require(run(Supervisor { child("a") }))
        let a = try #require(last("a"))
        world.tell(a) { $0.unlink(running.pid) }
        stop(running)
        #expect(!a.pid.isAlive && !running.pid.isAlive)
        world.end()
    }

    @Test func `a supervisor that is killed while it starts a child leaves none behind (P4, P16)`() throws {
        let (latch, reached) = (Latch(), Probe<Bool>())
        let starter = world.puppet()
        let slow = child("slow")
        world.tell(starter) { me in
            _ = try await Supervisor {
                child("a")
                Child("slow") {
                    reached.record(true)
                    await latch.wait()
                    return try await slow.starter.start().pid
                }
                child("c")
            }.start(name: "P16 killed")
        }
        world.wait { reached.count > 0 }
        world.play { Registry.whereis("P16 killed")?.exit(.kill) }
        latch.open()
        world.play { starter.exit(.kill) }
        world.wait { started.count > 1 && world.scheduler.processes.isEmpty && world.scheduler.zombies == 0 }
        #expect(world.scheduler.processes.isEmpty)
        #expect(!log.values.contains("+c"))
    }

    @Test func `a tree stops from its last leaf to its first (P16)`() {
        let running = run(
            Supervisor(.restForOne) {
                child("a")
                Supervisor(id: "inner") { for id in ["b", "c"] { child(id) } }
                child("d")
            })
        stop(running)
        #expect(log.values == ["+a", "+b", "+c", "+d", "-d", "-c", "-b", "-a"])
        world.end()
    }

    @Test func `what runs can be a child and ends when it is stopped (P20)`() {
        let latch = Latch()
        let running = run(
            Supervisor {
                Child.running(
                    "runs", restart: .transient,
                    run: { [log] in
                        log.record("run")
                        await latch.wait()
                        log.record(Task.isCancelled ? "cancelled" : "done")
                    })
            })
        world.wait { log.count > 0 }
        begin(running)
        latch.open()
        world.wait { running?.pid.isAlive != true }
        #expect(log.values == ["run", "cancelled"])
        world.end()
    }

    // MARK: Dynamic ones

    @Test func `a dynamic supervisor has so many children, and stops them all at once (P16)`() throws {
        let pool = try #require(world.ask(world.puppet()) { _ in try await DynamicSupervisor(maxChildren: 50).start() })
        let codes = world.ask(world.puppet()) { [world] _ -> [SupervisorError.Code] in
            var codes: [SupervisorError.Code] = []
            for _ in 0..<51 {
                do {
                    try await pool.start {
                        return Process<Int>.spawn { me in
                            while await me.receive() != nil {}
                            await TestClock.sleep(.seconds(4), world.driven)
                        }
                    }
                } catch { if let code = (error as? SupervisorError)?.code { codes.append(code) } }
            }
            return codes
        }
        #expect(codes == [.tooManyChildren])
        let children = world.ask(world.puppet()) { _ in try await pool.children() } ?? []
        #expect(children.count == 50)
        world.play { children.first?.exit(.kill) }
        let counts = world.ask(world.puppet()) { _ in [try await pool.count(), try await pool.children().count] }
        #expect(counts == [49, 49])
        world.play { pool.pid.exit(.shutdown) }
        world.advance(by: .seconds(4))
        world.wait { !pool.pid.isAlive }
        #expect(!pool.pid.isAlive && children.allSatisfy { !$0.isAlive })
        #expect(children.dropFirst().allSatisfy { $0.core.endReason?.kind == .shutdown }, "none had to be killed")
        world.end()
    }

    @Test func `a start that finds the name taken says who has it (P9, P16)`() throws {
        let pool = try #require(world.ask(world.puppet()) { _ in try await DynamicSupervisor().start() })
        let name = "already started \(pool.pid)"
        let errors = Probe<SupervisorError?>()
        let starts: [@Sendable () async throws -> Process<Int>] = [
            {
                let process = Process<Int>.spawn { me in for await _ in me.mailbox {} }
                try process.register(as: name)
                return process
            }, { throw Failure() },
        ]
        for index in [0, 0, 1] {
            world.tell(world.puppet()) { _ in
                do {
                    _ = try await pool.start(starts[index])
                    errors.record(nil)
                } catch { errors.record(error as? SupervisorError) }
            }
        }
        world.wait { errors.count == 3 }
        #expect(errors.values.map { $0?.code } == [nil, .startFailed, .startFailed])
        #expect(errors.values.map { $0?.alreadyStarted } == [nil, Registry.whereis(name), nil])
        #expect(Registry.whereis(name) != nil)
        world.end()
    }

    @Test func `a dynamic supervisor restarts, gives up and says so (P17, P18)`() throws {
        let pool = try #require(
            world.ask(world.puppet()) { _ in try await DynamicSupervisor(restart: .transient).start() })
        let one = child("one")
        _ = world.ask(world.puppet()) { _ in try await pool.start { try await one.starter.start().pid } }
        end("one", .error(Failure()), pool)
        #expect(log.values == ["+one", "-one", "+one"] && restarts.count == 1)
        end("one", .error(Failure()), pool)
        #expect(pool.pid.core.endReason?.kind == .shutdown && giveUps.count == 1)
        world.end()
    }

    @Test func `a child of a dynamic supervisor is stopped for good (P19)`() throws {
        let pool = try #require(
            world.ask(world.puppet()) { _ in try await DynamicSupervisor(restart: .permanent).start() })
        let one = child("one")
        let codes = world.ask(world.puppet()) { me -> [SupervisorError.Code?] in
            let pid = try await pool.start { try await one.starter.start().pid }
            try await pool.terminate(pid)
            // OTP: to terminate what has ended already succeeds.
            try await pool.terminate(pid)
            do { try await pool.terminate(me.pid) } catch { return [(error as? SupervisorError)?.code] }
            return []
        }
        #expect(codes == [.notFound])
        #expect(log.values == ["+one", "-one"])
        world.end()
    }

    @Test func `a partitioned one starts children where they are asked for (P16, P25)`() async throws {
        try await withGroup(count: 3) { group in
            let pool = try await DynamicSupervisor(placement: .here).startPartitioned(over: group)
            let places = Probe<Bool>()
            for scheduler in group.schedulers {
                let starter = Process<Int>.spawn(on: scheduler) { _ in
                    let pid = try await pool.start { Process<Int>.spawn { me in while await me.receive() != nil {} } }
                    places.record(pid.core.scheduler === scheduler)
                }
                _ = try await starter.down()
            }
            #expect(places.values == [true, true, true])
            #expect(try await pool.count() == 3)
            let children = try await pool.children()
            try await pool.terminate(children[1])
            #expect(try await pool.count() == 2)
            #expect(await pool.stop().kind == .shutdown)
            #expect(children.allSatisfy { !$0.isAlive })
            #expect(await group.processCount() == 0)
        }
    }
}
