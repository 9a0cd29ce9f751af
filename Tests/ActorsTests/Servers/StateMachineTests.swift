import HansomTesting
import Testing

@testable import Actors

/// What a state machine asks of its process besides transitions.
@Suite(.timeLimit(.minutes(1)))
struct StateMachineTests {
    let world = World()
    let log = Probe<String>()

    struct Machine: StateMachine {
        enum Event: Sendable {
            case go(Int), again, wait, note(String)
            case beat(String, Duration), stopBeat(String), quiet(Duration)
            case next([String])
            case stop
        }
        enum Info: Sendable { case said(String), later(String), down(Down) }
        typealias Timeout = String

        let log: Probe<String>
        var limit: Duration?

        mutating func enter(_ state: Int, from previous: Int?, _ me: isolated Me) async throws -> Duration? {
            log.record("enter \(state) from \(previous.map { "\($0)" } ?? "-")")
            return limit
        }

        mutating func handle(_ event: Event, in state: Int, _ me: isolated Me) async throws -> Transition<Int> {
            switch event {
            case .go(let next): return .go(next)
            case .again: return .again
            case .wait where state == 0: return .postpone
            case .wait: log.record("waited in \(state)")
            case .note(let text): log.record(text)
            case .beat(let name, let delay): me.startTimeout(name, after: delay)
            case .stopBeat(let name): log.record("stops \(me.cancelTimeout(name))")
            case .quiet(let delay): me.startEventTimeout(after: delay)
            case .next(let texts):
                for text in texts { me.handleNext(.note(text)) }
                log.record("next")
                return .go(state + 1)
            case .stop: return .stop(.normal)
            }
            return .stay
        }

        mutating func handle(info: Info, in state: Int, _ me: isolated Me) async throws -> Transition<Int> {
            switch info {
            case .later where state == 0: return .postpone
            case .said(let text), .later(let text): log.record("info \(text)")
            case .down(let down): log.record("down \(down.reason)")
            }
            return .stay
        }

        mutating func handle(timeout: String, in state: Int, _ me: isolated Me) async throws -> Transition<Int> {
            log.record("timeout \(timeout) in \(state)")
            return .stay
        }

        mutating func handleTimeout(in state: Int, _ me: isolated Me) async throws -> Transition<Int> {
            log.record("over \(state)")
            return .stay
        }

        mutating func handleEventTimeout(in state: Int, _ me: isolated Me) async throws -> Transition<Int> {
            log.record("quiet in \(state)")
            return .stay
        }
    }

    private func start(limit: Duration? = nil) throws -> StateMachineProcess<Machine> {
        let machine = Machine(log: log, limit: limit)
        return try #require(world.ask(world.puppet()) { _ in try await machine.started(in: 0) })
    }

    private func tell(_ machine: StateMachineProcess<Machine>, _ events: Machine.Event...) {
        world.play { for event in events { machine.send(event) } }
    }

    @Test func `a named timeout goes on through all states, begins anew and is cancelled (P12)`() throws {
        let machine = try start()
        tell(machine, .beat("a", .seconds(2)), .beat("b", .seconds(3)), .beat("c", .seconds(3)), .go(1))
        world.advance(by: .seconds(1))
        tell(machine, .beat("a", .seconds(4)), .stopBeat("b"), .stopBeat("b"), .note("-"))
        world.advance(by: .seconds(2))
        world.advance(by: .seconds(2))
        world.advance(by: .seconds(10))
        #expect(
            log.values == [
                "enter 0 from -", "enter 1 from 0", "stops true", "stops false", "-", "timeout c in 1",
                "timeout a in 1",
            ])
        world.end()
    }

    @Test func `a named timeout that is on its way when it is cancelled or begun anew does not come (P12)`() throws {
        let machine = try start()
        tell(machine, .beat("a", .seconds(1)), .beat("b", .seconds(1)))
        // What rings is in the mailbox behind what was sent before.
        world.play { machine.process.setSuspended(true) }
        tell(machine, .stopBeat("a"), .beat("b", .seconds(5)))
        world.advance(by: .seconds(1))
        world.play { machine.process.setSuspended(false) }
        #expect(log.values == ["enter 0 from -", "stops true"])
        world.advance(by: .seconds(5))
        #expect(log.values.last == "timeout b in 0" && log.count == 3)
        world.end()
    }

    @Test func `an event timeout comes when nothing else has (P12)`() throws {
        let machine = try start()
        tell(machine, .quiet(.seconds(1)))
        world.advance(by: .milliseconds(500))
        tell(machine, .note("event"))
        world.advance(by: .seconds(2))
        tell(machine, .quiet(.seconds(1)))
        world.play { machine.send(info: .said("hello")) }
        world.advance(by: .seconds(2))
        tell(machine, .beat("b", .milliseconds(500)), .quiet(.seconds(1)))
        world.advance(by: .seconds(2))
        #expect(log.values == ["enter 0 from -", "event", "info hello", "timeout b in 0"], "each was put off for good")
        tell(machine, .quiet(.seconds(1)))
        world.advance(by: .seconds(1))
        world.advance(by: .seconds(5))
        #expect(log.values.last == "quiet in 0" && log.count == 5, "and comes once")
        world.end()
    }

    @Test func `to enter the same state again begins its timeout anew, and leaves what was postponed (P12)`() throws {
        let machine = try start(limit: .seconds(2))
        tell(machine, .wait)
        world.advance(by: .seconds(1))
        tell(machine, .again)
        world.advance(by: .seconds(1))
        #expect(log.values == ["enter 0 from -", "enter 0 from 0"])
        world.advance(by: .seconds(1))
        #expect(log.values.last == "over 0")
        tell(machine, .go(1))
        #expect(log.values.suffix(2) == ["enter 1 from 0", "waited in 1"])
        world.end()
    }

    @Test func `what is to be handled next comes before what was postponed and what waits (P12)`() throws {
        let machine = try start()
        tell(machine, .wait, .next(["one", "two"]), .note("waiting"))
        #expect(log.values == ["enter 0 from -", "next", "enter 1 from 0", "one", "two", "waited in 1", "waiting"])
        world.end()
    }

    @Test func `what is no event comes apart from events, and can be postponed like one (P12, P24)`() throws {
        let machine = try start()
        let other = world.puppet()
        world.play { machine.send(info: .later("late")) }
        tell(machine, .wait)
        world.play { machine.send(info: .said("soon")) }
        tell(machine, .go(1))
        world.play { machine.process.onOwnThread { $0.monitor(other) { .info(.info(.down($0))) } } }
        world.play { other.exit(.shutdown) }
        #expect(
            log.values == [
                "enter 0 from -", "info soon", "enter 1 from 0", "info late", "waited in 1", "down shutdown",
            ])
        tell(machine, .stop)
        #expect(!machine.isAlive)
        world.end()
    }

    /// Data that only its process has.
    final class Shelf: StateMachine {
        enum Event: Sendable { case put(String), count(Reply<Int>) }
        private var books: [String] = []

        func handle(_ event: Event, in state: Int, _ me: isolated Me) async throws -> Transition<Int> {
            switch event {
            case .put(let book): books.append(book)
            case .count(let reply): reply(books.count)
            }
            return .stay
        }
    }

    @Test func `the data of a machine may be a class that is made on its process (P12)`() throws {
        let count = world.ask(world.puppet()) { _ -> Int in
            let shelf = try await Shelf.started(in: 0) { Shelf() }
            shelf.send(.put("one"))
            shelf.send(.put("two"))
            return try await shelf.call { .count($0) }
        }
        #expect(count == 2)
        world.end()
    }

    @Test func `a machine's data and state are replaced without its being entered (P21)`() throws {
        let machine = try start(limit: .seconds(5))
        let before = world.ask(world.puppet()) { _ in
            try await machine.replaceState { machine, state in
                defer { state = 1 }
                machine.limit = nil
                return state
            }
        }
        tell(machine, .wait, .go(2))
        // The timeout of the state that was entered last has gone with it.
        world.advance(by: .seconds(10))
        #expect(before == 0 && log.values == ["enter 0 from -", "waited in 1", "enter 2 from 1"])
        world.end()
    }
}
