import HansomTesting
import Testing

@testable import Actors

/// Where the children of supervisors live.
@Suite(.timeLimit(.minutes(1)))
struct PlacementTests {
    /// A server that is not told where to live.
    struct Worker: Server {
        enum Call: Sendable { case place(Reply<Int>) }
        mutating func handle(call: Call, _ me: isolated Me) async throws -> Next {
            if case .place(let reply) = call { reply(Scheduler.current?.index ?? -1) }
            return .receive
        }
    }

    private func place(_ process: some Supervisable) -> Int { process.pid.core.scheduler.index }

    @Test func `a dynamic supervisor spreads its children over all schedulers (P16, P25)`() async throws {
        try await withGroup(count: 3) { group in
            let pool = try await DynamicSupervisor().start(on: group.schedulers[0])
            var places: [Int] = []
            for _ in 0..<6 {
                let worker = try await pool.start { try await Worker().started() }
                #expect(try await worker.call { .place($0) } == place(worker))
                #expect(worker.pid.core.parent == pool.pid.core.id, "its parent is its supervisor")
                places.append(place(worker))
            }
            #expect(Set(places[0..<3]) == [0, 1, 2] && Set(places[3..<6]) == [0, 1, 2])
            #expect(place(pool) == 0)
            #expect(await pool.stop() == .shutdown)
            #expect(await group.processCount() == 0)
        }
    }

    @Test func `a child that is spread is started again elsewhere, and its end is seen (P16, P25)`() async throws {
        try await withGroup(count: 2) { group in
            let started = Probe<Process<Int>>()
            let pool = try await DynamicSupervisor(restart: .permanent, maxRestarts: 10).start(on: group.schedulers[0])
            let first = try await pool.start {
                let process = Process<Int>.spawn { me in while await me.receive() != nil {} }
                started.record(process)
                return process
            }
            for count in 2...4 {
                started.values[count - 2].exit(.error(Failure()))
                #expect(await eventually { started.count == count })
            }
            #expect(Set(started.values.map { place($0) }) == [0, 1] && started.values[0] === first)
            #expect(try await pool.count() == 1)
            await pool.stop()
            #expect(started.values.allSatisfy { !$0.isAlive })
        }
    }

    @Test func `children live where their supervisor does, or by a key, or where it says (P16, P25)`() async throws {
        try await withGroup(count: 4) { group in
            let pool = try await DynamicSupervisor(placement: .here).start(on: group.schedulers[2])
            for _ in 0..<4 { #expect(place(try await pool.start { try await Worker().started() }) == 2) }
            for room in 0..<8 {
                var places: Set<Int> = []
                for _ in 0..<3 {
                    places.insert(
                        place(try await pool.start(placement: .by { "room \(room)" }) { try await Worker().started() }))
                }
                #expect(places.count == 1, "those of one key live together")
            }
            let there = try await pool.start(placement: .on(group.schedulers[3])) { try await Worker().started() }
            #expect(place(there) == 3)
            // What a start places by itself stays there.
            let own = try await pool.start(placement: .on(group.schedulers[3])) { [group] in
                try await Worker().started(on: group.schedulers[1])
            }
            #expect(place(own) == 1)
            await pool.stop()
        }
    }

    @Test
    func `a supervisor keeps its children where it lives unless it is told to spread them (P16, P25)`() async throws {
        try await withGroup(count: 3) { group in
            for (placement, count) in [(Placement.here, 1), (.spread, 3)] {
                let tree = try await Supervisor(placement: placement) {
                    for id in 0..<3 { Child("\(id)") { try await Worker().started() } }
                    Child.running("runs", placement: .on(group.schedulers[2])) {
                        #expect(Scheduler.current === group.schedulers[2])
                        try await Task.sleep(for: .seconds(1_000))
                    }
                }.start(on: group.schedulers[1])
                let children = try await tree.children().compactMap(\.pid)
                #expect(Set(children.dropLast().map { place($0) }).count == count)
                #expect(children.last.map { place($0) } == 2)
                #expect(await tree.stop() == .shutdown)
                #expect(children.allSatisfy { !$0.isAlive })
            }
        }
    }

    @Test func `a start that leaves its thread spawns where it was placed (P25)`() async throws {
        try await withGroup(count: 3) { group in
            let pool = try await DynamicSupervisor(placement: .on(group.schedulers[2])).start(on: group.schedulers[0])
            let child = try await pool.start {
                await onGlobalPool { Process<Int>.spawn { me in while await me.receive() != nil {} } }
            }
            #expect(place(child) == 2)
            let nested = Probe<Int>()
            let parent = try await pool.start {
                Process<Int>.spawn(on: group.schedulers[1]) { me in
                    let inner = await onGlobalPool { Process<Int>.spawn { _ in } }
                    nested.record(place(inner))
                }
            }
            _ = try await parent.down()
            #expect(nested.values == [1], "what a child spawns lands where the child lives")
            await pool.stop()
        }
    }

    @Test
    func `a start elsewhere that fails, takes too long or is cancelled is seen as one here (P16, P17)`() async throws {
        try await withGroup(count: 2) { group in
            let pool = try await DynamicSupervisor(
                placement: .on(group.schedulers[1]), startWithin: .milliseconds(30)
            ).start(on: group.schedulers[0])
            do {
                try await pool.start { () async throws -> PID in throw Failure() }
                Issue.record("it has started")
            } catch let error as SupervisorError { #expect(error.code == .startFailed && error.underlying is Failure) }
            do {
                try await pool.start { () async throws -> PID in
                    try await Task.sleep(for: .seconds(1_000))
                    throw Failure()
                }
                Issue.record("it has started")
            } catch let error as SupervisorError {
                #expect((error.underlying as? SupervisorError)?.code == .startTimeout)
            }
            #expect(try await pool.count() == 0)
            await pool.stop()
        }
    }

    @Test func `the parts of a dynamic supervisor start children in turn, by a key or where they are asked (P16, P25)`()
        async throws
    {
        try await withGroup(count: 3) { group in
            let pool = try await DynamicSupervisor().startPartitioned(over: group)
            var places: [Int] = []
            let asker = Process<Int>.spawn(on: group.schedulers[1]) { me in while await me.receive() != nil {} }
            for _ in 0..<3 { places.append(place(try await pool.start { try await Worker().started() })) }
            #expect(Set(places) == [0, 1, 2])
            var keyed: Set<Int> = []
            for _ in 0..<3 {
                keyed.insert(place(try await pool.start(placement: .by { 7 }) { try await Worker().started() }))
            }
            #expect(keyed.count == 1)
            let there = try await pool.start(placement: .on(group.schedulers[2])) { try await Worker().started() }
            #expect(place(there) == 2)
            asker.exit(.shutdown)
            await pool.stop()
        }
    }

    @Test func `what is adopted, as a server's connections are, stays where it is, with the part there (P16, P25)`()
        async throws
    {
        try await withGroup(count: 3) { group in
            let pool = try await DynamicSupervisor(placement: .spread).startPartitioned(over: group)
            for scheduler in group.schedulers {
                for _ in 0..<3 {
                    let connection = Process<Int>.spawn(on: scheduler) { me in while await me.receive() != nil {} }
                    let part = await scheduler.ask { _ in pool.adopt(connection.pid) }
                    #expect(place(connection) == scheduler.index && place(part) == scheduler.index)
                }
            }
            #expect(try await pool.count() == 9)
            await pool.stop()
        }
    }

    @Test func `on a scheduler without a group children are spread over that one (P25)`() {
        let world = World()
        let place = world.ask(world.puppet()) { _ in
            let pool = try await DynamicSupervisor().start()
            return try await pool.start { try await Worker().started() }.pid.core.scheduler.index
        }
        #expect(place == 0)
        world.end()
    }

    @Test func `the shared group is configured before it is used, and once (P28)`() throws {
        let options = SharedOptions()
        try options.set(.init(count: 7))
        #expect(throws: SharedGroupError(isRunning: false)) { try options.set(.init(count: 8)) }
        #expect(options.taken().count == 7)
        #expect(throws: SharedGroupError(isRunning: true)) { try options.set(.init(count: 8)) }
        #expect(SharedOptions().taken().count == SchedulerGroup.processorCount)
        #expect(SchedulerGroup.shared.schedulers.count >= 1)
        do {
            try SchedulerGroup.configureShared(.init(count: 2))
            Issue.record("it is running")
        } catch { #expect(error.isRunning && "\(error)".contains("first thing in main")) }
    }
}

/// Runs what the compiler has made asynchronous elsewhere than where it is called.
@concurrent private func onGlobalPool<R: Sendable>(_ body: @Sendable () -> R) async -> R { body() }
