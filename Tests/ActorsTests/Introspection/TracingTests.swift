import HansomTesting
import Testing

@testable import Actors

/// Watching what one process does.
@Suite(.ownThread, .timeLimit(.minutes(1))) struct TracingTests {
    let world = World()
    let shown = Probe<String>()

    private func show(_ event: TraceEvent) { shown.record("\(event.kind) \(event.message)") }

    private func reader(_ world: World) -> Process<Int> {
        world.spawn(Int.self) { me in while await me.receive() != nil {} }
    }

    /// Does what each message says.
    struct Worker: Server {
        enum Info: Sendable { case note(Int), goOn(String), idle, fail }
        typealias Continuation = String

        func handle(info: Info, _ me: isolated Me) async throws -> Next {
            switch info {
            case .note: .receive
            case .goOn(let text): .continue(with: text)
            case .idle: .receive(timeout: .seconds(1))
            case .fail: throw Failure()
            }
        }
        func handle(continuation: String, _ me: isolated Me) async throws -> Next { .receive }
        static func description(ofInfo info: Info) -> String { if case .note(let n) = info { "note \(n)" } else { "\(info)" } }
        static func description(ofContinuation continuation: String) -> String { "\(continuation.count) letters" }
    }

    private func started(_ world: World) throws -> ServerProcess<Worker> {
        try #require(world.ask(world.puppet()) { _ in try await Worker().started() })
    }

    @Test func `a server's trace has all that happens to it, as it describes it (P21, P35)`() throws {
        let server = try started(world)
        world.play { server.process.trace(show) }
        world.play {
            server.send(.note(1))
            server.send(.goOn("secret"))
        }
        world.play { server.send(.idle) }
        world.advance(by: .seconds(1))
        world.play { server.process.exit(.shutdown) }
        #expect(
            shown.values == [
                "arrived info(note 1)", "arrived info(\(Worker.Info.goOn("secret")))", "taken info(note 1)",
                "handled info(note 1)", "taken info(\(Worker.Info.goOn("secret")))",
                "handled info(\(Worker.Info.goOn("secret")))", "continued 6 letters", "arrived info(idle)",
                "taken info(idle)", "handled info(idle)", "timedOut timeout", "exiting shutdown", "ended shutdown",
            ])
        #expect(world.scheduler.alarmCount == 0)
        world.end()
    }

    @Test(arguments: TraceEvent.Kind.allCases) func `a trace shows the kinds that it is asked for (P21)`(
        kind: TraceEvent.Kind
    ) throws {
        let server = try started(world)
        world.play { server.process.trace(only: [kind], show) }
        world.play { server.send(.goOn("on")) }
        world.play { server.send(.idle) }
        world.advance(by: .seconds(1))
        world.play { server.process.exit(.shutdown) }
        #expect(shown.values.allSatisfy { $0.hasPrefix("\(kind) ") })
        #expect(shown.count == ([.arrived, .taken, .handled].contains(kind) ? 2 : 1))
        world.end()
    }

    @Test func `a trace shows the messages that its predicate wants, and makes no other a text (P21)`() {
        struct Told: Sendable, CustomStringConvertible {
            let number: Int
            let count: Counter
            var description: String {
                count.add()
                return "\(number)"
            }
        }
        let count = Counter()
        let process = world.spawn(Told.self) { me in while await me.receive() != nil {} }
        world.play { process.trace(where: { $0.number % 10 == 0 }, show) }
        world.play { for number in 1...20 { process.send(Told(number: number, count: count)) } }
        #expect(shown.values.filter { $0.hasPrefix("taken") } == ["taken 10", "taken 20"])
        #expect(shown.count == 6 && count.value == 4)
        world.end()
    }

    @Test func `a trace ends by itself after so many events (P21)`() {
        let process = reader(world)
        world.play { process.trace(only: [.taken], atMost: 3, show) }
        #expect(!process.isPlain)
        world.play { for number in 0..<10 { process.send(number) } }
        #expect(shown.values == ["taken 0", "taken 1", "taken 2"] && process.isPlain)
        world.play { process.trace(atMost: 0, show) }
        #expect(process.isPlain)
        world.end()
    }

    @Test func `a trace ends by itself after so long, and leaves no alarm behind (P21)`() {
        let process = reader(world)
        world.play { process.trace(only: [.arrived], for: .seconds(2), show) }
        world.advance(by: .seconds(1))
        world.play { process.send(1) }
        // Another one takes its place, and has its own time.
        world.play { process.trace(only: [.taken], for: .seconds(2), show) }
        world.advance(by: .seconds(1))
        world.play { process.send(2) }
        world.advance(by: .seconds(1))
        #expect(process.isPlain && world.scheduler.alarmCount == 0)
        world.play { process.send(3) }
        #expect(shown.values == ["arrived 1", "taken 2"])
        world.play { process.trace(for: .seconds(2), show) }
        world.play { process.trace(nil) }
        #expect(process.isPlain && world.scheduler.alarmCount == 0)
        world.play { process.trace(atMost: 1, for: .seconds(2), show) }
        world.play { process.send(4) }
        #expect(process.isPlain && world.scheduler.alarmCount == 0)
        world.play { process.trace(for: .seconds(2), show) }
        world.play { process.exit(.shutdown) }
        #expect(world.scheduler.alarmCount == 0 && shown.values.last == "ended shutdown")
        world.end()
    }

    @Test func `a process is as plain as before while another is traced or keeps its trace (P21)`() {
        let (traced, other) = (reader(world), reader(world))
        world.play {
            traced.trace(show)
            traced.keepTrace(last: 3)
        }
        #expect(!traced.isPlain && other.isPlain)
        world.play { traced.trace(nil) }
        #expect(!traced.isPlain)
        world.play { traced.keepTrace(last: 0) }
        #expect(traced.isPlain)
        world.end()
    }

    // MARK: Code of the user's

    @Test(arguments: ["predicate", "tracer"], ["end", "replace", "send", "exit", "kill"])
    func `a predicate and a tracer may end the trace, replace it, send to the process and end it (P21)`(
        place: String, deed: String
    ) {
        let process = reader(world)
        let left = Counter()
        left.add(3)
        let act = { @Sendable [shown] in
            switch deed {
            case "end": process.trace(nil)
            case "replace": process.trace(only: [.ended]) { shown.record("second \($0.kind)") }
            case "send": if left.add(-1) >= 0 { process.send(7) }
            case "exit": process.exit(.shutdown)
            default: process.exit(.kill)
            }
        }
        world.play {
            if place == "predicate" {
                process.trace(
                    where: { _ in
                        act()
                        return true
                    }, show)
            } else {
                process.trace { [shown] event in
                    shown.record("\(event.kind)")
                    act()
                }
            }
        }
        world.play { for number in 0..<3 { process.send(number) } }
        world.play { process.exit(.shutdown) }
        #expect(!process.pid.isAlive && world.scheduler.zombies == 0 && world.scheduler.alarmCount == 0)
        switch (place, deed) {
        case ("predicate", "end"): #expect(shown.count == 0)
        case ("tracer", "end"): #expect(shown.values == ["arrived"])
        case (_, "replace"): #expect(shown.values.last == "second ended")
        case (_, "send"): #expect(shown.values.filter { $0.hasPrefix("taken") }.count == 6)
        default: #expect(shown.values.last?.hasPrefix("ended") == true)
        }
        world.end()
    }

    // MARK: For the report of a crash

    private func crash(_ world: World) -> CrashReport? {
        world.events.values.lazy.compactMap { if case .crash(let crash) = $0 { crash } else { nil } }.first
    }

    @Test func `the report of a crash has the last events that were kept, the oldest first (P35)`() throws {
        let server = try started(world)
        world.play { server.process.keepTrace(last: 4) }
        for number in 1...5 { world.play { server.send(.note(number)) } }
        world.play { server.send(.fail) }
        let report = try #require(crash(world))
        #expect(
            report.trace.map { "\($0.kind) \($0.message)" } == [
                "taken info(note 5)", "handled info(note 5)", "arrived info(fail)", "taken info(fail)",
            ])
        #expect(report.trace.allSatisfy { $0.process == server.pid })
        world.end()
    }

    @Test func `without being asked a report has no trace, and a process may ask for itself (P35)`() throws {
        let server = try started(world)
        world.play { server.send(.fail) }
        #expect(crash(world)?.trace.count == 0)
        world.events.removeAll()
        let process = world.spawn(String.self) { me in
            me.keepTrace(last: 5_000)
            while let text = await me.receive() { if text == "fail" { throw Failure() } }
        }
        world.play {
            process.send(String(repeating: "x", count: 300))
            for _ in 0..<400 { process.send("more") }
        }
        world.play { process.send("fail") }
        let trace = try #require(crash(world)?.trace)
        #expect(trace.count == TraceHistory.most && trace.last?.message == "fail")
        world.events.removeAll()
        let short = world.spawn(String.self) { me in
            me.keepTrace(last: 10)
            _ = await me.receive()
            throw Failure()
        }
        world.play { short.send(String(repeating: "x", count: 300)) }
        #expect(crash(world)?.trace.last?.message == String(repeating: "x", count: 256) + "... (44 bytes more)")
        world.end()
    }
}
